#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The packages: built, checked, installed and lived with.
#
#     run.sh [--build DIR] [--results FILE] packages|matrix
#
#     packages   Debian 12: installation, upgrades under load, removal, container images; RPM;
#                Debian 13: pools of two PHPs on one host; on both a core of the scenarios
#     matrix     all scenarios from the installed packages on Debian 12, 13 and sid; what
#                fails on sid is a warning, since sid moves

set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source_root=$(cd "$here/../.." && pwd)
integration=$source_root/tests/integration

die() { printf '%s\n' "$*" >&2; exit 1; }

build=$source_root/build results=/dev/null what=packages
while (($#)); do
        case $1 in
        --build) build=$(cd "$2" && pwd) || exit 1; shift ;;
        --results) results=$(realpath "$2"); shift ;;
        packages | matrix) what=$1 ;;
        *) die "Usage: run.sh [--build DIR] [--results FILE] packages|matrix" ;;
        esac
        shift
done
. "$here/check.sh"

readonly core=(TEST-01-start TEST-04-no-loss TEST-05-bad-reload TEST-36-drop-ins)

# part WHAT COMMAND…: with its time
part() {
        echo
        echo "== $1"
        SECONDS=0
        "${@:2}"
        echo "   ${SECONDS}s in all"
}

# packages SUITE: built, and clean for lintian
packages() {
        local suite=$1 directory=$build/packages/$1
        check_name="packages for $suite"
        check "are built by one command" "$here/build.sh" "$suite" "$directory" || return
        check "lintian has nothing to say" equal "$(lintian --fail-on error,warning "$directory"/*.changes 2>&1 | grep -v 'root privileges')" ""
}

# boot SUITE OPTION…: the scenarios named, or all; the results with the suite's name
boot() {
        local suite=$1 own result sentence
        shift
        own=$(mktemp)
        "$integration/run.sh" --suite "$suite" --build "$build" --packages "$build/packages/$suite" --results "$own" "$@" </dev/null || failed=1
        [[ -s $own ]] || printf 'fail\tthe scenarios did not run\n' >"$own"
        while IFS=$'\t' read -r result sentence; do
                [[ $suite == sid && $result == fail ]] && result=warn
                printf '%s\t%s: %s\n' "$result" "$suite" "$sentence" >>"$results"
        done <"$own"
        rm -f "$own"
}

two_phps="$here/second-php.sh \"\$TREE\" $(printf %q "$("$integration/image.sh")") $(printf %q "$build/packages/bookworm")"

case $what in
packages)
        part "Debian 12: build" packages bookworm
        part "Debian 12: install, upgrade, remove" \
                boot bookworm --bare --scenarios "$here" TEST-50-install "${core[@]}" TEST-51-upgrade TEST-59-remove
        part "Containers" "$here/container.sh" "$build/packages/bookworm" "$results" || failed=1
        part "RPM" "$here/rpm.sh" "$results" || failed=1
        part "Debian 13: build" packages trixie
        part "Debian 13: two PHPs" boot trixie --scenarios "$here" --prepare "$two_phps" "${core[@]}" TEST-52-two-phps
        ;;
matrix)
        for suite in bookworm trixie sid; do
                part "$suite: build" packages "$suite"
                part "$suite: all scenarios" boot "$suite"
                part "$suite: install, upgrade, remove" boot "$suite" --bare --scenarios "$here" TEST-50-install TEST-51-upgrade TEST-59-remove
        done
        ;;
esac
exit "$failed"
