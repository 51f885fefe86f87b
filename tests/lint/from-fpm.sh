#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Every row of php-pool-from-fpm(7) that says what php-pool itself does has a test
# in from-fpm.txt, and the test is there.

set -euo pipefail
cd "$(dirname "$0")/../.."
page=daemon/pool/php-pool-from-fpm.7.scd table=tests/lint/from-fpm.txt
bad=0

# The rows: a line and below it, with a tab, what it is here.
while IFS= read -r term; do
        grep -qF -- "$term"$'\t' "$table" || { echo "$table: no test for the row '$term' of $page"; bad=1; }
done < <(awk '/^# GLOBAL/ { rows = 1 }
              /^[^\t#]/ { term = $0 }
              /^\t/ && rows && term != "" { if ($0 !~ /^\t(Unit:|Left out:)/) print term; term = "" }' "$page")

while IFS=$'\t' read -r term test; do
        [[ $term == '#'* ]] && continue
        grep -qxF -- "$term" "$page" || { echo "$table: $page has no row '$term'"; bad=1; }
        grep -qF -- "${test#*:}" "${test%%:*}" || { echo "$table: '${test#*:}' is not in ${test%%:*}"; bad=1; }
done <"$table"

exit $bad
