#!/bin/bash
# SPDX-License-Identifier: MIT
#
# second-php.sh TREE FROM PACKAGES: puts the PHP of another tree, a Debian release older,
# and the worker in PACKAGES into TREE.
#
# dpkg would refuse: php-common of one release excludes that of the other. But every file
# has the version in its path, so both fit beside each other. Libraries that TREE does not
# have by the same name come along.

set -euo pipefail
tree=$1 from=$2 packages=$3

version=$(cd "$from/usr/lib" && ls -d libphp[0-9].[0-9].so | sed 's/libphp\(.*\)\.so/\1/')
api=$(cd "$from/usr/lib/php" && ls -d 20*)
cp "$from/usr/lib/libphp$version.so" "$tree/usr/lib/"
cp -r "$from/usr/lib/php/$api" "$tree/usr/lib/php/"
mkdir -p "$tree/etc/php/$version"
cp -r "$from/etc/php/$version/embed" "$from/etc/php/$version/mods-available" "$tree/etc/php/$version/"
dpkg-deb --fsys-tarfile "$packages/php-pool-worker-${version}_"*.deb | tar -C "$tree" -xf - ./usr/libexec

# ldd does not look at the tree, so the loader of the tree is asked.
missing() {
        chroot "$tree" sh -c "LD_TRACE_LOADED_OBJECTS=1 /lib64/ld-linux-x86-64.so.2 /usr/libexec/php-pool/php-pool-worker-$version;
                for library in /usr/lib/php/$api/*.so; do LD_TRACE_LOADED_OBJECTS=1 /lib64/ld-linux-x86-64.so.2 \$library; done" 2>/dev/null |
                sed -n 's/^[[:space:]]*\([^ ]*\) => not found/\1/p' | sort -u
}
for ((i = 0; i < 5; i++)); do
        mapfile -t libraries < <(missing)
        ((${#libraries[@]})) || exit 0
        for library in "${libraries[@]}"; do
                cp -L "$(find "$from/usr/lib" "$from/lib" -name "$library" 2>/dev/null | head -1)" "$tree/usr/lib/x86_64-linux-gnu/$library"
        done
done
echo "Still missing: ${libraries[*]}" >&2
exit 1
