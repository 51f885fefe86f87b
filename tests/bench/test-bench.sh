#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does the benchmark run: a short case, its table, its figures, its chart, and nothing left running?
# How fast anything is does not matter here.
#
#     test-bench.sh BENCH BUILD

set -uo pipefail

bad=0
output=$(mktemp -d)
chmod 755 "$output" # the pool is not root
trap 'rm -rf "$output"' EXIT

check() {
        local sentence=$1
        shift
        if "$@"; then echo "ok      $sentence"; else echo "NOT OK  $sentence"; bad=1; fi
}

table=$("$1" --quick --output "$output" "$2" fcgi-kept-8 2>&1)
status=$?
check "it ends well" [ "$status" = 0 ]
check "the table has our pool" grep -q '^fcgi-kept-8 *php-pool  *[1-9]' <<<"$table"
check "no request failed" eval '! grep -q failed <<<"$table"'
check "the figures are JSON and hold a rate" python3 -c '
import json, sys
case = json.load(open(sys.argv[1]))["cases"][0]
figures = case["stacks"][0]["figures"]
assert figures["rate"]["median"] > 0 and figures["cpu"]["median"] > 0 and figures["pss"]["median"] > 1e6, figures
' "$output/figures.json"
check "the chart is XML" python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$output/fcgi-kept-8.svg"
check "another name is no case" [ "$("$1" "$2" fcgi-kept-9 2>&1 | grep -c "there is no case 'fcgi-kept-9'")" = 1 ]

# Interrupted, it takes down what it started.
mkdir "$output/tmp"
TMPDIR=$output/tmp "$1" --seconds 30 --output "$output" "$2" fcgi-kept-8 >/dev/null 2>&1 &
bench=$!
running() { pgrep -f "$output/tmp" >/dev/null; }
for ((i = 0; i < 100; i++)); do
        running && break
        sleep 0.1
done
check "while it runs there are servers" running
kill -TERM "$bench"
wait "$bench"
check "SIGTERM ends it" [ $? = 143 ]
check "and all servers with it" eval '! running'
[[ $bad == 0 ]] || printf '%s\n' "$table"
exit "$bad"
