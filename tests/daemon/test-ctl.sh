#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test-ctl.sh PHP-POOLCTL CONTROL-SERVER
#
# php-poolctl against real control sockets: one of a pool, some of pools that
# have been taken over, and none at all.

set -euo pipefail

ctl=$1 server=$2
dir=$(mktemp -d)
pids=()
n_failed=0

cleanup() {
        kill "${pids[@]}" 2>/dev/null || :
        rm -rf "$dir"
}
trap cleanup EXIT

# serve NAME MODE: returns when it listens
serve() {
        local ready
        mkdir -p "$dir/run/$1"
        exec {ready}< <(exec "$server" "$dir/run/$1/control" "$2")
        pids+=($!)
        read -r -u "$ready"
}

# run ARGUMENTS…: sets out, err, status
run() {
        status=0
        "$ctl" --config-dir "$dir/etc" --run-dir "$dir/run" --worker-dir "$dir/workers" "$@" \
                >"$dir/out" 2>"$dir/err" || status=$?
        out=$(tr '\0' '?' <"$dir/out")
        err=$(tr '\0' '?' <"$dir/err")
}

fail() {
        printf 'FAILED: %s\n--- status %s, out:\n%s\n--- err:\n%s\n' "$1" "$status" "$out" "$err"
        ((++n_failed))
}

# want WHAT STATUS [PATTERN…]: the exit status, and a regular expression each that some line of the output matches
want() {
        local what=$1 wanted=$2 pattern
        shift 2
        [[ $status == "$wanted" ]] || fail "$what: exit status, not $wanted"
        for pattern in "$@"; do
                grep -qE -- "$pattern" "$dir/out" "$dir/err" || fail "$what: nothing like $pattern"
        done
}

# Nothing in the output may control a terminal.
want_clean() {
        if LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' "$dir/out" "$dir/err"; then
                fail "$1: control characters"
        fi
}

site() {
        printf '%s\n' "root = \"${2:-/usr/share}\";" "site: { hosts = [ \"$1.test\" ]; };" "${@:3}" >"$dir/etc/conf.d/$1.conf"
}

mkdir -p "$dir/etc/conf.d" "$dir/run" "$dir/workers"
install -m 0755 /dev/null "$dir/workers/php-pool-worker-8.2"
for name in www evil mute junk asleep; do
        site "$name"
done
echo 'no pool' >"$dir/etc/conf.d/README"
serve www pool
www=${pids[-1]}
serve evil hostile
serve mute silent
serve junk garbage

# the command line

run --help
want "help" 0 '^  list ' '^  status \[NAME\] ' '^  check \[NAME\] ' '^  reload NAME ' '^  wait-reload \[NAME\] ' '--config-dir DIR'
run --version
want "version" 0 '^php-poolctl [0-9.]+$'
for arguments in "" "explode" "list www" "status a b" "reload" "reload a b" "--explode" "list --run-dir" "check --json" \
        "status pool" "status ../www" "reload a.b" "wait-reload -- -a" "check pool-x"; do
        # shellcheck disable=SC2086
        run $arguments
        want "usage of '$arguments'" 64
        [[ -z $out ]] || fail "usage of '$arguments': something on stdout"
done

# list

run list
want "list" 0 '^NAME +STATE +SITE +PHP +WORKERS +QUEUE +RATE +MEMORY +SINCE +ROOT$' \
        '^www +running +www\.test +8\.2\.30 +1/2/8 +4 +12\.3/s +3\.0M +1h 1min +/usr/share$' \
        '^asleep +sleeping +asleep\.test +[0-9.-]+ +- +- +- +- +- +/usr/share$' \
        '^junk +unreachable ' '^mute +unreachable ' '^evil +unknown ' \
        "'junk' is unreachable: its answer is not of the protocol" "'mute' is unreachable: no answer in time"
