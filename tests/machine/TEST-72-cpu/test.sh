#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Do two pools share the processors as CPUWeight= says when both want them all, and does
# CPUQuota= that is set live bind at once?

. /opt/tests/lib.sh

for name in light heavy; do
        docroot "$name"
        echo '<?php set_time_limit(0); $end = hrtime(true) + 1e6 * $_GET["ms"]; while (hrtime(true) < $end) md5("x"); echo "burnt\n";' \
                >"/srv/www/$name/burn.php"
        pool "$name" <<<"root = \"/srv/www/$name\"; workers: { max = 4; };"
done
dropin php-pool@light.service <<<$'[Service]\nCPUWeight=50'
dropin php-pool@heavy.service <<<$'[Service]\nCPUWeight=400'
require "two pools start" systemctl start php-pool@light.service php-pool@heavy.service

# burn MS NAME…: four requests of each pool at once; sets used[NAME], microseconds of processor
declare -A used
burn() {
        local ms=$1 name pids=()
        shift
        for name; do
                used[$name]=$(usage "$name")
        done
        for name; do
                for _ in 1 2 3 4; do
                        fcgi "$name" burn.php --query "ms=$ms" --timeout 60 >/dev/null &
                        pids+=($!)
                done
        done
        wait "${pids[@]}"
        for name; do
                used[$name]=$(($(usage "$name") - used[$name]))
        done
}
usage() { sed -n 's/^usage_usec //p' "/sys/fs/cgroup$(systemctl show -P ControlGroup "php-pool@$1.service")/cpu.stat"; }

burn 10000 light heavy
ratio=$((used[heavy] * 10 / used[light]))
echo "          CPUWeight 400 : 50 gave $((used[heavy] / 1000)) ms : $((used[light] / 1000)) ms"
check "the pool with eight times the weight has at least three times the processor" test "$ratio" -ge 30
check "and the other is not starved" test "${used[light]}" -ge 500000

check "CPUQuota= is set live" systemctl set-property --runtime php-pool@heavy.service CPUQuota=30%
burn 6000 heavy
echo "          CPUQuota=30% gave $((used[heavy] / 1000)) ms in 6 s of wanting two processors"
check "and binds at once" test "${used[heavy]}" -le 3500000
check "the pool serves on" contains "$(fcgi heavy info.php)" "sapi: fpm-fcgi"
systemctl revert php-pool@heavy.service 2>/dev/null
