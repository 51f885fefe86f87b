#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Boots a whole machine under qemu, with a kernel of its own and all controllers of
# cgroup v2, installs nothing there by hand, and runs what containers cannot show:
#
#     run.sh [--results FILE] [--build DIR] [TEST-NN-name…]
#
# The disk is the Debian tree of the scenarios with the Debian packages of this source.
# A visitor outside the machine asks until the first request is served. The scenarios
# run from a unit; their results come through a serial port of their own, the console
# is kept in DIR/machine/console.log.

set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source_root=$(cd "$here/../.." && pwd)
integration=$source_root/tests/integration

die() { printf '%s\n' "$*" >&2; exit 1; }

build=$source_root/build results=/dev/null
scenarios=()
while (($#)); do
        case $1 in
        --inside) break ;;
        --build) build=$(cd "$2" && pwd) || exit 1; shift ;;
        --results) results=$(realpath "$2"); shift ;;
        -*) die "Usage: run.sh [--build DIR] [--results FILE] [TEST-NN-name…]" ;;
        *) scenarios+=("$1") ;;
        esac
        shift
done
((${#scenarios[@]})) || mapfile -t scenarios < <(cd "$here" && printf '%s\n' TEST-*/ | sed 's,/$,,')
place=$build/machine

# kernel: prints a directory with vmlinuz and the modules of a disk and a network card
kernel() {
        local cache package directory scratch module
        cache=${XDG_CACHE_HOME:-/var/cache}/php-pool-tests
        package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
        [[ $package ]] || die "apt knows no linux-image-cloud-amd64"
        directory=$cache/$package
        if [[ ! -d $directory ]]; then
                scratch=$(mktemp -d)
                (cd "$scratch" && apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=5 download "$package" && dpkg -x ./*.deb .) >/dev/null ||
                        die "The kernel could not be had"
                rm -rf "$directory.new"
                mkdir -p "$directory.new"
                cp "$scratch"/boot/vmlinuz-* "$directory.new/vmlinuz"
                depmod -b "$scratch" "${package#linux-image-}"
                # In the order in which they can be loaded
                for module in virtio_pci virtio_blk virtio_net; do
                        modprobe -d "$scratch" -S "${package#linux-image-}" --show-depends "$module"
                done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r module; do
                        cp "$module" "$directory.new/"
                        basename "$module" >>"$directory.new/order"
                done
                rm -rf "$scratch"
                mv "$directory.new" "$directory"
        fi
        echo "$directory"
}

# initramfs KERNEL FILE: loads the modules, and goes on with the disk
initramfs() {
        local scratch
        scratch=$(mktemp -d)
        mkdir "$scratch"/{bin,dev,proc,sys,root,modules}
        cp /bin/busybox "$scratch/bin/"
        cp "$1"/*.ko "$1/order" "$scratch/modules/"
        cat >"$scratch/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
while read -r module; do /bin/busybox insmod /modules/$module; done </modules/order
while [ ! -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox umount /dev
exec /bin/busybox switch_root /root /sbin/init
INIT
        chmod +x "$scratch/init"
        (cd "$scratch" && find . | cpio -o -H newc --quiet) | gzip -1 >"$2"
        rm -rf "$scratch"
}

# disk TREE PACKAGES FILE: called in a mount namespace of its own
disk() {
        . "$integration/boot.sh"
        tree_mount "$1" "$place/tree"
        # tree_mount says where that is
        # shellcheck disable=SC2154
        local root=$tree_root
        tree_install_packages "$2"
        mkdir "$root/opt/tests"
        cp -r "$integration/." "$here/." "$root/opt/tests"
        chmod -R a+rX "$root/opt"
        echo "127.0.0.1 localhost" >"$root/etc/hosts"
        # What the first visitor gets, with the clock that started with the kernel
        mkdir -p "$root/srv/www/www"
        echo '<?php echo "hello ", intdiv(hrtime(true), 1000000), "\n";' >"$root/srv/www/www/index.php"
        echo 'root = "/srv/www/www";' >"$root/etc/php-pool/conf.d/www.conf"
        systemctl --root="$root" enable php-pool@www.socket php-pool-proxy.socket 2>/dev/null
        cat >"$root/etc/systemd/system/network-card.service" <<'UNIT'
[Unit]
Description=The address that the visitor from outside asks
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for card in /sys/class/net/e*; do ip link set "$${card##*/}" up; ip address add 10.0.2.15/24 dev "$${card##*/}"; done'
[Install]
WantedBy=multi-user.target
UNIT
        cat >"$root/etc/systemd/system/scenarios.service" <<'UNIT'
[Unit]
Description=Scenarios
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/opt/tests/scenarios
StandardOutput=file:/dev/ttyS1
StandardError=file:/dev/ttyS1
ExecStopPost=/bin/systemctl --no-block poweroff
UNIT
        {
                echo '#!/bin/bash'
                echo 'until journalctl -q -u php-pool@www.service -o cat | grep -q Generation; do sleep 0.5; done # the visitor from outside comes first'
                printf 'for name in %s; do\n' "${scenarios[*]}"
                cat <<'SCRIPT'
        echo "@@ begin $name"
        timeout -k 5 600 bash "/opt/tests/$name/test.sh" 3>/tmp/results </dev/null 2>&1
        status=$?
        sed 's/^/@@ /' /tmp/results
        ((status == 0)) || printf '@@ fail\tthe scenario ended early with %d\n' "$status"
        if grep -q ^fail /tmp/results; then journalctl -q -b --no-pager _TRANSPORT=stdout + _TRANSPORT=journal -n 60; fi
done
echo "@@ end"
sync
SCRIPT
        } >"$root/opt/tests/scenarios"
        chmod +x "$root/opt/tests/scenarios"
        systemctl --root="$root" enable network-card.service 2>/dev/null
        ln -s ../scenarios.service "$root/etc/systemd/system/multi-user.target.wants/scenarios.service"
        # They wait for devices that nobody needs here.
        systemctl --root="$root" mask serial-getty@ttyS0.service getty@tty1.service 2>/dev/null
        rm -f "$3"
        mke2fs -qF -t ext4 -O ^has_journal -d "$root" "$3" 2G >/dev/null || die "The disk could not be made"
}

if [[ ${1:-} == --inside ]]; then
        scenarios=("${@:5}")
        place=$(dirname "$4")
        disk "$2" "$3" "$4"
        exit
fi

((EUID == 0)) || die "Only root can make the disk"
rm -rf "$place"
mkdir -p "$place"
tree=$("$integration/image.sh") || exit 1
"$source_root/tests/packages/build.sh" bookworm "$build/packages/bookworm" || exit 1
kernel=$(kernel) || exit 1
initramfs "$kernel" "$place/initrd.gz"
SECONDS=0
unshare --mount --propagation private "$here/run.sh" --inside "$tree" "$build/packages/bookworm" "$place/disk" "${scenarios[@]}" || exit 1
echo "The disk took ${SECONDS}s"

report() {
        printf '%s\t%s: %s\n' "$1" "$2" "$3" >>"$results"
        [[ $1 == fail ]] && failed=1
}

failed=0
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# machine ACCELERATOR: switches it on
machine() {
        : >"$place/results.log"
        began=$EPOCHREALTIME
        qemu-system-x86_64 -accel "$1" -cpu max -smp 2 -m 2G -display none -no-reboot -nodefaults \
                -kernel "$kernel/vmlinuz" -initrd "$place/initrd.gz" -append "console=ttyS0 quiet systemd.show_status=false" \
                -drive "file=$place/disk,format=raw,if=virtio,cache=unsafe" \
                -nic "user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:$port-:80" \
                -serial "file:$place/console.log" -serial "file:$place/results.log" </dev/null >"$place/qemu.log" 2>&1 &
        qemu=$!
}
trap 'kill "$qemu" 2>/dev/null' EXIT
trap 'exit 130' INT TERM HUP

# first_request: sets answer
first_request() {
        answer=
        while ((EPOCHSECONDS - ${began%%[.,]*} < 240)); do
                kill -0 "$qemu" 2>/dev/null && ! grep -q '^KVM internal error' "$place/qemu.log" || break
                answer=$(curl -s --max-time 10 "http://127.0.0.1:$port/")
                [[ $answer == hello* ]] && break
                sleep 0.5
        done
}

echo "-- first request"
accelerator=tcg,thread=multi
[[ -w /dev/kvm ]] && accelerator=kvm
machine "$accelerator"
first_request
# Inside a machine that is virtual itself KVM may be there and not work.
if [[ $accelerator == kvm && $answer != hello* ]] && grep -qi kvm "$place/qemu.log"; then
        kill "$qemu" 2>/dev/null
        wait "$qemu" 2>/dev/null
        echo "  KVM does not work here: $(head -1 "$place/qemu.log"); once more without"
        machine tcg,thread=multi
        first_request
fi
if [[ $answer == hello* ]]; then
        printf '  ok      after %.0f s, of which the kernel saw %s ms\n' "$(awk "BEGIN { print $EPOCHREALTIME - $began }")" "${answer#hello }"
        report pass machine "a machine that was switched on serves its first request, and nobody has logged in"
else
        tail -20 "$place/console.log" "$place/qemu.log"
        report fail machine "a machine that was switched on serves its first request"
fi

# What comes through the serial port, as it comes
name=machine
while IFS= read -r line; do
        case $line in
        "@@ begin "*) name=${line#@@ begin }; echo "-- $name" ;;
        "@@ end"*) break ;;
        "@@ "*) IFS=$'\t' read -r result sentence <<<"${line#@@ }"; report "$result" "$name" "$sentence" ;;
        *) printf '%s\n' "$line" ;;
        esac
done < <(timeout 1800 tail -n +1 --pid="$qemu" -f "$place/results.log" | tr -d '\r')
for ((i = 0; i < 60; i++)); do
        kill -0 "$qemu" 2>/dev/null || break
        sleep 0.5
done
for name in "${scenarios[@]}"; do
        grep -q "	$name: " "$results" 2>/dev/null || [[ $results == /dev/null ]] || report fail "$name" "no check was made"
done
rm -f "$place/disk"
exit "$failed"