want_clean "list"
[[ $(wc -l <"$dir/out") == 6 ]] || fail "list: not one line for each pool"

run status mute
want "status of a silent pool" 1 'Error: no answer in time'
rm "$dir/etc/conf.d/mute.conf" # it has cost enough seconds

run --no-legend list
want "list without legend" 0 '^www '
! grep -q '^NAME' "$dir/out" || fail "list without legend: there is one"

run list --json
want "list as JSON" 0
want_clean "list as JSON"
python3 - "$dir/out" <<'PYTHON' || fail "list as JSON: its content"
import json, sys
pools = {pool["name"]: pool for pool in json.load(open(sys.argv[1], encoding="ascii"))}
assert sorted(pools) == ["asleep", "evil", "junk", "www"], pools.keys()
assert pools["www"]["state"] == "running" and pools["www"]["status"]["workers"]["busy"] == 1
pools["asleep"].pop("php", None)  # of the newest worker that is installed
assert pools["asleep"] == {"name": "asleep", "state": "sleeping", "root": "/usr/share", "site": "asleep.test"}
assert pools["evil"]["state"] == "unknown" and "\x1b" in pools["evil"]["status"]["state"]
assert pools["junk"]["state"] == "unreachable" and pools["junk"]["error"]
PYTHON

# status

run status www
want "status" 0 '^ +Pool: www$' '^ +State: running$' '^ +PHP: 8\.2\.30$' '^ +Generation: 3$' '^ +Since: .*; 1h 1min ago$' \
        '^ +Workers: 1 busy, 2 idle, 0 starting \(min 1, max 8\)$' '^ +Queue: 4 requests waiting, 5 connections kept$' \
        '^ +Requests: 1234, 12\.3/s, 6 slow, 7 crashes, 8 timeouts, 9 refused$' '^ +Last error: worker 2 died$' \
        '^ID +PID +STATE +REQUESTS +AGE +MEMORY +URI$' \
        '^ 1 +4711 +busy +700 +1s +2\.0M +POST /doku\.php\?id=start$' '^ 2 +4712 +idle +534 +1min 30s +1\.0M +-$'
run status evil
want "status of a hostile pool" 0 '^ +Pool: evil$' '^ +Last error: a\?b\?c' '/\?\?\]0;x\?$'
want_clean "status of a hostile pool"
run status evil --json
want_clean "status of a hostile pool as JSON"
python3 -c 'import json, sys; s = json.load(open(sys.argv[1])); assert s["name"] == "evil" and s["state"] == "unknown"' "$dir/out" ||
        fail "status of a hostile pool as JSON: its content"
run status asleep
want "status of a sleeping pool" 0 'State: sleeping'
ln -s ../www/control "$dir/run/asleep"
mkdir "$dir/run/linked"
ln -s ../www/control "$dir/run/linked/control"
run status linked
want "status through a link" 1 'Error: its control socket has been replaced by something else'
rm -r "$dir/run/linked" "$dir/run/asleep"

# reload

run wait-reload www
want "waiting for no reload" 0
kill -HUP "$www"
run wait-reload www
want "waiting for a reload that succeeds" 0 'Generation 4 serves\.'
kill -HUP "$www"
run wait-reload www
want "waiting for a reload that fails" 1 "The reload of 'www' failed: preload\.php:3: \?\[31mbroken"
want_clean "waiting for a reload that fails"
run wait-reload asleep
want "waiting for a sleeping pool" 1 'it is not running'
run wait-reload
want "waiting for the proxy" 0
run reload asleep
want "reload of a sleeping pool" 0 "'asleep' is not running"
if [[ ! -d /run/systemd/system && $(id -u) == 0 ]]; then
        run reload www
        want "reload" 0 'Generation 4 serves\.'
        run reload www
        want "reload that fails" 1 'preload\.php:3' 'What ran before still serves\.'
elif [[ ! -d /run/systemd/system ]]; then
        run reload www
        want "reload by another than root" 1 "Only root may reload 'www'\."
