#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Prints the path of a Debian tree; builds it (a minute or two) when the cache has
# none for this list of packages. Nothing ever writes into it: each boot has an
# overlay of its own.
#
#     image.sh [--suite bookworm|trixie|sid] [run|build]
#
#     run      systemd, PHP, and what the scenarios and the demo need; no compiler
#     build    what packaging/debian says that a build needs, and no more
#
#     PHP_POOL_TEST_TREE=DIR   use this tree instead

set -euo pipefail

source_root=$(cd "$(dirname "$0")/../.." && pwd)

suite=bookworm kind=run
while (($#)); do
        case $1 in
        --suite) suite=${2:-}; shift ;;
        run | build) kind=$1 ;;
        *) echo "Usage: image.sh [--suite bookworm|trixie|sid] [run|build]" >&2; exit 64 ;;
        esac
        shift
done

if [[ ${PHP_POOL_TEST_TREE:-} ]]; then
        echo "$PHP_POOL_TEST_TREE"
        exit
fi

# apt's patterns where the name has a version in it that differs between releases
case $kind in
run)
        packages=(
                systemd systemd-sysv dbus libnss-systemd procps iproute2 curl python3 media-types
                libphp-embed php-sqlite3 '?name(^libconfig[0-9]+$)' libjson-c5
                # dokuwiki wants a PHP for a web server; this one starts nothing and brings no server
                dokuwiki php-cgi
                # what applications use beside: a database, a mail client, and a server for it
                mariadb-server php-mysql msmtp opensmtpd
                # what sites are moved from, what stands before pools, and what runs beside them
                php-fpm php-cli nginx-light apache2 haproxy
        ) ;;
build)
        packages=(build-essential fakeroot)
        # apt reads what else there is to install from a source tree that has only this file
        control=$(sed 's/@PHP@/0/' "$source_root/packaging/debian/control.in") ;;
esac

hash=$({ printf '%s\n' "$suite" "$kind" "${packages[@]}"; sed -n '/^Build-Depends/,/^[A-Z]/p' <<<"${control:-}"; } | sha256sum)
cache=${XDG_CACHE_HOME:-/var/cache}/php-pool-tests
tree=$cache/$suite-$kind-${hash:0:12}

mkdir -p "$cache"
exec 9>"$cache/lock-$suite-$kind"
flock 9

if [[ ! -d $tree ]]; then
        echo "Building a Debian tree in $tree" >&2
        options=()
        # The archive of sid that is reached may be some days old.
        [[ $suite != sid ]] || options+=(--aptopt='Acquire::Check-Valid-Until "false"')
        if [[ $kind == build ]]; then
                scratch=$(mktemp -d)
                trap 'rm -rf "$scratch"' EXIT
                mkdir -p "$scratch/debian"
                echo "$control" >"$scratch/debian/control"
                # $1 is the tree, and for the shell that mmdebstrap starts to expand
                # shellcheck disable=SC2016
                options+=(--customize-hook="copy-in $scratch/debian /tmp"
                        --customize-hook='chroot "$1" sh -c "mkdir /tmp/source && mv /tmp/debian /tmp/source"'
                        --customize-hook='chroot "$1" apt-get build-dep -y --no-install-recommends /tmp/source'
                        --customize-hook='rm -rf "$1/tmp/source"')
        fi
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
                if mmdebstrap --variant=minbase --aptopt='Acquire::Retries "5"' "${options[@]}" \
                                --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
                                --include="$list" "$suite" "$tree.new" "${sources[@]}" </dev/null >"$log" 2>&1 9>&-; then
                        # What waits for devices or seats only makes the boot longer, and what
                        # a scenario needs it starts itself.
                        systemctl --root="$tree.new" mask systemd-logind.service getty.target console-getty.service \
                                systemd-networkd.service systemd-resolved.service systemd-timesyncd.service >/dev/null 2>&1
                        systemctl --root="$tree.new" disable mariadb.service opensmtpd.service \
                                nginx.service apache2.service haproxy.service >/dev/null 2>&1 || :
                        for unit in "$tree.new"/lib/systemd/system/php*-fpm.service; do
                                systemctl --root="$tree.new" disable "${unit##*/}" >/dev/null 2>&1 || :
                        done
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
