#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Boots systemd in a Debian tree with the built php-pool installed, and runs the
# scenarios in it:
#
#     run.sh [--build DIR] [--results FILE] [--shell] [TEST-NN-name…]
#
# One boot serves all scenarios; each makes its own pools and removes them. The
# tree is an overlay with its upper layer on a tmpfs, in a mount and a PID
# namespace of this script: when the script ends, however it ends, both are gone
# and everything in them with them.
#
# FILE gets a line 'pass|fail|skip TAB sentence' for each check. Where one fails,
# the journal of the scenario is kept in DIR/integration-logs/. --shell opens a
# shell in the booted tree before it ends.

set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source_root=$(cd "$here/../.." && pwd)

die() { printf '%s\n' "$*" >&2; exit 1; }

if [[ ${1:-} != --inside ]]; then
        ((EUID == 0)) || die "Only root can boot a tree"
        tree=$("$here/image.sh") || exit 1
        exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
                "$here/run.sh" --inside "$tree" "$@"
fi
shift
tree=$1
shift
# As process 1 of its namespace the script would not even notice.
trap 'exit 130' INT TERM HUP

build=$source_root/build results=/dev/null shell=0
scenarios=()
while (($#)); do
        case $1 in
        --build) build=$(cd "$2" && pwd) || exit 1; shift ;;
        --results) results=$(realpath "$2"); shift ;;
        --shell) shell=1 ;;
        -*) die "Usage: run.sh [--build DIR] [--results FILE] [--shell] [TEST-NN-name…]" ;;
        *) scenarios+=("$1") ;;
        esac
        shift
done
((${#scenarios[@]})) || mapfile -t scenarios < <(cd "$here" && printf '%s\n' TEST-*/ | sed 's,/$,,')

logs=$build/integration-logs
rm -rf "$logs"
mkdir -p "$logs"


. "$here/boot.sh"
tree_mount "$tree" "$build/integration-tree"
tree_install "$build"
mkdir "$tree_root/opt/tests"
cp -r "$here/." "$tree_root/opt/tests"
chmod -R a+rX "$tree_root/opt"
tree_boot "$logs/boot.log" --private-network

#
# Scenarios
#

# scenario NAME: its results go to $logs/NAME.results, its output to stdout
scenario() {
        local name=$1 cursor status
        cursor=$(inside journalctl -q -n 1 --show-cursor -o cat | sed -n 's/^-- cursor: //p')
        # In the background, because a trap does not interrupt a command but a wait.
        inside timeout -k 5 180 bash "/opt/tests/$name/test.sh" 3>"$logs/$name.results" </dev/null 2>&1 &
        wait $!
        status=$?
        ((status == 0)) || printf 'fail\tthe scenario ended early with %d\n' "$status" >>"$logs/$name.results"
        if grep -q ^fail "$logs/$name.results"; then
                inside journalctl -q --after-cursor "$cursor" --no-pager -o short-precise >"$logs/$name.journal"
                echo "  journal: $logs/$name.journal"
        fi
}

report() {
        local name=$1 result sentence
        [[ -s $logs/$name.results ]] || printf 'fail\tno check was made\n' >"$logs/$name.results"
        while IFS=$'\t' read -r result sentence; do
                printf '%s\t%s: %s\n' "$result" "$name" "$sentence" >>"$results"
                [[ $result == fail ]] && failed=1
        done <"$logs/$name.results"
}

# Some mostly wait and run beside the others, some concern all pools and run after them.
first=() beside=() last=()
for name in "${scenarios[@]}"; do
        [[ -f $here/$name/test.sh ]] || die "There is no scenario '$name'"
        case $(grep -m 1 '^# Runs ' "$here/$name/test.sh") in
        *"beside the others"*) beside+=("$name") ;;
        *"after the others"*) last+=("$name") ;;
        *) first+=("$name") ;;
        esac
done

# run_scenario NAME
run_scenario() {
        echo "-- $1"
        SECONDS=0
        scenario "$1"
        report "$1"
        echo "   ${SECONDS}s"
}

failed=0
declare -A background=()
for name in "${beside[@]}"; do
        scenario "$name" >"$logs/$name.output" &
        background[$name]=$!
done
for name in "${first[@]}"; do
        run_scenario "$name"
done
for name in "${beside[@]}"; do
        wait "${background[$name]}"
        echo "-- $name"
        cat "$logs/$name.output"
        report "$name"
done
for name in "${last[@]}"; do
        run_scenario "$name"
done

((shell)) && inside bash -i <>/dev/tty >&0 2>&1
exit "$failed"