fi

# check

run check
want "check of good files" 0 '^www: ok; PHP 8\.2, php\.ini ' '^asleep: ok; PHP 8\.2, php\.ini '
site www /usr/share 'php: { version = "9.9"; };'
run check www
want "check without the worker" 78 '/conf\.d/www\.conf:3: no worker for PHP 9\.9: .*php-pool-worker-9\.9'
run check asleep
want "check of another than the broken one" 0 '^asleep: ok; PHP 8\.2, php\.ini '
site www /usr/share/nowhere/below
run check www
want "check without the root" 78 "/conf\.d/www\.conf:1: '/usr/share/nowhere' does not exist$"
site www /usr/share 'site: { docroot = "missing"; };'
sed -i 2d "$dir/etc/conf.d/www.conf"
run check www
want "check without the doc root" 78 "/conf\.d/www\.conf:2: '/usr/share/missing' does not exist$"
mkdir -p -m 0755 "$dir/tree" "$dir/tree/site"
chmod 0700 "$dir"
site www "$dir/tree/site"
run check www
want "check of a closed directory" 0 "/conf\.d/www\.conf:1: warning: '$dir' is not open to other users" '^www: ok, with 1 warning; PHP'
chmod 0755 "$dir"
run check www
want "check of a directory that the unit hides" 0 "warning: '(/var)?/tmp' is hidden from the pool by its unit \(PrivateTmp=\)"
site www "$dir/etc/conf.d/README"
run check www
want "check of a root that is a file" 78 "README' is not a directory"
site www /usr/share 'env = [ "APP_KEY=abc", "DB_Password=@credential:db", "APP_ENV=prod", "smtp_password=x" ];'
run check www
want "check for secrets" 0 'conf:3: warning: APP_KEY looks like a secret' 'warning: smtp_password looks' '^www: ok, with 2 warnings; PHP'
site www /usr/share 'php: { values = [ "session.save_path=tcp://h?auth=abc", "session.name=a" ]; admin_values = [ "mysqli.default_pw=abc", "precision=5" ]; };'
run check www
want "check for secrets in PHP's settings" 0 'warning: session.save_path looks as if' 'warning: mysqli.default_pw looks as if' '^www: ok, with 2 warnings; PHP'
! grep -q 'abc' "$dir/out" || fail "check for secrets: one is told"
site www /usr/share 'env = [ "APP_KEY=abc", "DB_Password=@credential:db", "APP_ENV=prod", "smtp_password=x" ];'
run check www
! grep -qE 'APP_ENV|DB_Password|abc' "$dir/out" || fail "check for secrets: too much said"
echo 'root = 5;' >"$dir/etc/conf.d/www.conf"
echo 'root = "/usr/share"; ' >"$dir/etc/conf.d/a.b.conf"
run check
want "check of a broken file among good ones" 78 '/conf\.d/www\.conf:1: ' '^asleep: ok; PHP 8\.2, php\.ini ' \
        "a\.b\.conf: the file's name cannot be the name of a pool"
run check nowhere
want "check of a file that is not there" 78 'conf\.d/nowhere\.conf: '
run reload www
want "reload with a broken file" 78 '/conf\.d/www\.conf:1: '
rm "$dir/etc/conf.d/www.conf" "$dir/etc/conf.d/a.b.conf"
site two /usr/share
sed -i 's/two\.test/asleep.test/' "$dir/etc/conf.d/two.conf"
run check two
want "check of a host name that another has" 78 '/conf\.d/two\.conf:.*asleep'
rm "$dir/workers/php-pool-worker-8.2"
run check asleep
want "check with no worker at all" 78 'no worker is installed'
rm -r "$dir/etc/conf.d"
run list
want "list without conf.d" 1 "conf\.d': No such file"

((n_failed == 0)) || { echo "$n_failed failed"; exit 1; }
