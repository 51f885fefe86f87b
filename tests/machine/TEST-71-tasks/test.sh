#!/bin/bash
# SPDX-License-Identifier: MIT
#
# TasksMax= against workers.max: is what cannot work refused in words, and what is tight served
# within the limit, reloads under full load included?

. /opt/tests/lib.sh

docroot tasks
pool tasks <<<'root = "/srv/www/tasks"; workers: { max = 12; }; timeouts: { queue = "60s"; };'
limit() {
        dropin php-pool@tasks.service <<<$'[Service]\nTasksMax='"$1"
        systemctl stop php-pool@tasks.socket php-pool@tasks.service 2>/dev/null
}
says() { grep -qF -- "$1" <<<"$(journalctl -q -o cat --since "$_began" -u php-pool@tasks.service)"; }

limit 8
check "a pool of 12 workers with TasksMax=8 does not start" not systemctl start php-pool@tasks.service
check "and says what is too small, for what, and how to change it" eventually 10 \
        says "TasksMax=8 is too small for workers.max = 12: the pool needs 15. Raise it with 'systemctl edit php-pool@tasks.service'"

limit 17
require "with TasksMax=17 it starts" systemctl start php-pool@tasks.service
check "and says that a reload under full load needs more" eventually 10 says "TasksMax=17 is too small for workers.max = 12: a reload under full load needs 27"
cgroup=/sys/fs/cgroup$(systemctl show -P ControlGroup php-pool@tasks.service)
check "the limit is the cgroup's" equal "$(cat "$cgroup/pids.max")" 17

# ask [COMMAND…]: twelve requests at once, and the command among them; sets most, the number of processes
ask() {
        local pids=() i n failed=0
        most=0
        for ((i = 0; i < 12; i++)); do
                fcgi tasks slow.php --query "ms=4000&token=$i" --timeout 60 >/dev/null 2>&1 &
                pids+=($!)
        done
        sleep 2
        "$@" || ((++failed))
        for ((i = 0; i < 10; i++)); do
                n=$(cat "$cgroup/pids.current")
                ((n <= most)) || most=$n
                sleep 0.1
        done
        for i in "${pids[@]}"; do wait "$i" || ((++failed)); done
        return "$failed"
}
ask true
check "twelve requests at once are all answered" equal "$?" 0
check "by at most 17 processes" test "$most" -le 17
ask systemctl reload php-pool@tasks.service
check "also while the pool is reloaded" equal "$?" 0
check "which is by at most 17 processes too" test "$most" -le 17
echo "          $most processes"
check "the pool was not restarted" equal "$(systemctl show -P NRestarts php-pool@tasks.service)" 0
check "and serves" contains "$(fcgi tasks info.php)" "sapi: fpm-fcgi"

check "TasksMax= is raised live" systemctl set-property --runtime php-pool@tasks.service TasksMax=40
check "and is in force" equal "$(cat "$cgroup/pids.max")" 40
systemctl revert php-pool@tasks.service 2>/dev/null
