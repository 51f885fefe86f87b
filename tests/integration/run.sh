#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Boots systemd in a Debian tree with the built php-pool installed, and runs the
# scenarios in it:
#
#     run.sh [OPTION…] [TEST-NN-name…]
#
#     --build DIR       where it was built, and where logs go (build)
#     --suite SUITE     the release of Debian (bookworm)
#     --packages DIR    install the Debian packages of DIR instead of what was built
#     --bare            only put them into /opt/packages; a scenario installs them
#     --prepare COMMAND a shell command before the boot, with the tree in $TREE
#     --scenarios DIR   a folder with further scenarios
#     --results FILE    a line 'pass|fail|skip TAB sentence' for each check
#     --shell           open a shell in the booted tree before it ends
#
# One boot serves all scenarios; each makes its own pools and removes them. The
# tree is an overlay with its upper layer on a tmpfs, in a mount and a PID
# namespace of this script: when the script ends, however it ends, both are gone
# and everything in them with them.
#
# Where a check fails, the journal of the scenario is kept in the build directory,
# in integration-logs/ or, for another release than the usual, integration-logs-SUITE/.

set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source_root=$(cd "$here/../.." && pwd)

die() { printf '%s\n' "$*" >&2; exit 1; }

if [[ ${1:-} != --inside ]]; then
        ((EUID == 0)) || die "Only root can boot a tree"
        suite=bookworm
        for ((i = 1; i < $#; i++)); do
                [[ ${!i} != --suite ]] || { j=$((i + 1)); suite=${!j}; }
        done
        tree=$("$here/image.sh" --suite "$suite") || exit 1
        exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
                "$here/run.sh" --inside "$tree" "$@"
fi
shift
tree=$1
shift
# As process 1 of its namespace the script would not even notice.
trap 'exit 130' INT TERM HUP

build=$source_root/build results=/dev/null shell=0 suite=bookworm packages="" bare=0 prepare=""
folders=("$here")
scenarios=()
while (($#)); do
        case $1 in
        --build) build=$(cd "$2" && pwd) || exit 1; shift ;;
        --suite) suite=$2; shift ;;
        --packages) packages=$(cd "$2" && pwd) || exit 1; shift ;;
        --bare) bare=1 ;;
        --prepare) prepare=$2; shift ;;
        --scenarios) folders+=("$(cd "$2" && pwd)") || exit 1; shift ;;
        --results) results=$(realpath "$2"); shift ;;
        --shell) shell=1 ;;
        -*) die "Usage: run.sh [--build DIR] [--suite SUITE] [--packages DIR [--bare]] [--prepare COMMAND] [--scenarios DIR] [--results FILE] [--shell] [TEST-NN-name…]" ;;
        *) scenarios+=("$1") ;;
        esac
        shift
done
((${#scenarios[@]})) || mapfile -t scenarios < <(cd "$here" && printf '%s\n' TEST-*/ | sed 's,/$,,')

logs=$build/integration-logs
[[ $suite == bookworm ]] || logs+=-$suite
rm -rf "$logs"
mkdir -p "$logs"


. "$here/boot.sh"
tree_mount "$tree" "$build/integration-tree"
if ((bare)); then
        tree_put_packages "$packages"
elif [[ $packages ]]; then
        tree_install_packages "$packages"
else
        tree_install "$build"
fi
mkdir "$tree_root/opt/tests"
for folder in "${folders[@]}"; do
        cp -r "$folder/." "$tree_root/opt/tests"
done
cp "$source_root/packaging/debian/tests/first-pool" "$tree_root/opt/tests"
mkdir -p "$tree_root/opt/source/packaging" "$tree_root/opt/source/tests"
cp "$source_root/packaging/demo" "$tree_root/opt/source/packaging"
ln -s /opt/tests "$tree_root/opt/source/tests/integration"
chmod -R a+rX "$tree_root/opt"
if [[ $prepare ]]; then
        TREE=$tree_root bash -c "$prepare" || die "'$prepare' failed"
fi
tree_boot "$logs/boot.log" --private-network

#
# Scenarios
#

# scenario NAME: its results go to $logs/NAME.results, its output to stdout
scenario() {
        local name=$1 cursor status
        cursor=$(inside journalctl -q -n 1 --show-cursor -o cat | sed -n 's/^-- cursor: //p')
        # In the background, because a trap does not interrupt a command but a wait.
        inside timeout -k 5 "${SCENARIO_SECONDS:-900}" bash "/opt/tests/$name/test.sh" 3>"$logs/$name.results" </dev/null 2>&1 &
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
        script=$tree_root/opt/tests/$name/test.sh
        [[ -f $script ]] || die "There is no scenario '$name'"
        case $(grep -m 1 '^#.*Runs .* the others' "$script") in
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
