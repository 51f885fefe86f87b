#!/bin/bash
# SPDX-License-Identifier: MIT
#
# fetch.sh symfony|laravel|slim: prints the path of a tree with that framework as
# Debian packages it, and an autoload.php for it; unpacks it (seconds) when the cache
# has none.
#
# Symfony 7.4 and Laravel 13 are in sid alone; they are PHP without anything
# compiled, and unpacked beside the system, not installed. sid's Slim wants a PSR-7
# that sid has no more, so that is Debian 12's.

set -euo pipefail

case ${1:-} in
symfony) suite=sid packages=(php-symfony-framework-bundle php-symfony-runtime) ;;
laravel) suite=sid packages=(php-laravel-framework) ;;
slim) suite=bookworm packages=(php-slim) ;;
*) echo "Usage: ${0##*/} symfony|laravel|slim" >&2; exit 64 ;;
esac

cache=${XDG_CACHE_HOME:-/var/cache}/php-pool-tests
here=$(cd "$(dirname "$0")" && pwd)
hash=$(cat "$here/fetch.sh" "$here/autoload.php" | sha256sum)
tree=$cache/app-$1-${hash:0:12}
mkdir -p "$cache"
exec 9>"$cache/lock-app-$1"
flock 9
[[ ! -d $tree ]] || { echo "$tree"; exit; }

# An apt of its own: the system's sources and packages do not come into it.
apt=$cache/apt-$suite
mkdir -p "$apt"/{state,cache,lists/partial,archives/partial}
: >"$apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" >"$apt/sources.list"
cat >"$apt/apt.conf" <<END
Dir::State "$apt/state";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Acquire::Check-Valid-Until "false";
Acquire::Retries "5";
APT::Sandbox::User "root";
END
export APT_CONFIG=$apt/apt.conf
log=$tree.log

# PHP itself and its extensions are the system's: those packages are not called php-something.
{
        echo "Unpacking a tree with $1 in $tree"
        apt-get update
        apt-get install --simulate --no-install-recommends "${packages[@]}" >"$tree.plan"
        mapfile -t wanted < <(sed -n 's/^Inst \(php-[^ ]*\).*/\1/p' "$tree.plan")
        rm -rf "$tree.new" "$tree.debs"
        mkdir -p "$tree.new" "$tree.debs"
        (cd "$tree.debs" && apt-get download "${wanted[@]}")
        for file in "$tree.debs"/*.deb; do
                dpkg-deb -x "$file" "$tree.new"
        done
        rm -rf "$tree.debs" "$tree.plan"
        # Laravel looks for its own configuration where upstream's repository has it.
        [[ $1 != laravel ]] || ln -s php/Illuminate/config "$tree.new/usr/share/config"
} >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
mv "$tree.new" "$tree"
php "$here/autoload.php" "$tree" >&2 || { rm -rf "$tree"; exit 1; }
echo "$tree"
