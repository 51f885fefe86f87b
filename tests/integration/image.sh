#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Prints the path of a Debian 12 tree with systemd and what the scenarios and the
# demo need; builds it (about a minute) when the cache has none for this list of
# packages. Nothing ever writes into it: each boot has an overlay of its own.
#
#     PHP_POOL_TEST_TREE=DIR   use this tree instead

set -euo pipefail

readonly suite=bookworm
readonly packages=(
        systemd systemd-sysv dbus libnss-systemd procps iproute2 curl python3 media-types
        libphp8.2-embed php8.2-opcache php8.2-sqlite3 libconfig9 libjson-c5
        # dokuwiki wants a PHP for a web server; this one starts nothing and brings no server
        dokuwiki php8.2-cgi
)

if [[ ${PHP_POOL_TEST_TREE:-} ]]; then
        echo "$PHP_POOL_TEST_TREE"
        exit
fi

hash=$(printf '%s\n' "$suite" "${packages[@]}" | sha256sum)
cache=${XDG_CACHE_HOME:-/var/cache}/php-pool-tests
tree=$cache/$suite-${hash:0:12}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

if [[ ! -d $tree ]]; then
        echo "Building a Debian tree in $tree" >&2
        # Debian's default archive first; a host of the same release may know a nearer one.
        sources=()
        nearer=()
        if grep -qs "^VERSION_CODENAME=$suite$" /etc/os-release; then
                for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
                        [[ -s $file ]] && nearer+=("$file")
                done
        fi
        log=$tree.log
        list=$(IFS=,; echo "${packages[*]}")
        for attempt in 1 2 3; do
                rm -rf "$tree.new"
                if mmdebstrap --variant=minbase --aptopt='Acquire::Retries "5"' \
                                --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
                                --include="$list" "$suite" "$tree.new" "${sources[@]}" </dev/null >"$log" 2>&1 9>&-; then
                        # What waits for devices or seats only makes the boot longer.
                        systemctl --root="$tree.new" mask systemd-logind.service getty.target console-getty.service \
                                systemd-networkd.service systemd-resolved.service systemd-timesyncd.service >/dev/null 2>&1
                        : >"$tree.new/etc/machine-id"
                        mv "$tree.new" "$tree"
                        break
                fi
                sources=("${nearer[@]}")
                sleep $((attempt * 5))
        done
        [[ -d $tree ]] || { cat "$log" >&2; echo "The tree could not be built" >&2; exit 1; }
fi
echo "$tree"
