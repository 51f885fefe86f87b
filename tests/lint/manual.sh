#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Every option that a program's --help tells of is in its manual page, and every
# key of the shipped configuration is in php-pool.conf(5).
#
#     manual.sh BUILD: programs and sources of one build directory

set -euo pipefail
build=$1
cd "$(dirname "$0")/../.."
bad=0

# options PROGRAM PAGE
options() {
        local program=$1 page=$2 help option
        help=$("$program" --help) || { echo "$program --help fails"; bad=1; return; }
        while read -r option; do
                grep -qF -e "${option//-/\\-}" -e "$option" "$page" || { echo "$page: $option is missing"; bad=1; }
        done < <(grep -oE -e '--[a-z][a-z-]+' <<<"$help" | sort -u)
}
options "$build/daemon/php-poold" daemon/pool/php-poold.8.scd
options "$build/daemon/php-pool-proxy" daemon/proxy/php-pool-proxy.8.scd
options "$build/daemon/php-poolctl" daemon/ctl/php-poolctl.1.scd

for file in conf.d/www.conf.example conf.d/proxy.conf; do
        while read -r key; do
                grep -qE "[*.]${key//_/\\\\?_}\*" daemon/config/php-pool.conf.5.scd || {
                        echo "daemon/config/php-pool.conf.5.scd: the key $key of $file is missing"
                        bad=1
                }
        done < <(sed -nE 's/^[[:space:]]*#?([a-z_]+) = .*/\1/p' "$file" | sort -u)
done

exit $bad
