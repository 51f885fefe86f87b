# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Boots systemd in an overlay of a Debian tree. To be sourced by a script that has
# a mount namespace of its own and a function die; sets
#
#     tree_root    the root directory, as seen from outside
#     tree_nspawn  the process of systemd-nspawn
#     tree_leader  PID 1 of the tree

# tree_mount TREE DIRECTORY: an overlay of TREE whose upper layer is on a tmpfs at DIRECTORY
tree_mount() {
        local tree=$1 directory=$2
        mkdir -p "$directory"
        mount -t tmpfs -o size=2G tmpfs "$directory" || die "A tmpfs could not be mounted"
        mkdir "$directory/upper" "$directory/work" "$directory/tree"
        tree_root=$directory/tree
        mount -t overlay -o "lowerdir=$tree,upperdir=$directory/upper,workdir=$directory/work" overlay "$tree_root" ||
                die "An overlay of $tree could not be mounted"
}

# tree_install BUILD: what is built there
tree_install() {
        local said
        said=$(DESTDIR=$tree_root meson install -C "$1" --no-rebuild --quiet 2>&1 &&
                systemd-sysusers --root="$tree_root" 2>&1) || die "Installing failed: $said"
}

# tree_chroot COMMAND…: in the tree that is not booted
tree_chroot() {
        chroot "$tree_root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
                LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# tree_put_packages DIRECTORY: its Debian packages to /opt/packages, but those of debugging symbols
tree_put_packages() {
        mkdir -p "$tree_root/opt/packages"
        find "$1" -name '*.deb' ! -name '*-dbgsym_*' -exec cp -t "$tree_root/opt/packages" {} +
        compgen -G "$tree_root/opt/packages/*.deb" >/dev/null || die "There are no packages in $1"
}

# tree_install_packages DIRECTORY: those, and what they depend on has to be there
tree_install_packages() {
        local said
        tree_put_packages "$1"
        said=$(tree_chroot sh -c 'dpkg -i /opt/packages/*.deb' 2>&1) || die "Installing failed: $said"
}

# tree_boot LOG OPTION…: returns when systemd says that it is running
tree_boot() {
        local log=$1 state
        shift
        [[ -s $tree_root/etc/hosts ]] || echo "127.0.0.1 localhost" >"$tree_root/etc/hosts"
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --register=no --keep-unit \
                -M php-pool -D "$tree_root" -b --console=read-only "$@" </dev/null >"$log" 2>&1 &
        tree_nspawn=$!
        for ((i = 0; i < 300; i++)); do
                kill -0 "$tree_nspawn" 2>/dev/null || die "The tree did not boot: $(cat "$log")"
                tree_leader=$(cat "/proc/$tree_nspawn/task/$tree_nspawn/children")
                tree_leader=${tree_leader%% *}
                # Its own socket is there when PID 1 is ready to answer.
                [[ $tree_leader && -S /proc/$tree_leader/root/run/systemd/private ]] && break
                sleep 0.1
        done
        state=$(inside timeout 180 systemctl is-system-running --wait)
        [[ $state == running || ${tree_may_degrade:-} ]] ||
                die "The tree came up as '$state': $(inside systemctl --no-pager list-units --failed 2>&1; cat "$log")"
}

# inside COMMAND…: in the booted tree
inside() {
        nsenter -t "$tree_leader" -m -u -i -n -p -C -r -w -- \
                /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TERM="${TERM:-dumb}" "$@"
}
