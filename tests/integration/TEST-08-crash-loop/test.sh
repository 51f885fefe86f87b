#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Is a client that waits during a crash loop served after the repair?

. /opt/tests/lib.sh

docroot loop
pool loop <<<'root = "/srv/www/loop"; mistyped = 1;'
require "the socket listens" systemctl start php-pool@loop.socket

answer=$(mktemp)
fcgi loop info.php --timeout 60 >"$answer" 2>&1 &
client=$!

crashed() { [[ $(systemctl show -P NRestarts php-pool@loop.service) -ge "$1" ]]; }
check "the service fails again and again" eventually 20 crashed 6
check "the socket still listens, past the usual limit of five starts" active php-pool@loop.socket
check "the client still waits" kill -0 "$client"
check "systemctl status tells file and line" status_says php-pool@loop.service "loop.conf:1"

pool loop <<<'root = "/srv/www/loop";'
wait "$client"
check "after the repair the client is served" contains "$(cat "$answer")" "sapi: fpm-fcgi"
rm -f "$answer"
