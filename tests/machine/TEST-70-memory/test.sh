#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does a worker that eats memory die alone, at MemoryMax= of its pool, while the pool serves
# on; and do the limits of all pools together and those that are changed live hold?

. /opt/tests/lib.sh

docroot eat
cat >/srv/www/eat/eat.php <<'PHP'
<?php
ini_set("memory_limit", -1);
$hold = [];
for ($i = 0; $i < (int)$_GET["mb"]; $i++) $hold[] = str_repeat(chr($i % 256), 1 << 20);
usleep((int)($_GET["ms"] ?? 0) * 1000);
echo "ate\n";
PHP
pool eat <<<'root = "/srv/www/eat"; workers: { max = 4; }; site: { hosts = [ "eat.test" ]; };'
dropin php-pool@eat.service <<<$'[Service]\nMemoryMax=120M\nMemorySwapMax=0'
require "a pool with MemoryMax=120M starts" systemctl start php-pool@eat.service
cgroup=/sys/fs/cgroup$(systemctl show -P ControlGroup php-pool@eat.service)
check "the limit is the cgroup's" equal "$(cat "$cgroup/memory.max")" $((120 * 1024 * 1024))
manager=$(manager eat) template=$(template eat)

fcgi eat slow.php --query 'ms=8000&token=bystander' >/tmp/bystander 2>&1 &
bystander=$!
sleep 1
said=$(fcgi eat eat.php --query mb=400 2>&1)
check "a request that eats 400 MB is answered with an error" test "$said" != ate
check "the kernel killed one process for it" equal "$(sed -n 's/^oom_kill //p' "$cgroup/memory.events")" 1
check "the manager is the same" equal "$(manager eat)" "$manager"
check "so is the template" equal "$(template eat)" "$template"
check "the service goes on (OOMPolicy=continue)" active php-pool@eat.service
check "and was not restarted" equal "$(systemctl show -P NRestarts php-pool@eat.service)" 0
check "the next request is served" contains "$(fcgi eat info.php)" "sapi: fpm-fcgi"
wait "$bystander"
check "and the request beside it finished" equal "$(cat /tmp/bystander)" "slow bystander"
check "the journal says which worker and which request" journal_has eat "/eat.php"

check "systemd-cgtop shows the memory of the pool" \
        grep -qE 'php-pool.slice/php-pool@eat.service +[0-9]+ +[-0-9.]+ +[0-9.]+M' <<<"$(systemd-cgtop -b -n 1 --depth=5)"
systemd-cgtop -b -n 1 --depth=5 | grep php-pool | sed 's/^/          /'

check "systemctl set-property changes the limit of a running pool" systemctl set-property --runtime php-pool@eat.service MemoryMax=600M
check "at once" equal "$(cat "$cgroup/memory.max")" $((600 * 1024 * 1024))
check "without a restart" equal "$(manager eat)" "$manager"
check "what was too much before is served now" equal "$(fcgi eat eat.php --query mb=200)" ate

check "all pools together get MemoryHigh=" systemctl set-property --runtime php-pool.slice MemoryHigh=150M
slice=/sys/fs/cgroup$(systemctl show -P ControlGroup php-pool.slice)
before=$(sed -n 's/^high //p' "$slice/memory.events")
fcgi eat eat.php --query 'mb=160' --timeout 10 >/dev/null 2>&1 &
eating=$!
check "who goes beyond it is slowed down" eventually 60 sh -c "[ \$(sed -n 's/^high //p' $slice/memory.events) -gt $before ]"
check "and not killed" equal "$(sed -n 's/^oom_kill //p' "$cgroup/memory.events")" 1
systemctl set-property --runtime php-pool.slice MemoryHigh=infinity
wait "$eating"
check "the pool serves on" contains "$(fcgi eat info.php)" "sapi: fpm-fcgi"
systemctl revert php-pool@eat.service php-pool.slice 2>/dev/null
