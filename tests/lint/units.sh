#!/bin/bash
# SPDX-License-Identifier: MIT
#
# units.sh DIRECTORY…: the units, as built, say nothing under `systemd-analyze
# verify`, and `systemd-analyze security` finds their exposure low: at most 1.5 for
# a pool, 0.5 for the proxy, and 1.0 for the metrics, which have one capability.

set -euo pipefail

units=$(mktemp -d)
trap 'rm -rf "$units"' EXIT
bad=0
source=$1

for directory; do
        cp "$directory"/*.{service,socket,target,slice} "$units" 2>/dev/null || :
done
# verify wants the programs to exist, which they do only where they are installed.
sed -i -E 's,^(Exec[A-Za-z]+=)[^ ]*/php-pool[^ ]*,\1/bin/true,' "$units"/*.service

# A template is judged by an instance; the file must carry its name.
for kind in service socket; do
        cp "$units/php-pool@.$kind" "$units/php-pool@site.$kind"
done

for unit in php-pool@site.service php-pool@site.socket php-pool-proxy.service php-pool-proxy.socket \
        php-pool-metrics.service php-pool-metrics.socket php-pool.target php-pool.slice; do
        said=$(SYSTEMD_UNIT_PATH="$units:" systemd-analyze verify --man=no --recursive-errors=no "$units/$unit" 2>&1) || bad=1
        if [[ $said ]]; then
                printf '%s:\n%s\n' "$unit" "$said"
                bad=1
        fi
done

# Examples of units that stand by themselves, with what they start beside them.
for kind in path service; do
        cp "$source/examples/php-pool-reload@.$kind" "$units/php-pool-reload@site.$kind"
done
for kind in path service; do
        said=$(SYSTEMD_UNIT_PATH="$units:" systemd-analyze verify --man=no --recursive-errors=no "$units/php-pool-reload@site.$kind" 2>&1) || bad=1
        if [[ $said ]]; then
                printf 'php-pool-reload@site.%s:\n%s\n' "$kind" "$said"
                bad=1
        fi
done

# Examples that let a pool write have the same paths in NoExecPaths=: "/" does not reach them.
for file in "$source"/examples/*.conf "$source"/../conf.d/examples/*.conf; do
        difference=$(diff <(sed -nE 's/^(#  *)?ReadWritePaths=//p' "$file") <(sed -nE 's/^(#  *)?NoExecPaths=(.+)/\2/p' "$file")) || {
                printf '%s: ReadWritePaths= (<) and NoExecPaths= (>) differ:\n%s\n' "$file" "$difference"
                bad=1
        }
done

# exposure UNIT TENTHS
exposure() {
        local said
        said=$(SYSTEMD_UNIT_PATH="$units:" systemd-analyze security --offline=true --no-pager --threshold="$2" "$units/$1" 2>&1) &&
                ! grep -q '^Failed' <<<"$said" || bad=1
        printf '%s: %s (at most %s tenths)\n' "$1" "$(tail -n 1 <<<"$said")" "$2"
}
exposure php-pool@site.service 15
exposure php-pool-proxy.service 5
exposure php-pool-metrics.service 10

exit $bad
