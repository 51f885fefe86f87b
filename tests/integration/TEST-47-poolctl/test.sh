#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Do the verbs of php-poolctl tell the truth where systemd runs: states of units,
# the journal that cannot be forged, reloads in words, and the manual beside it?

. /opt/tests/lib.sh

php=$(php_version)

ctl() { php-poolctl --no-pager "$@"; }
for name in up down broken; do
        docroot "ctl-$name"
        pool "ctl-$name" <<<"root = \"/srv/www/ctl-$name\"; site: { hosts = [ \"$name.test\" ]; };"
done
pool ctl-off <<<'root = "/srv/www/ctl-up"; site: { hosts = [ "off.test" ]; };'
require "a pool starts" systemctl start php-pool@ctl-up.service
systemctl start php-pool@ctl-down.socket php-pool@ctl-broken.socket

state() { ctl list --json | python3 -c 'import json, sys; print(next(p["state"] for p in json.load(sys.stdin) if p["name"] == sys.argv[1]))' "$1"; }
check "a pool that runs is running" equal "$(state ctl-up)" running
check "one whose socket listens is sleeping" equal "$(state ctl-down)" sleeping
check "one whose socket does not is stopped" equal "$(state ctl-off)" stopped
pool ctl-broken <<<'root = 5;'
fcgi ctl-broken info.php >/dev/null 2>&1 &
restarting() { [[ $(state ctl-broken) == restarting || $(state ctl-broken) == starting ]]; }
check "one that dies as soon as it starts is restarting" eventually 10 restarting
pool ctl-broken <<<'root = "/srv/www/ctl-broken"; site: { hosts = [ "broken.test" ]; };'
wait
check "repaired it runs" eventually 10 equal "$(eventually 8 sh -c '[ "$(systemctl is-active php-pool@ctl-broken.service)" = active ]'; state ctl-broken)" running
check "looking has woken nobody" inactive php-pool@ctl-down.service

fcgi ctl-up error.php --query how=softly >/dev/null
journal_has ctl-up "A warning on purpose" >/dev/null
shown=$(ctl status ctl-up)
check "status has the units" contains "$shown" "Service: php-pool@ctl-up.service; active (running), disabled"
check "and the last errors of the journal" contains "$shown" "A warning on purpose"
check "so many as are asked for" equal "$(ctl status ctl-up -n 1 | grep -c 'A warning on purpose')" 1
echo '<?php trigger_error("the first line\nthe second", E_USER_WARNING);' >/srv/www/ctl-up/lines.php
fcgi ctl-up lines.php >/dev/null
second() { grep -qE '^ {20,}the second in /srv/www/ctl-up/lines.php on line 1$' <<<"$(ctl status ctl-up)"; }
check "a message of several lines has them below each other" eventually 10 second
check "status of one that sleeps says so" contains "$(ctl status ctl-down)" "State: sleeping"

# another pool writes a record in our name
fcgi ctl-broken forge.php --query other=ctl-up >/dev/null
forged() { grep -q forged <<<"$(journalctl -q -o cat PHP_POOL=ctl-up --since "$_began")"; }
check "a record can be forged for who matches PHP_POOL" eventually 10 forged
check "not for php-poolctl logs" not contains "$(ctl logs ctl-up)" "forged"
check "which has what systemd says of the units" contains "$(ctl logs ctl-up)" "Started php-pool@ctl-up.service"
check "and what the pool wrote" contains "$(ctl logs ctl-up)" "A warning on purpose"
check "nor for php-poolctl status" not contains "$(ctl status ctl-up)" "forged"
echo '<?php trigger_error("said while somebody follows", E_USER_WARNING);' >/srv/www/ctl-up/followed.php
php-poolctl logs ctl-up --follow -n 1 >/run/followed 2>&1 &
follower=$!
followed() {
        fcgi ctl-up followed.php >/dev/null # as often as it takes: it may not have begun yet
        [[ $(grep -c 'said while somebody follows' /run/followed) -ge 2 ]] # one may have been the last before
}
check "logs -f goes on" eventually 15 followed
kill "$follower"
wait "$follower"
check "logs as JSON" python3 -c 'import json, subprocess; [json.loads(l) for l in subprocess.run(["php-poolctl", "logs", "ctl-up", "--json", "--no-pager"], capture_output=True, text=True, check=True).stdout.splitlines()]'

