#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does one broken file leave the other sites served?

. /opt/tests/lib.sh

docroot good
docroot broken
pool good <<<'root = "/srv/www/good"; site: { hosts = [ "good.test" ]; };'
pool broken <<<'root = "/srv/www/broken"; site: { hosts = [ "broken.test" ]; }; mistyped = 1;'

require "the proxy starts with a broken file" systemctl restart php-pool-proxy.service
systemctl start php-pool@good.service
check "the good site is served" equal "$(http_status good.test /info.php)" 200
check "the broken one is answered with 503" equal "$(http_status broken.test /info.php)" 503
check "the status line names it" contains "$(systemctl show -P StatusText php-pool-proxy.service)" broken
placed() { contains "$(journalctl -q -o cat --since "$_began" -u php-pool-proxy.service)" "broken.conf:1"; }
check "the journal has file and line" eventually 10 placed

check "a reload with a broken file is refused" not systemctl reload php-pool-proxy.service
check "the good site is served still" equal "$(http_status good.test /info.php)" 200

pool broken <<<'root = "/srv/www/broken"; site: { hosts = [ "broken.test" ]; };'
systemctl start php-pool@broken.service
check "a reload after the repair succeeds" systemctl reload php-pool-proxy.service
check "the repaired site is served" equal "$(http_status broken.test /info.php)" 200
check "the good site is served as before" equal "$(http_status good.test /info.php)" 200

# a proxy that has no processor for a while: what is read then is in use when systemctl returns
pool broken <<<'root = "/srv/www/broken"; site: { hosts = [ "moved.test" ]; };'
main=$(systemctl show -P MainPID php-pool-proxy.service)
kill -STOP "$main"
systemctl reload php-pool-proxy.service &
reload=$!
sleep 2
check "a reload of which it has not heard is not over" kill -0 "$reload"
kill -CONT "$main"
wait "$reload"
check "it succeeds when it has" equal $? 0
check "and what was read is in use" equal "$(http_status moved.test /info.php)" 200

# one that hangs: nobody knows which configuration serves
kill -STOP "$main"
check "a reload that nobody hears of fails" not systemctl reload php-pool-proxy.service
kill -CONT "$main"
silent() { contains "$(journalctl -q -o cat --since "$_began" -u php-pool-proxy.service)" "The proxy does not answer at /run/php-pool-proxy/control: it may not have seen the reload"; }
check "and the journal says why" eventually 10 silent
check "it serves on" equal "$(http_status good.test /info.php)" 200
check "and reloads again" systemctl reload php-pool-proxy.service
check "by the same process" equal "$(systemctl show -P MainPID php-pool-proxy.service)" "$main"
