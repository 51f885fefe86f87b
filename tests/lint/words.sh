#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What must not be in the tree: marks of unfinished work, C++ comments, paths of
# somebody's machine, and files that have grown too long to hold one noun.

set -euo pipefail
cd "$(dirname "$0")/../.."

bad=0
this=tests/lint/words.sh
folders=(daemon tests units conf.d packaging .ci README.md HACKING.md NEWS.md meson.build meson_options.txt)

mapfile -t files < <(find "${folders[@]}" -type f ! -path '*/corpus/*' ! -path '*/regression/*' ! -name '*.pyc' 2>/dev/null)
mapfile -t sources < <(find daemon tests -name '*.[ch]' -type f)

# refuse WHAT PATTERN FILE…
refuse() {
        local what=$1 pattern=$2 line
        shift 2
        while IFS= read -r line; do
                [[ $line == "$this":* ]] && continue
                echo "$line: $what"
                bad=1
        done < <(grep -IHnP "$pattern" "$@" || :)
}

refuse "unfinished work" '\b(TODO|FIXME|XXX|HACK)\b' "${files[@]}"
refuse "a path of one machine" '(^|[^\w./-])/(work|var/tmp/w|root|home/[a-z]+)/' "${files[@]}"
# A // that opens a line or follows a statement, not the one of a URL in a string.
refuse "use /* */ for comments" '(^|[;{}),\s])//(?!.*")' "${sources[@]}"

for file in "${sources[@]}"; do
        lines=$(wc -l <"$file")
        if ((lines > 700)); then
                echo "$file: $lines lines; one noun takes at most 400"
                bad=1
        elif ((lines > 400)); then
                echo "$file: $lines lines, on the way to two nouns (not an error yet)"
        fi
done

exit $bad