# reloads

check "reload returns when it is over" ctl reload ctl-up
check "with the generation that serves" contains "$(ctl status ctl-up)" "Generation: 2"
pool ctl-up <<<'root = "/srv/www/ctl-up"; site: { hosts = [ "up.test" ]; }; php: { admin_values = [ "opcache.preload=/srv/www/ctl-up/missing.php" ]; };'
failed=$(ctl reload ctl-up 2>&1)
check "a reload that fails is 1" equal "$?" 1
check "says why" contains "$failed" "The reload of 'ctl-up' failed"
check "and what serves" contains "$failed" "What ran before still serves."
pool ctl-up <<<'root = "/srv/www/ctl-up"; site: { hosts = [ "up.test" ]; }; mistyped = 1;'
check "a broken file is refused with its line" contains "$(ctl reload ctl-up 2>&1)" "ctl-up.conf:1: "
check "with 78" equal "$(ctl reload ctl-up >/dev/null 2>&1; echo $?)" 78
pool ctl-up <<<'root = "/srv/www/ctl-up"; site: { hosts = [ "up.test" ]; };'
check "repaired it reloads" ctl reload ctl-up

# requests and the profiler, in the sandbox

cat >/srv/www/ctl-up/work.php <<'PHP'
<?php
function inner($t) { while (microtime(true) < $t) sqrt(2); }
function outer($s) { inner(microtime(true) + $s); }
outer((float)$_GET["s"]);
PHP
fcgi ctl-up work.php --query s=25 >/dev/null 2>&1 &
running() { contains "$(ctl requests ctl-up)" work.php; }
check "requests shows what runs" eventually 5 running
stack() { contains "$(ctl requests ctl-up)" "inner() /srv/www/ctl-up/work.php:2"; }
check "with the stack of PHP" eventually 5 stack
check "profile draws it" ctl profile ctl-up --seconds 2 -o /run/profile.svg
check "with its functions" grep -q '<title>inner (' /run/profile.svg
check "by another than root nothing of it" not setpriv --reuid=nobody --clear-groups php-poolctl requests ctl-up
id=$(ctl requests ctl-up --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["running"][0]["request_id"])')
check "kill-request ends it" ctl kill-request ctl-up "$id"
# among the slowest it stays
gone() { [[ $(ctl requests ctl-up --json | python3 -c 'import json, sys; print([r["request_id"] for r in json.load(sys.stdin)["running"]])') != *"$id"* ]]; }
check "and it is gone" eventually 8 gone
wait

# scripts can take the control socket away

rm /run/php-pool.d/ctl-up/control
check "a pool that runs without its control socket does not sleep" equal "$(state ctl-up)" unreachable
pool ctl-up <<<'root = "/srv/www/ctl-up"; site: { hosts = [ "up.test" ]; }; env = [ "RELOADED=yes" ];'
echo '<?php echo getenv("RELOADED");' >/srv/www/ctl-up/env.php
check "nor is its reload a success, which nobody can tell of" not ctl reload ctl-up
reloaded() { [[ $(fcgi ctl-up env.php) == *yes* ]]; }
check "but it has happened" eventually 5 reloaded

# a new site, from nothing to an answer

check "new makes a site" ctl new fresh --root /srv/www/fresh --host fresh.test
_pools+=(fresh)
_docroots+=(fresh)
systemctl enable --now php-pool@fresh.socket php-pool-proxy.socket 2>/dev/null
systemctl reload-or-restart php-pool-proxy.service
check "which answers after the commands that it told" contains "$(http fresh.test /)" "Hello from PHP $php"
check "and is well" ctl check fresh
systemctl disable php-pool@fresh.socket php-pool-proxy.socket 2>/dev/null
systemctl stop php-pool-proxy.socket php-pool-proxy.service
rm -f /run/profile.svg /run/followed
