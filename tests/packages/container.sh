#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The container images, as far as they can be shown without an engine: the tree that
# packaging/container/setup makes is booted with and without CAP_SYS_ADMIN, with and
# without the drop-in for that; the small one runs without a systemd.
#
#     container.sh PACKAGES [RESULTS]

set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source_root=$(cd "$here/../.." && pwd)
container=$source_root/packaging/container

die() { printf '%s\n' "$*" >&2; exit 1; }

if [[ ${1:-} != --inside ]]; then
        tree=$("$source_root/tests/integration/image.sh") || exit 1
        exec unshare --mount --pid --net --fork --kill-child --mount-proc --propagation private "$here/container.sh" --inside "$tree" "$@"
fi
tree=$2
packages=$3
results=${4:-/dev/null}
trap 'exit 130' INT TERM HUP
ip link set lo up

. "$source_root/tests/integration/boot.sh"
place=$(mktemp -d)
trap 'rm -rf --one-file-system "$place" 2>/dev/null' EXIT
. "$here/check.sh"
check_name=container

# The word after KEY in the Containerfile, which is what an engine would use
containerfile() { sed -n "s/^$1 //p" "$container/$2" | tail -1; }

# prepare NAME [OPTION]: a fresh tree with the packages, made a container by setup
prepare() {
        tree_mount "$tree" "$place/$1"
        tree_install_packages "$packages"
        # As the Containerfile copies them
        mkdir -p "$tree_root/usr/local/share/php-pool" "$tree_root/srv/www/www"
        cp -r "$source_root/units/examples" "$tree_root/usr/local/share/php-pool/units"
        cp "$container/setup" "$tree_root/usr/local/share/php-pool/setup"
        tree_chroot /usr/local/share/php-pool/setup "$2" || die "setup failed"
        cp "$source_root"/tests/integration/php/{info,slow,sandbox}.php "$tree_root/srv/www/www/"
        chmod -R a+rX "$tree_root/srv"
}
visit() { inside curl -sS --max-time "${2:-20}" "http://127.0.0.1$1"; }
halt() {
        inside sh -c 'curl -s --max-time 20 "http://127.0.0.1/slow.php?ms=2000&token=last" >/var/tmp/last' &
        check "a request runs" eventually 15 grep -qsx last "$tree_root"/var/lib/{private/,}php-pool/www/tokens
        kill "-$(containerfile STOPSIGNAL Containerfile | sed 's/^SIG//')" "$tree_leader"
        began=$SECONDS
        until ended "$tree_nspawn" || ((SECONDS - began > 90)); do sleep 0.2; done
        check "the stop signal ends it" ended "$tree_nspawn"
        check "and the request that ran was answered" equal "$(cat "$tree_root/var/tmp/last")" "slow last"
        echo "          after $((SECONDS - began)) s"
        kill -KILL "$tree_leader" 2>/dev/null
        wait "$tree_nspawn"
}
# A child that nobody has waited for is a zombie.
ended() { [[ $(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) != [RSD] ]]; }
healthy() { inside sh -c "$(containerfile HEALTHCHECK Containerfile | sed 's/.* CMD //')"; }
without=(--drop-capability=CAP_SYS_ADMIN --tmpfs=/run/lock)

for package in $(sed -n 's/.*install -y --no-install-recommends \(systemd .*\) \/tmp.*/\1/p' "$container/Containerfile"); do
        check "the tree has $package, which the Containerfile installs" chroot "$tree" dpkg-query -W "$package"
done

echo "-- with CAP_SYS_ADMIN"
prepare with --sandbox=yes
tree_boot "$place/with.log"
check "the pool serves port 80" contains "$(visit /info.php)" "sapi: fpm-fcgi"
check "the first page is there" contains "$(visit /)" "in a container"
check "the health check is content" healthy
check "the pool has a dynamic user" equal "$(inside systemctl show -P DynamicUser php-pool@www.service)" yes
check "and its sandbox" not grep -q ALLOWED <<<"$(visit '/sandbox.php?other=x' | grep -v '^own')"
check "the journal is on the console" eventually 5 grep -q 'Generation 1 serves' "$place/with.log"
halt

echo "-- without CAP_SYS_ADMIN, without the drop-in"
prepare bare --sandbox=yes
tree_boot "$place/bare.log" "${without[@]}"
began=$EPOCHREALTIME
check "a visitor gets an error" not visit / 20
check "at once" awk "BEGIN { exit !($EPOCHREALTIME - $began < 3) }"
check "the health check complains" not healthy
check "starting the pool fails" not inside systemctl start php-pool@www.service
check "and systemctl status says for want of what" contains "$(inside systemctl status php-pool@www.socket 2>&1)" "AssertCapability=CAP_SYS_ADMIN was not met"
check "the same for the proxy" contains "$(inside systemctl status php-pool-proxy.socket 2>&1)" "AssertCapability=CAP_SYS_ADMIN was not met"
check "starting the metrics fails" not inside systemctl start php-pool-metrics.socket
# nothing wants this unit, so systemd forgets all about it but what it has written
check "for want of the same" contains "$(inside systemctl status php-pool-metrics.socket 2>&1)" "asserts failed"
kill -KILL "$tree_leader"
wait "$tree_nspawn"

