#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The RPM packages: built with rpmbuild and Fedora's macros as rpm.macros has them, without
# the dependencies that Debian has under other names; their contents and scriptlets; and
# installed, upgraded and removed in a booted tree, where update-helper stands for what
# Fedora's systemd brings along for the scriptlets.
#
#     rpm.sh [RESULTS]

set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source_root=$(cd "$here/../.." && pwd)

die() { printf '%s\n' "$*" >&2; exit 1; }

if [[ ${1:-} != --inside ]]; then
        tree=$("$source_root/tests/integration/image.sh") || exit 1
        exec unshare --mount --pid --net --fork --kill-child --mount-proc --propagation private "$here/rpm.sh" --inside "$tree" "$@"
fi
tree=$2
results=${3:-/dev/null}
trap 'exit 130' INT TERM HUP
ip link set lo up
. "$source_root/tests/integration/boot.sh"
. "$here/check.sh"
check_name=rpm
place=$(mktemp -d)
trap 'rm -rf --one-file-system "$place" 2>/dev/null' EXIT

build() { "$source_root/packaging/build-rpm" --output "$place/$1" --nodeps --without check --load="$here/rpm.macros" "${@:2}" >"$place/log" 2>&1; }
chmod 755 "$place"
check "rpmbuild builds the packages" build one || { tail -30 "$place/log"; exit 1; }
check "and has nothing to warn of" not grep -A5 'RPM build warnings' "$place/log"
main=$(echo "$place"/one/php-pool-0*.x86_64.rpm) worker=$(echo "$place"/one/php-pool-worker-*.rpm) source=$(echo "$place"/one/*.src.rpm)
check "rpmlint has nothing to say that is not explained" \
        contains "$(rpmlint -c "$source_root/packaging/rpm/rpmlint.toml" "$main" "$worker" "$source" "$source_root/packaging/rpm/php-pool.spec" 2>&1)" \
        "0 errors, 0 warnings"

# Contents: what is installed is in exactly one of them.
version=$(php-config --version | cut -d . -f 1-2)
list() { rpm -qpl "$1" 2>/dev/null | grep -vE '^/usr/(lib/\.build-id|share/(licenses|doc/php-pool-[0-9]))'; }
both=$( (list "$main"; list "$worker") | sort)
check "no file is in both" equal "$(uniq -d <<<"$both")" ""
for file in /usr/libexec/php-pool/php-poold /usr/libexec/php-pool/php-pool-proxy /usr/bin/php-poolctl \
        /usr/lib/systemd/system/php-pool@.service /usr/lib/sysusers.d/php-pool.conf /etc/php-pool/proxy.conf \
        /usr/libexec/php-pool/php-pool-metrics /usr/lib/systemd/system/php-pool-metrics.socket \
        /usr/lib/systemd/catalog/php-pool.catalog /usr/share/man/man8/php-pool-metrics.8 /usr/share/man/man7/php-pool-control.7 \
        /usr/share/man/man7/php-pool-from-fpm.7 /usr/share/man/man5/php-pool.conf.5 /usr/share/bash-completion/completions/php-poolctl; do
        check "php-pool has $file" grep -qxF "$file" <<<"$(list "$main")"
done
check "php-pool-worker has the worker alone" equal "$(list "$worker")" "/usr/libexec/php-pool/php-pool-worker-$version"
check "the configuration survives an upgrade" contains "$(rpm -qpc "$main" 2>/dev/null)" /etc/php-pool/proxy.conf
check "the worker wants the PHP that it was built with" \
        contains "$(rpm -qp --requires "$worker" 2>/dev/null)" "php(zend-abi) = $(php-config --phpapi)"
check "and its library by a name that has the version" contains "$(rpm -qp --requires "$worker" 2>/dev/null)" "libphp$version.so()(64bit)"

# Every unit that can be enabled is told to systemd.
scripts=$(rpm -qp --scripts "$main" 2>/dev/null)
for unit in $(list "$main" | sed -n 's,^/usr/lib/systemd/system/\(php-pool[a-z-]*\.\(service\|socket\|target\)\)$,\1,p'); do
        check "$unit is preset after the first installation" grep -q "install-system-units .*$unit" <<<"$scripts"
        check "$unit is disabled before the removal" grep -q "remove-system-units .*$unit" <<<"$scripts"
done

# A module of PHP, as another package would bring it
mkdir "$place/php"
cat >"$place/php/php-module.spec" <<'SPEC'
Name: php-module
Version: 1
Release: 1
Summary: A module of PHP
License: MIT
BuildArch: noarch
%description
A module of PHP.
%install
mkdir -p %{buildroot}/usr/lib64/php/modules
touch %{buildroot}/usr/lib64/php/modules/module.so
%files
/usr/lib64/php/modules/module.so
SPEC
rpmbuild --quiet -D "_topdir $place/php" -bb "$place/php/php-module.spec" >"$place/log" 2>&1 || die "$(cat "$place/log")"

# In a tree that has rpm, and the helper
tree_mount "$tree" "$place/tree"
# tree_mount says where that is
# shellcheck disable=SC2154
mkdir -p "$tree_root/opt/rpm" "$tree_root/srv/www/x"
cp "$main" "$worker" "$place"/php/RPMS/noarch/*.rpm "$tree_root/opt/rpm"
cp "$here/update-helper" "$tree_root/usr/lib/systemd/systemd-update-helper"
cp -r /usr/lib/rpm "$tree_root/usr/lib/"
# As Fedora's preset for all that has none; Debian has no such file.
echo 'disable *' >"$tree_root/usr/lib/systemd/system-preset/99-default-disable.preset"
for file in /usr/bin/rpm $(ldd /usr/bin/rpm | sed -n 's/.*=> \([^ ]*\) .*/\1/p'); do
        [[ -e $tree_root$file ]] || cp -L --parents "$file" "$tree_root"
done
cp "$source_root"/tests/integration/php/{info,slow}.php "$tree_root/srv/www/x"
chmod -R a+rX "$tree_root/srv"
tree_boot "$place/boot.log"

in_rpm() { inside sh -c "cd /opt/rpm && rpm --nodeps $*"; }
# What the file triggers of Fedora's systemd do after a transaction
after() { inside sh -c 'systemd-sysusers; systemctl daemon-reload; systemctl reload-or-restart --marked; journalctl --update-catalog'; }
active() { [[ $(inside systemctl is-active "$1") == active ]]; }
inactive() { [[ $(inside systemctl is-active "$1") == inactive ]]; }
visit() { inside curl -sS --max-time 20 "http://127.0.0.1$1"; }
pid_of() { inside systemctl show -P MainPID "$1.service"; }

check "rpm installs them" in_rpm -U 'php-pool-*.rpm'
check "the group is made by the file for sysusers" after
check "for the front ends" inside getent group php-pool
check "nothing of them runs" equal "$(inside systemctl list-units --plain --no-legend 'php-pool*')" ""
check "nor is anything enabled that the presets do not enable" \
        not grep -q enabled <<<"$(inside systemctl list-unit-files --no-legend 'php-pool*' | awk '{print $2}')"
check "every program runs there" inside sh -c 'for program in /usr/libexec/php-pool/*; do $program --version || exit 1; done; php-poolctl --version'
check "the journal's catalog has the messages" grep -q php-pool <<<"$(inside journalctl --list-catalog)"

for name in x asleep broken; do
        echo "root = \"/srv/www/x\"; site: { hosts = [ \"$name.test\", \"$name\" ]; };" >"$tree_root/etc/php-pool/conf.d/$name.conf"
done
sed -i 's/"x"/"127.0.0.1"/' "$tree_root/etc/php-pool/conf.d/x.conf"
echo "# changed" >>"$tree_root/etc/php-pool/proxy.conf"
check "pools, proxy and metrics are enabled" inside systemctl enable --now php-pool@x.service php-pool@asleep.socket php-pool@broken.service \
        php-pool-proxy.service php-pool-metrics.socket
check "a pool is served" contains "$(visit /info.php)" "sapi: fpm-fcgi"
check "so are the figures" contains "$(visit :9253/metrics)" 'php_pool_up{pool="x"} 1'
check "rpm verifies all files but the changed one" equal "$(in_rpm -V php-pool php-pool-worker 2>&1 | grep -v ' c /etc/php-pool/proxy.conf')" ""

echo 'no_such_key = 1;' >>"$tree_root/etc/php-pool/conf.d/broken.conf"
x=$(pid_of php-pool@x) broken=$(pid_of php-pool@broken) proxy=$(pid_of php-pool-proxy) metrics=$(pid_of php-pool-metrics)
visit '/slow.php?ms=4000&token=long' >"$place/long" &
long=$!
sleep 0.7
said=$(in_rpm -U --force 'php-pool-*.rpm' 2>&1)
check "an upgrade succeeds" equal "$?" 0
after
wait "$long"
check "which lets a request finish" equal "$(cat "$place/long")" "slow long"
restarted() { [[ $(pid_of "$1") != 0 && $(pid_of "$1") != "$2" ]]; }
check "it restarts the pool" eventually 10 restarted php-pool@x "$x"
check "and the proxy" eventually 10 restarted php-pool-proxy "$proxy"
check "and the metrics" eventually 10 restarted php-pool-metrics "$metrics"
check "which serve" eventually 10 visit /info.php
check "what slept sleeps on" inactive php-pool@asleep.service
check "a pool that would not come back is not restarted" equal "$(pid_of php-pool@broken)" "$broken"
check "rpm says which, and the file and line" contains "$said" "broken.conf:2"
check "it keeps what was changed" grep -q '# changed' "$tree_root/etc/php-pool/proxy.conf"

x=$(pid_of php-pool@x)
check "a module of PHP is installed" in_rpm -U 'php-module-*.rpm'
reloaded() { grep -q 'Generation 2' <<<"$(inside journalctl -q -o cat -u php-pool@x.service)"; }
check "which the running pools take up" eventually 10 reloaded
check "with the same manager" equal "$(pid_of php-pool@x)" "$x"

# By themselves, because rpm orders nothing without dependencies.
check "rpm removes the worker" in_rpm -e php-pool-worker
check "which ends the pools" inactive php-pool@x.service
check "and their sockets" inactive php-pool@asleep.socket
check "and leaves the proxy" active php-pool-proxy.service
inside systemctl start php-pool@asleep.socket
check "rpm removes the rest" in_rpm -e php-pool
after
check "nothing of it runs" equal "$(inside pgrep -f /usr/libexec/php-pool)" ""
check "nor does anything listen" equal "$(inside systemctl list-units --plain --no-legend 'php-pool*')" ""
check "nothing of it is enabled" equal "$(find "$tree_root/etc/systemd" -name 'php-pool*')" ""
check "the administrator's files stay" test -f "$tree_root/etc/php-pool/conf.d/x.conf"
check "nothing else does" equal "$(find "$tree_root/usr" -name 'php-pool*')" ""
exit "$failed"
