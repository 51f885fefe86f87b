# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the scenarios are written with. A scenario makes pools, checks sentences
# about them, and leaves the machine as it found it: what it made with pool,
# dropin and docroot is removed when it ends.

set -uo pipefail

readonly tests=/opt/tests
readonly libexec=/usr/libexec/php-pool
readonly examples=/usr/share/doc/php-pool/examples

_pools=() _dropins=() _docroots=()

# check SENTENCE COMMAND…: the sentence is true when the command succeeds
check() {
        local sentence=$1 output
        shift
        if output=$("$@" 2>&1); then
                printf 'pass\t%s\n' "$sentence" >&3
                printf '  ok      %s\n' "$sentence"
        else
                printf 'fail\t%s\n' "$sentence" >&3
                printf '  NOT OK  %s\n' "$sentence"
                local command=$*
                printf '          %s\n' "\$ ${command:0:150}" "${output:-(no output)}"
                return 1
        fi
}

# require SENTENCE COMMAND…: the same, and without it the rest makes no sense
require() {
        check "$@" || exit 0
}

skip() {
        printf 'skip\t%s\n' "$1" >&3
        printf '  skipped %s\n' "$1"
}

# eventually SECONDS COMMAND…: succeeds as soon as the command does
eventually() {
        local end=$((${EPOCHREALTIME//[!0-9]/} + $1 * 1000000)) # SECONDS would count the begun one
        shift
        until "$@"; do
                ((${EPOCHREALTIME//[!0-9]/} < end)) || return 1
                sleep 0.1
        done
}

equal() {
        [[ $1 == "$2" ]] || { printf "is '%s', not '%s'\n" "$1" "$2"; return 1; }
}

contains() {
        [[ $1 == *"$2"* ]] || { printf "'%s' is not in:\n%s\n" "$2" "$1"; return 1; }
}

not() {
        ! "$@"
}

#
# Pools
#

# pool NAME <<<CONFIGURATION: writes conf.d/NAME.conf
pool() {
        cat >"/etc/php-pool/conf.d/$1.conf"
        _pools+=("$1")
}

# dropin UNIT <<<SETTINGS
dropin() {
        mkdir -p "/run/systemd/system/$1.d"
        cat >"/run/systemd/system/$1.d/test.conf"
        _dropins+=("$1")
        systemctl daemon-reload
}

# docroot NAME: /srv/www/NAME with a copy of the scripts of tests/integration/php
docroot() {
        mkdir -p "/srv/www/$1"
        cp -r "$tests/php/." "/srv/www/$1/"
        chmod -R a+rX "/srv/www/$1"
        _docroots+=("$1")
}

# php_version: that of the newest worker installed, which pools run unless they name another
php_version() {
        (cd "$libexec" && printf '%s\n' php-pool-worker-*) | sed 's/php-pool-worker-//' | sort -V | tail -1
}

manager() { systemctl show -P MainPID "php-pool@$1.service"; }

# The template is the manager's child that runs the worker's executable, the workers are the template's.
template() { children_named "$(manager "$1")" php-pool-worker | head -1; }
workers() { children_named "$(template "$1")" php-pool-worker; }

# children_named PID NAME: by the executable, since a process names itself
children_named() {
        local child exe
        for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
                exe=$(readlink "/proc/$child/exe")
                [[ ${exe##*/} == "$2"* ]] && echo "$child"
        done
}

# fcgi NAME SCRIPT [OPTION…]: asks the pool itself
fcgi() {
        local name=$1 script=$2
        shift 2
        [[ $script == /* ]] || script=/srv/www/$name/$script
        "$tests/fcgi_client.py" "/run/php-pool/$name.sock" "$script" "$@"
}

# http HOST PATH [OPTION…]: asks the proxy
http() {
        local host=$1 path=$2
        shift 2
        curl -sS --path-as-is --max-time 30 -H "Host: $host" "$@" "http://127.0.0.1$path"
}

# http_status HOST PATH [OPTION…]
http_status() {
        http "$@" -o /dev/null -w '%{http_code}'
}

# journal NAME [MATCH…]: the messages of a pool's service since the scenario began
journal() {
        local name=$1
        shift
        journalctl -q --no-pager --since "$_began" -o cat "_SYSTEMD_UNIT=php-pool@$name.service" "$@"
}

# journal_has NAME TEXT [MATCH…]: within ten seconds, because the journal is written later than the answer
journal_has() {
        local name=$1 text=$2
        shift 2
        _journal_has() { grep -qF -- "$text" <<<"$(journal "$name" "$@")"; }
        eventually 10 _journal_has "$@" && return
        echo "The journal of $name has no '$text':"
        journal "$name" "$@"
        return 1
}

# status_says UNIT TEXT: `systemctl status` shows it; within ten seconds, for the same reason
status_says() {
        _status_says() { grep -qF -- "$text" <<<"$(systemctl status --no-pager -n 50 "$@")"; }
        local unit=$1 text=$2
        eventually 10 _status_says "$unit" && return
        systemctl status --no-pager -n 50 "$unit"
        return 1
}

active() { [[ $(systemctl is-active "$1") == active ]]; }
inactive() { [[ $(systemctl is-active "$1") == inactive ]]; }

clean_up() {
        local name
        # Both at once: a socket alone would start its service again.
        for name in "${_pools[@]}"; do
                systemctl stop "php-pool@$name.socket" "php-pool@$name.service" 2>/dev/null
                systemctl reset-failed "php-pool@$name.socket" "php-pool@$name.service" 2>/dev/null
                rm -rf "/etc/php-pool/conf.d/$name.conf" "/var/lib/private/php-pool/$name" "/var/cache/private/php-pool/$name"
        done
        for name in "${_dropins[@]}"; do
                rm -rf "/run/systemd/system/$name.d"
        done
        ((${#_dropins[@]} == 0)) || systemctl daemon-reload
        for name in "${_docroots[@]}"; do
                rm -rf "/srv/www/$name"
        done
}
trap clean_up EXIT
_began=$(date '+%Y-%m-%d %H:%M:%S')
