#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does packaging/demo leave a php-pool alone that is in use?

. /opt/tests/lib.sh

demo() { /opt/source/packaging/demo "$@" 2>&1; }
units=$(dirname "$(systemctl show -P FragmentPath php-pool-proxy.service)")
docroot mine
pool mine <<<'root = "/srv/www/mine"; site: { hosts = [ "mine.test" ]; };'
require "a pool and the proxy run" systemctl restart php-pool@mine.service php-pool-proxy.socket php-pool-proxy.service
before=$(systemctl show -P MainPID php-pool@mine.service php-pool-proxy.service)

check "it refuses where php-pool is installed" contains "$(demo)" "php-pool is installed on this machine ("
# As where it has been installed from source, into /usr/local
mv "$units/php-pool@.service" /run/away
check "and where other sites are served" contains "$(demo)" "php-pool serves other sites on this machine (/etc/php-pool/conf.d/mine.conf)"
mv /etc/php-pool/conf.d/mine.conf /run/away.conf
check "and where the proxy runs" contains "$(demo)" "php-pool-proxy.socket is active on this machine"
mv /run/away.conf /etc/php-pool/conf.d/mine.conf
mv /run/away "$units/php-pool@.service"
check "it fails then" not demo
check "it stops nothing that is not its own" contains "$(demo stop)" "There is no demo on this machine"
check "nothing has been touched" equal "$(systemctl show -P MainPID php-pool@mine.service php-pool-proxy.service)" "$before"
check "and the site is served" contains "$(http mine.test /info.php)" "sapi: fpm-fcgi"
check "at no other address" test ! -e /run/systemd/system/php-pool-proxy.socket.d/demo.conf
systemctl stop php-pool-proxy.socket php-pool-proxy.service
