#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does an idle pool exit, and wake for the next request, ten times in a row?
#
# Runs beside the others: it waits for most of its two minutes.

. /opt/tests/lib.sh

docroot idle
pool idle <<<'root = "/srv/www/idle"; timeouts: { idle_exit = "10s"; }; site: { hosts = [ "idle.test" ]; };'
require "the socket starts without the service" systemctl start php-pool@idle.socket
check "the service sleeps" inactive php-pool@idle.service

woken=0 slept=0
for ((i = 0; i < 10; i++)); do
        [[ $(fcgi idle info.php) == *"sapi: fpm-fcgi"* ]] && ((++woken))
        eventually 30 inactive php-pool@idle.service && ((++slept))
done
check "it woke ten times" equal "$woken" 10
check "it slept ten times" equal "$slept" 10
check "each time by an exit of its own, not by a failure" equal "$(systemctl show -P Result php-pool@idle.service)" success
never_restarted() {
        [[ $(systemctl show -P NRestarts php-pool@idle.service) == 0 ]] && return
        journalctl -q --no-pager --since "$_began" -u php-pool@idle.service | grep -B5 -A5 'exit-code\|restart\|Failed'
        return 1
}
check "systemd started it no other way" never_restarted
check "the socket still listens" active php-pool@idle.socket
check "looking at it does not wake it" php-poolctl list
check "it still sleeps" inactive php-pool@idle.service
