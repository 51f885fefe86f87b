#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Fuzzes for long, and says what it was worth:
#
#     campaign.sh TARGET [EXECUTIONS]     ten million by default; goes on where it was
#     campaign.sh --coverage TARGET…      of the files that the targets aim at, by all their inputs so far
#     campaign.sh --planted TARGET        how soon the bug of planted/TARGET.sed is found, from the seeds that
#                                         do not show it
#
# Needs clang. Works in build-fuzz, keeps what it finds in build-fuzz/found. FUZZ_SECONDS ends a campaign after that time,
# FUZZ_SIZE bounds the inputs: short ones are tried many times faster.

set -euo pipefail
cd "$(dirname "$0")/../.."
readonly build=build-fuzz

# The stack of each malloc(3) and a long memory of what was freed cost two thirds of the time.
export ASAN_OPTIONS=${ASAN_OPTIONS:-malloc_context_size=2:quarantine_size_mb=4}

# What each target aims at.
declare -A aims=(
        [fcgi-client]="fcgi/client.c fcgi/reader.c"                     # what it reads; what it writes: fcgi-request
        [fcgi-request]="fcgi/client.c fcgi/params.c fcgi/record.c"
        [fcgi-server]="fcgi/server.c fcgi/reader.c fcgi/params.c fcgi/record.c"
        [http-chunked]="http/chunked.c"
        [http-forwarded]="http/forwarded.c util/address.c"
        [http-proxy-protocol]="http/proxy-protocol.c"
        [http-request]="http/request.c http/request-meaning.c http/host.c"
        [http-response]="http/response.c"
        [http-uri]="http/uri.c http/uri-match.c http/host.c http/date.c"
)

mode=run
[[ ${1:-} == --* ]] && { mode=${1#--}; shift; }
target=${1:-}
[[ -v aims[$target] ]] || { echo "Usage: campaign.sh [--coverage|--planted] ${!aims[*]}" >&2; exit 64; }

configure() {
        [[ -f $build/build.ninja ]] || CC=clang meson setup "$build" -Dfuzzing=true >/dev/null
        mkdir -p "$build/found/$target"
}

# The tools of the same version as the compiler: their format changes.
llvm_directory() {
        dirname "$(readlink -f "$(clang -print-prog-name=llvm-cov)")"
}

# compile OUTPUT FLAG…: the target and the sources it needs, at once
compile() {
        local output=$1
        shift
        clang -std=gnu17 -D_GNU_SOURCE -g -O1 -w -I. -I"$build" -I"${source:-daemon}" -Idaemon -Itests "$@" \
                "tests/fuzz/fuzz-$target.c" "${source:-daemon}"/{fcgi,http}/*.c daemon/util/{address,buffer,pairs,parse}.c -o "$output"
}

case $mode in
run)
        configure
        ninja -C "$build" "tests/fuzz/libfuzzer-$target" >/dev/null
        "$build/tests/fuzz/libfuzzer-$target" -runs="${2:-10000000}" -max_len="${FUZZ_SIZE:-4096}" -print_final_stats=1 \
                -max_total_time="${FUZZ_SECONDS:-0}" -artifact_prefix="$build/found/" \
                "$build/found/$target" "tests/fuzz/corpus/$target" 2>&1 | grep -E 'stat::|ERROR|SUMMARY|Test unit|DONE|cov:' | tail -n 12
        ;;
coverage)
        declare -A files=()
        raw=() objects=()
        for target; do
                configure
                compile "$build/coverage-$target" -fprofile-instr-generate -fcoverage-mapping -fsanitize=fuzzer
                LLVM_PROFILE_FILE=$build/coverage-$target.raw "$build/coverage-$target" -runs=0 \
                        "$build/found/$target" "tests/fuzz/corpus/$target" >/dev/null 2>&1
                raw+=("$build/coverage-$target.raw")
                objects+=(-object "$build/coverage-$target")
                for file in ${aims[$target]}; do files[daemon/$file]=1; done
        done
        llvm=$(llvm_directory)
        "$llvm/llvm-profdata" merge -o "$build/coverage.data" "${raw[@]}"
        "$llvm/llvm-cov" report "${objects[@]:1}" -instr-profile="$build/coverage.data" "${!files[@]}" |
                awk 'NF > 9 { printf "%-28s lines %-6s missed %-5s covered %s\n", $1, $8, $9, $10 }'
        ;;
planted)
        configure
        source=$(mktemp -d)
        trap 'rm -rf "$source"' EXIT
        cp -r daemon/fcgi daemon/http "$source/"
        sed -i -f "tests/fuzz/planted/$target.sed" "$source"/{fcgi,http}/*.c
        ! diff -rq daemon/fcgi "$source/fcgi" >/dev/null || ! diff -rq daemon/http "$source/http" >/dev/null || { echo "planted/$target.sed changes nothing" >&2; exit 1; }
        compile "$build/planted-$target" -fsanitize=address,undefined,fuzzer -fno-sanitize-recover=undefined
        mkdir "$source/found"
        for seed in "tests/fuzz/corpus/$target"/*; do
                ! "$build/planted-$target" -artifact_prefix="$source/" "$seed" >/dev/null 2>&1 || cp "$seed" "$source/found/"
        done
        "$build/planted-$target" -runs=10000000 -max_len=4096 -max_total_time="${FUZZ_SECONDS:-0}" \
                -print_final_stats=1 -artifact_prefix="$source/" \
                "$source/found" 2>&1 | grep -E 'is not|not true|ERROR|runtime error|number_of_executed' | tail -n 3
        ;;
*)
        echo "Usage: campaign.sh [--coverage|--planted] TARGET [EXECUTIONS]" >&2
        exit 64
        ;;
esac
