#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What do 1000 configured, sleeping pools take? The memory of everything, PID 1 included; beside it a master
# of php-fpm with as many pools of pm = ondemand.

. /opt/tests/lib.sh

readonly n=${BENCH_POOLS:-1000}

# PSS of all processes of this tree, in kB
memory() {
        cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ { n += $2 } END { print n }'
}

# PSS of a process and its children
memory_of() {
        local pid
        for pid in "$1" $(cat /proc/"$1"/task/*/children); do cat "/proc/$pid/smaps_rollup"; done | awk '/^Pss:/ { n += $2 } END { print n }'
}

docroot sleeping
# All at once, since one after the other takes minutes.
remove() {
        systemctl stop 'php-pool@s*.socket' 'php-pool@s*.service'
        rm -f /etc/php-pool/conf.d/s[0-9]*.conf
        clean_up
}
trap remove EXIT
before=$(memory) before_one=$(awk '/^Pss:/ { print $2 }' /proc/1/smaps_rollup)
sockets=()
for ((i = 0; i < n; i++)); do
        echo "root = \"/srv/www/sleeping\"; site: { hosts = [ \"s$i.test\" ]; };" >"/etc/php-pool/conf.d/s$i.conf"
        sockets+=("php-pool@s$i.socket")
done
began=$(date +%s%N)
systemctl start "${sockets[@]}"
took=$((($(date +%s%N) - began) / 1000000))
after=$(memory) after_one=$(awk '/^Pss:/ { print $2 }' /proc/1/smaps_rollup)
check "all $n sockets listen" equal "$(systemctl list-units --no-legend --state=listening 'php-pool@s*.socket' | wc -l)" "$n"
check "no pool runs" equal "$(pgrep -c php-poold)" 0
check "the last of them wakes" contains "$(fcgi "s$((n - 1))" /srv/www/sleeping/info.php)" "sapi: fpm-fcgi"
echo "  FIGURE  $n sleeping pools: $((after - before)) kB more in all processes, of that PID 1 $((after_one - before_one)) kB; started in $took ms"

if systemctl restart php-pool-proxy.socket && systemctl restart php-pool-proxy.service; then
        echo "  FIGURE  the proxy with $n sites: $(memory_of "$(systemctl show -P MainPID php-pool-proxy.service)") kB"
        systemctl stop php-pool-proxy.socket php-pool-proxy.service
fi

fpm=$(compgen -G '/usr/sbin/php-fpm*' | head -1)
if [[ $fpm ]]; then
        {
                printf '[global]\nerror_log = /run/fpm.log\n'
                for ((i = 0; i < n; i++)); do
                        printf '[s%d]\nuser = www-data\ngroup = www-data\nlisten = /run/fpm/s%d.sock\npm = ondemand\npm.max_children = 8\n' "$i" "$i"
                done
        } >/run/fpm.conf
        mkdir -p /run/fpm
        (ulimit -n 65536; exec "$fpm" -F -y /run/fpm.conf) &
        eventually 30 test -S "/run/fpm/s$((n - 1)).sock"
        sleep 1
        echo "  FIGURE  php-fpm's master with $n pools of pm = ondemand: $(awk '/^Pss:/ { print $2 }' /proc/$!/smaps_rollup) kB"
        kill $!
        wait $! 2>/dev/null
        rm -rf /run/fpm /run/fpm.conf /run/fpm.log
fi
