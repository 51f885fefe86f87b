# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Checks for scripts that run outside of a booted tree. Uses $results, a file or /dev/null,
# and $check_name, what is checked; sets $failed.

failed=0

# check SENTENCE COMMAND…: the sentence is true when the command succeeds
check() {
        local sentence=$1 output
        shift
        if output=$("$@" 2>&1); then
                printf '  ok      %s\n' "$sentence"
                # shellcheck disable=SC2154 # from the script
                printf 'pass\t%s: %s\n' "$check_name" "$sentence" >>"$results"
        else
                local command=$*
                printf '  NOT OK  %s\n          $ %s\n          %s\n' "$sentence" "${command:0:150}" "${output:0:1500}"
                printf 'fail\t%s: %s\n' "$check_name" "$sentence" >>"$results"
                failed=1
                return 1
        fi
}

equal() { [[ $1 == "$2" ]] || { printf "is '%s', not '%s'\n" "$1" "$2"; return 1; }; }
contains() { [[ $1 == *"$2"* ]] || { printf "'%s' is not in:\n%s\n" "$2" "$1"; return 1; }; }
not() { ! "$@"; }

# eventually SECONDS COMMAND…: succeeds as soon as the command does
eventually() {
        local end=$((${EPOCHREALTIME//[!0-9]/} + $1 * 1000000)) # SECONDS would count the begun one
        shift
        until "$@"; do
                ((${EPOCHREALTIME//[!0-9]/} < end)) || return 1
                sleep 0.2
        done
}
