#!/bin/bash
# SPDX-License-Identifier: MIT
#
# build.sh SUITE DIR: the Debian packages of this source tree for a release of Debian
# in DIR, unless they are there and nothing has changed since.
#
# On a host of that release it is built with the host's tools, otherwise in a tree that
# has only what packaging/debian asks for, with the unit tests as part of the build.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source_root=$(cd "$here/../.." && pwd)
suite=$1
mkdir -p "$2"
output=$(cd "$2" && pwd)

die() { printf '%s\n' "$*" >&2; exit 1; }

source_hash() {
        (cd "$source_root" && find daemon units conf.d packaging tests meson* *.md LICENSE -type f -print0 |
                sort -z | xargs -0 sha256sum | sha256sum)
}

# In a mount namespace whose root is the tree: where chroot(2) was called there are no user
# namespaces (user_namespaces(7)), and a test wants one.
build_in_tree() {
        . "$source_root/tests/integration/boot.sh"
        tree_mount "$1" "$output/tree"
        # tree_mount says where that is
        # shellcheck disable=SC2154
        cd "$tree_root"
        mkdir source result host
        mount --bind "$source_root" source
        mount --bind "$output" result
        mount --rbind /dev dev
        mount -t proc proc proc
        pivot_root . host
        umount -l /host
        tree_root=/
        tree_chroot /source/packaging/build-deb --output /result
}

case ${3:-} in
--inside)
        build_in_tree "$4"
        exit
        ;;
esac

stamp=$(source_hash)
[[ $(cat "$output/stamp" 2>/dev/null) != "$stamp" ]] || exit 0
rm -f "$output/stamp"
log=$output/build.log
if grep -qs "^VERSION_CODENAME=$suite$" /etc/os-release; then
        # Its unit tests are a suite of their own here.
        DEB_BUILD_OPTIONS=nocheck "$source_root/packaging/build-deb" --output "$output" >"$log" 2>&1 || {
                grep -vE "^(\[[0-9]+/|cc )" "$log" | tail -30 >&2
                die "The packages for $suite could not be built"
        }
else
        tree=$("$source_root/tests/integration/image.sh" --suite "$suite" build)
        unshare --mount --propagation private "$here/build.sh" "$suite" "$output" --inside "$tree" >"$log" 2>&1 || {
                grep -vE "^(\[[0-9]+/|cc )" "$log" | tail -30 >&2
                die "The packages for $suite could not be built"
        }
fi
echo "$stamp" >"$output/stamp"
