#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does php-pool.target stand for all pools, and does an enabled pool come up with it?
#
# Runs after the others: it stops every pool there is.

. /opt/tests/lib.sh

docroot first
docroot second
pool first <<<'root = "/srv/www/first";'
pool second <<<'root = "/srv/www/second"; site: { hosts = [ "second.test" ]; };'

check "a pool is enabled, its socket with it" systemctl --quiet enable php-pool@first.service
check "the socket is enabled" systemctl --quiet is-enabled php-pool@first.socket
check "it starts at boot" \
        contains "$(systemctl show -P Wants multi-user.target)" php-pool@first.service
require "the target starts the enabled pool" systemctl start php-pool.target
check "which serves" contains "$(fcgi first info.php)" "sapi: fpm-fcgi"
check "the other one has to be started" inactive php-pool@second.service
check "and can be" systemctl start php-pool@second.service

systemctl stop php-pool.target
check "stopping the target stops the first pool" eventually 15 inactive php-pool@first.service
check "and the second" eventually 15 inactive php-pool@second.service
check "and their sockets" eventually 15 inactive php-pool@second.socket
systemctl --quiet disable php-pool@first.service
check "a disabled pool has no links left" not systemctl --quiet is-enabled php-pool@first.socket
