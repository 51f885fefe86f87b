#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does `journalctl -x` explain what an operator must act on? And does the journal
# have what scripts say: whole, with its place, and a flood of it counted?

. /opt/tests/lib.sh

journalctl --update-catalog
check "the catalog is compiled" test "$(journalctl --list-catalog | grep -c 'php-pool\|pool @PHP_POOL@')" -ge 7

docroot told
cat >/srv/www/told/bad.php <<'PHP'
<?php
switch ($_GET["how"]) {
case "die": posix_kill(getmypid(), 11); sleep(5); break;
case "long": $t = microtime(true); while (microtime(true) - $t < 8); break;
case "lines": error_log("first line\nsecond line\n\nlast line"); break;
case "large": error_log("BEGIN" . str_repeat("x", 100000) . "END"); break;
case "warn": trigger_error("at this place", E_USER_WARNING); break;
case "flood": for ($i = 0; $i < 50000; $i++) error_log("flood $i"); break;
case "wait": sleep(4); break;
}
PHP
pool told <<<'root = "/srv/www/told"; workers: { max = 2; }; timeouts: { request = "4s"; kill = "1s"; slow = "500ms"; queue = "1s"; }; site: { hosts = [ "told.test" ]; };'
require "the pool starts" systemctl start php-pool@told.service

# explained TEXT: journalctl -x shows it, below a message of the pool or of its unit
explained() {
        _explained() { grep -qF -- "$1" <<<"$(journalctl -q -x --no-pager --since "$_began" _SYSTEMD_UNIT=php-pool@told.service)"; }
        eventually 10 _explained "$1" && return
        journalctl -q -x --no-pager --since "$_began" _SYSTEMD_UNIT=php-pool@told.service | tail -n 40
        return 1
}

fcgi told bad.php --query how=die >/dev/null 2>&1
check "a worker that died is explained" explained "A worker of pool told died while it ran a request"
check "with the request that it ran" explained "GET /bad.php?how=die"
check "with what to do" explained "php-poolctl doctor told"
fcgi told bad.php --query how=long >/dev/null 2>&1
check "a request that timed out is explained" explained "A request of pool told ran longer than timeouts.request"
check "a request that is slow is explained" explained "A request of pool told is slow"

# the others, each made to happen; explained() asks for entries of the unit, so it is known whose they are
pool told <<<'root = "/srv/www/told"; workers: { max = 1; }; timeouts: { queue = "500ms"; }; site: { hosts = [ "told.test" ]; };'
require "it reloads" systemctl reload php-pool@told.service
for _ in 1 2; do fcgi told bad.php --query how=wait >/dev/null 2>&1 & done
check "a pool that refuses requests for want of workers is explained" explained "All workers of pool told are busy, and requests were refused"
wait

die_young() {
        for _ in {1..20}; do
                for pid in $(workers told); do kill -9 "$pid" 2>/dev/null; done
                sleep 0.05
        done
}
die_young
check "workers that die before a request are explained" explained "Workers of pool told die before they take a request"

pool told <<<'root = "/srv/www/told"; nonsense = 1;'
kill -HUP "$(manager told)"
check "a configuration that a reload refuses is explained" explained "The configuration of pool told was refused"
check "with its line" explained "Reload refused, the old configuration stays: /etc/php-pool/conf.d/told.conf:1: "
systemctl stop php-pool@told.socket php-pool@told.service
sleep 1 # the entries so far are not of the second that follows
_began=$(date '+%Y-%m-%d %H:%M:%S')
check "it does not start" not systemctl start php-pool@told.service
check "a configuration that a start refuses is explained" explained "The configuration of pool told was refused"
systemctl stop php-pool@told.socket php-pool@told.service

pool told <<<'root = "/srv/www/told"; workers: { max = 200; }; site: { hosts = [ "told.test" ]; };'
dropin php-pool@told.service <<<'[Service]
LimitNPROC=40'
check "it does not start beyond a limit" not systemctl start php-pool@told.service
check "a limit that is too low is explained" explained "A limit of the unit is too low for workers.max of pool told"
dropin php-pool@told.service <<<'[Service]
LimitNPROC=210'
check "it starts where only a reload under full load would be beyond it" systemctl restart php-pool@told.service
check "which is told" journal_has told "a reload under full load needs 403" PRIORITY=4
rm -f /run/systemd/system/php-pool@told.service.d/test.conf
systemctl daemon-reload
systemctl stop php-pool@told.socket php-pool@told.service

# every entry, as it will be shown
while read -r id subject; do
        systemd-cat --version >/dev/null
        logger --journald <<<"MESSAGE=a message of the test
MESSAGE_ID=$id
PHP_POOL=shown"
        shown() { grep -qF -- "${subject//@PHP_POOL@/shown}" <<<"$(journalctl -q -x --no-pager --since "$_began" "MESSAGE_ID=$id" PHP_POOL=shown)"; }
        check "the catalog has '$subject'" eventually 10 shown
done < <(awk '/^-- [0-9a-f]/ { id = $2 } /^Subject: / { sub(/^Subject: /, ""); print id, $0 }' /usr/lib/systemd/catalog/php-pool.catalog)

# what scripts say

pool told <<<'root = "/srv/www/told"; site: { hosts = [ "told.test" ]; };'
systemctl restart php-pool@told.service
fcgi told bad.php --query how=lines >/dev/null
fcgi told bad.php --query how=large >/dev/null
fcgi told bad.php --query how=warn >/dev/null
records() { journalctl -q --since "$_began" -o json --all _SYSTEMD_UNIT=php-pool@told.service; }
whole() { records | python3 -c '
import json, sys
text = sys.argv[1].replace("\\n", "\n")
found = [r for r in map(json.loads, sys.stdin) if isinstance(r.get("MESSAGE"), str) and text in r["MESSAGE"]]
sys.exit(0 if len(found) == 1 else 1)' "$1"; }
check "a message of several lines is one" eventually 10 whole 'first line\nsecond line\n\nlast line'
large() { records | python3 -c '
import json, sys
sys.exit(0 if any(isinstance(r.get("MESSAGE"), str) and "BEGIN" + "x" * 100000 + "END" in r["MESSAGE"] for r in map(json.loads, sys.stdin)) else 1)'; }
check "a message of 100 kB is whole" eventually 10 large
field() { records | grep -F 'at this place' | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline()).get(sys.argv[1], "(none)"))' "$1"; }
check "an error has its file" equal "$(field CODE_FILE)" /srv/www/told/bad.php
check "and its line" equal "$(field CODE_LINE)" 7
check "and its request" test "$(field PHP_REQUEST_ID)" != "(none)"
check "php-poolctl logs shows it" contains "$(php-poolctl logs told --no-pager -n 50)" "at this place"

dropin php-pool@told.service <<<'[Service]
LogRateLimitIntervalSec=3s
LogRateLimitBurst=200'
systemctl restart php-pool@told.service
fcgi told bad.php --query how=flood >/dev/null
sleep 3.5
# journald tells with the next message of that priority
fcgi told bad.php --query how=lines >/dev/null
dropped() { grep -qE 'Suppressed [0-9]+ messages from php-pool@told.service' <<<"$(php-poolctl logs told --no-pager -n 1000)"; }
check "of a flood it is said how much was dropped" eventually 10 dropped
# journald takes some times more than the burst while the disk is empty, anew each three seconds
check "most of it was" test "$(records | grep -c 'flood ')" -lt 25000
