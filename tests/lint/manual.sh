#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Every option that a program's --help tells of is in its manual page, every key
# of the shipped configuration in php-pool.conf(5), every verb in php-poolctl(1), every
# figure in php-pool-metrics(8), every method and field of the control sockets in
# php-pool-control(7), and every unit and every message of the catalog in some page.
#
#     manual.sh BUILD: programs and sources of one build directory

set -euo pipefail
build=$1
cd "$(dirname "$0")/../.."
bad=0
words=$(mktemp)
trap 'rm -f "$words"' EXIT

# options PROGRAM PAGE
options() {
        local program=$1 page=$2 help option
        help=$("$program" --help) || { echo "$program --help fails"; bad=1; return; }
        while read -r option; do
                grep -qE -e "(^|[^-a-z])${option//-/\\\\?-}([^-a-z]|\$)" "$page" || { echo "$page: $option is missing"; bad=1; }
        done < <(grep -oE -e '--[a-z][a-z-]+' <<<"$help" | sort -u)
}
options "$build/daemon/php-poold" daemon/pool/php-poold.8.scd
options "$build/daemon/php-pool-proxy" daemon/proxy/php-pool-proxy.8.scd
options "$build/daemon/php-poolctl" daemon/ctl/php-poolctl.1.scd
options "$build/daemon/php-pool-metrics" daemon/metrics/php-pool-metrics.8.scd

# plain PAGE…: without scdoc's escapes
plain() { sed 's/\\//g' "$@"; }

# named WHAT PAGE: reads words; each has to stand in bold in the page
named() {
        local what=$1 page=$2 text word
        text=$(plain "$page")
        while read -r word; do
                grep -qF -e "*$word*" <<<"$text" || { echo "$page: the $what $word is missing"; bad=1; }
        done
}
"$build/daemon/php-poolctl" --help | sed -nE '/^Commands:/,/^Options:/s/^  ([a-z-]+) .*/\1/p' | sort -u >"$words"
named verb daemon/ctl/php-poolctl.1.scd <"$words"
"$build/daemon/php-pool-metrics" --list | cut -f 1 | sort -u >"$words"
[[ $(wc -l <"$words") -gt 30 ]] || { echo "php-pool-metrics --list lists nothing"; bad=1; }
named figure daemon/metrics/php-pool-metrics.8.scd <"$words"

# What the interfaces describe, and what the code puts into replies.
{
        sed -nE 's/^ *"  ([a-z_]+): .*/\1/p; s/.*"type [A-Za-z]+ \(([a-z_]+): [^,]*, ([a-z_]+): .*/\1\n\2/p' daemon/*/control*.c
        sed -nE 's/.*json_add[a-z_]*\([a-z_]+, "([a-z_]+)".*/\1/p' daemon/pool/*.c
        sed -nE 's/.*[^_]add_number\(status, "([a-z_]+)".*/\1/p' daemon/proxy/*.c
} | grep -vxE 'ok|message' | sort -u >"$words"
[[ $(wc -l <"$words") -gt 30 ]] || { echo "no fields of the control sockets were found"; bad=1; }
named field daemon/ctl/php-pool-control.7.scd <"$words"
sed -nE 's/.*"method ([A-Za-z]+)\(.*/\1/p; s/.*CONTROL_INTERFACE_POOL "\.([A-Za-z]+)", control_.*/\1/p' daemon/*/control*.c | sort -u >"$words"
named method daemon/ctl/php-pool-control.7.scd <"$words"

# Units, by their names in any page.
for file in units/*.{service,socket,target,slice} units/*.in; do
        [[ -e $file ]] || continue
        unit=$(basename "${file%.in}")
        grep -qF -e "${unit/@./@NAME.}" -e "${unit/@./@_NAME_.}" -e "$unit" <<<"$(plain daemon/*/*.scd)" || {
                echo "no manual page names the unit $unit"
                bad=1
        }
done

for file in conf.d/www.conf.example conf.d/proxy.conf; do
        while read -r key; do
                grep -qE "[*.]${key//_/\\\\?_}\*" daemon/config/php-pool.conf.5.scd || {
                        echo "daemon/config/php-pool.conf.5.scd: the key $key of $file is missing"
                        bad=1
                }
        done < <(sed -nE 's/^[[:space:]]*#?([a-z_]+) = .*/\1/p' "$file" | sort -u)
done

exit $bad
