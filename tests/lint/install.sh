#!/bin/bash
# SPDX-License-Identifier: MIT
#
# `meson install` writes over no file that an administrator changes, and its uninstall deletes none.
#
#     install.sh BUILD

set -euo pipefail
build=$1
cd "$(dirname "$0")/../.."
bad=0

# meson writes over what it installs itself, and deletes that.
installed=$(meson introspect "$build" --installed | tr ',' '\n')
grep -q '/php-pool/conf\.d/www\.conf\.example"' <<<"$installed" || { echo "meson introspect lists nothing"; bad=1; }
while read -r file; do
        echo "conf.d/meson.build installs $file, which is the administrator's: conf.d/install-once"
        bad=1
done < <(grep -oE '"[^"]*/php-pool/(conf\.d/[^"/]*|proxy)\.conf"$' <<<"$installed" | grep -v '/doc/' || :)

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/etc"
DESTDIR=$place conf.d/install-once conf.d/proxy.conf /etc/proxy.conf
cmp conf.d/proxy.conf "$place/etc/proxy.conf" || bad=1
[[ $(stat -c %a "$place/etc/proxy.conf") == 644 ]] || { echo "install-once: not for everybody to read"; bad=1; }
echo changed >"$place/etc/proxy.conf"
DESTDIR=$place conf.d/install-once conf.d/proxy.conf /etc/proxy.conf
[[ $(cat "$place/etc/proxy.conf") == changed ]] || { echo "install-once wrote over a file"; bad=1; }

exit $bad