echo "-- without CAP_SYS_ADMIN, with the drop-in"
prepare dropin --sandbox=no
tree_boot "$place/dropin.log" "${without[@]}"
check "the pool serves port 80" contains "$(visit /info.php)" "sapi: fpm-fcgi"
check "the health check is content" healthy
check "the pool has a user of its own" equal "$(inside stat -c %U "/proc/$(inside systemctl show -P MainPID php-pool@www.service)")" php-www
check "so has the proxy" equal "$(inside stat -c %U "/proc/$(inside systemctl show -P MainPID php-pool-proxy.service)")" php-pool-proxy
status=$(inside cat "/proc/$(inside systemctl show -P MainPID php-pool@www.service)/status")
check "it has no capability" grep -q '^CapBnd:.0*$' <<<"$status"
check "and no way to one" grep -q '^NoNewPrivs:.1$' <<<"$status"
check "the filter of system calls is there" grep -q '^Seccomp:.2$' <<<"$status"
sandbox=$(visit '/sandbox.php?other=x')
for what in /etc /usr /var/lib /root; do
        check "it cannot write $what" contains "$sandbox" "write $what: denied"
done
# What php-pool(8) says is lost
check "lost, as the manual says: it can execute what it writes" contains "$sandbox" "execute in /tmp: ALLOWED"
check "lost, as the manual says: it sees other processes" contains "$sandbox" "see process 1: ALLOWED"
inside systemctl start php-pool-metrics.socket
check "the metrics are served" contains "$(inside curl -s --max-time 10 http://127.0.0.1:9253/metrics)" 'php_pool_up{pool="www"} 1'
check "by a user of their own" equal "$(inside stat -c %U "/proc/$(inside systemctl show -P MainPID php-pool-metrics.service)")" php-pool-metrics
check "a reload works" inside systemctl reload php-pool@www.service
check "a restart works" inside systemctl restart php-pool@www.service php-pool-proxy.service
check "the journal is on the console" eventually 5 grep -q 'Generation 1 serves' "$place/dropin.log"
halt

echo "-- small, without a systemd"
tree_mount "$tree" "$place/small"
tree_install_packages "$packages"
cp "$container/small" "$tree_root/usr/local/bin/php-pool-small"
tree_chroot php-pool-small setup
cp "$source_root"/tests/integration/php/{info,slow}.php "$tree_root/srv/www/www/"
chmod -R a+rX "$tree_root/srv"
mkdir -p "$place/sockets"
chown 33:33 "$place/sockets"
# engine NAME ARGUMENT…: as an engine starts the entry point, with the user and volume of the Containerfile
engine() {
        local name=$1
        shift
        mkdir -p "$place/$name-upper" "$place/$name-work" "$place/$name-tree"
        mount -t tmpfs tmpfs "$place/$name-upper"
        mkdir "$place/$name-upper"/{up,work}
        mount -t overlay -o "lowerdir=$tree_root,upperdir=$place/$name-upper/up,workdir=$place/$name-upper/work" overlay "$place/$name-tree"
        systemd-nspawn --quiet --register=no --keep-unit -M "$name" -D "$place/$name-tree" --drop-capability=all \
                --user="$(containerfile USER Containerfile.small)" --bind="$place/sockets:/run/php-pool" --kill-signal=TERM \
                /usr/local/bin/php-pool-small "$@" </dev/null >"$place/$name.log" 2>&1 &
}
engine pool pool
pool=$!
engine proxy proxy 8099
proxy=$!
small() { curl -sS --max-time 20 "http://127.0.0.1:8099$1"; }
answers() { [[ $(small / 2>&1) == *"in a small container"* ]]; }
check "pool and proxy serve" eventually 20 answers
check "PHP is nobody special" contains "$(small /info.php)" "uid: 33"
small '/slow.php?ms=2000&token=last' >"$place/last" &
visitor=$!
check "a request runs in it" eventually 15 grep -qsx last "$place/pool-tree/var/lib/php-pool/www/tokens"
kill -TERM "$pool"
wait "$pool"
wait "$visitor"
check "the stop signal lets a request finish" equal "$(cat "$place/last")" "slow last"
check "without the pool a visitor gets an error" contains "$(curl -sS --max-time 20 -o /dev/null -w '%{http_code}' http://127.0.0.1:8099/)" 50
engine pool2 pool
pool=$!
check "and is served when the pool is back" eventually 20 answers
kill -TERM "$proxy" "$pool"
wait "$proxy" "$pool"
check "no program complained but of what it lacks" not grep -E 'rror|ssert' "$place/proxy.log"
exit "$failed"
