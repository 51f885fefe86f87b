#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does an upgrade restart what runs without losing a request, also one that takes long; leave
# alone what sleeps, and what the new version would not start; and does a change of PHP reach
# the pools?

. /opt/tests/lib.sh

worker=$(cd "$libexec" && echo php-pool-worker-*)
php=${worker#php-pool-worker-}
scratch=$(mktemp -d)

# upgrade: to the same packages with a higher version, which differs each time
upgrade() {
        local directory new deb old
        directory=$(mktemp -d "$scratch/XXXXXX")
        for deb in /opt/packages/*.deb; do
                dpkg-deb -R "$deb" "$directory/deb"
                old=$(sed -n 's/^Version: //p' "$directory/deb/DEBIAN/control")
                new="$old+test${EPOCHREALTIME/./}"
                [[ -f $directory/version ]] && new=$(cat "$directory/version")
                echo "$new" >"$directory/version"
                sed -i "s/^Version: .*/Version: $new/; s/(= $old)/(= $new)/; s/(<< $old)/(<< $new)/" "$directory/deb/DEBIAN/control"
                dpkg-deb -Znone -b "$directory/deb" "$directory" >/dev/null
                rm -r "$directory/deb"
        done
        dpkg -i "$directory"/*.deb >"$scratch/dpkg" 2>&1
}

for name in busy asleep broken; do
        docroot "$name"
done
pool busy <<<'root = "/srv/www/busy"; workers: { max = 16; }; site: { hosts = [ "busy.test" ]; };'
pool asleep <<<'root = "/srv/www/asleep";'
pool broken <<<'root = "/srv/www/broken";'
require "pools run" systemctl start php-pool@busy.service php-pool@broken.service php-pool@asleep.socket
require "the proxy runs" systemctl restart php-pool-proxy.service

metrics() { curl -sS --max-time 20 http://127.0.0.1:9253/metrics; }
require "the figures are served" systemctl start php-pool-metrics.socket
metrics >/dev/null

pid_of() { systemctl show -P MainPID "php-pool-$1.service"; }
busy=$(manager busy) proxy=$(pid_of proxy) figures=$(pid_of metrics)
# What a migration of a database would be: it is nobody's to break off.
php-poolctl exec busy -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do sleep 1; [ -e /srv/www/busy/enough ] && break; done; echo migrated' \
        >"$scratch/exec" 2>&1 &
"$tests/load.py" --fcgi /run/php-pool/busy.sock --root /srv/www/busy --until "$scratch/end" >"$scratch/fcgi" 2>&1 &
"$tests/load.py" --http 127.0.0.1:80 --host busy.test --until "$scratch/end" >"$scratch/http" 2>&1 &
sleep 1
for i in 1 2 3; do
        check "upgrade $i under load succeeds" upgrade
        check "and has no complaint" not grep '^php-pool:' "$scratch/dpkg"
        sleep 1
done
touch "$scratch/end" /srv/www/busy/enough
wait
printf '          FastCGI: %s; HTTP: %s\n' "$(head -1 "$scratch/fcgi")" "$(head -1 "$scratch/http")"
lost_none() {
        local requests lost
        read -r _ requests _ _ _ lost <<<"$(head -1 "$1")"
        [[ $requests -ge 50 && $lost == 0 ]] || { cat "$1"; return 1; }
}
check "three upgrades lose no request over FastCGI" lost_none "$scratch/fcgi"
check "three upgrades lose no request through the proxy" lost_none "$scratch/http"
check "the pool is another process" test "$(manager busy)" != "$busy"
check "the proxy is another process" test "$(pid_of proxy)" != "$proxy"
check "so are the metrics" test "$(pid_of metrics)" != "$figures"
check "which are served" contains "$(metrics)" 'php_pool_up{pool="busy"} 1'
check "what php-poolctl exec ran meanwhile was let run to its end" equal "$(cat "$scratch/exec")" migrated
for pid in $(cat "/sys/fs/cgroup$(systemctl show -P ControlGroup php-pool@busy.service)/cgroup.procs") \
        "$(pid_of proxy)" "$(pid_of metrics)"; do
        exe=$(readlink "/proc/$pid/exe")
        [[ $exe == *deleted* ]] && check "process $pid runs the new program" equal "$exe" "${exe% (deleted)}"
done
check "no process runs a program of an old version" test -z "$(find /proc/[0-9]*/exe -lname '*php-pool*(deleted)' 2>/dev/null)"
check "what slept sleeps on" inactive php-pool@asleep.service
check "and listens" active php-pool@asleep.socket

# In the middle of a long request: it ends as it would have, the others wait for that.
http busy.test '/slow.php?ms=6000&token=long' >"$scratch/long" 2>&1 &
long=$!
sleep 1
began=$EPOCHREALTIME
upgrade &
upgrading=$!
sleep 1
answer=$(http busy.test '/slow.php?ms=1&token=short')
waited=$(awk "BEGIN { print $EPOCHREALTIME - $began }")
wait "$long"
check "an upgrade in the middle of a long request lets it finish" equal "$(cat "$scratch/long")" "slow long"
wait "$upgrading"
check "and succeeds" equal "$?" 0
check "who came meanwhile has waited, and is answered" equal "$answer" "slow short"
echo "          after $waited s"

# A configuration that the new version refuses.
before=$(manager broken)
echo 'root = "/srv/www/broken"; no_such_key = 1;' >/etc/php-pool/conf.d/broken.conf
check "an upgrade beside a broken configuration succeeds" upgrade
check "the pool that would not come back was not restarted" equal "$(manager broken)" "$before"
check "dpkg says which, and the file and line" grep -q 'broken.conf:1' "$scratch/dpkg"
check "it serves on" contains "$(fcgi broken info.php)" "sapi: fpm-fcgi"

# A host without names for dynamic users
cp /etc/nsswitch.conf "$scratch/nsswitch.conf"
sed -i -E '/^(passwd|group):/s/ systemd//' /etc/nsswitch.conf
check "an upgrade where dynamic users have no names succeeds" upgrade
check "and says what to add to which file" grep -q "^php-pool: /etc/nsswitch.conf does not name 'systemd' for passwd" "$scratch/dpkg"
check "the pool serves" contains "$(fcgi busy info.php)" "sapi: fpm-fcgi"
cp "$scratch/nsswitch.conf" /etc/nsswitch.conf

# PHP itself: libphp, an extension, or its settings. A pool whose worker calls itself another PHP's
# stands for one of that.
cp "$libexec/$worker" "$libexec/php-pool-worker-1.0"
docroot other
pool other <<<'root = "/srv/www/other"; php: { version = "1.0"; };'
check "a pool of another PHP runs" systemctl start php-pool@other.service
pid=$(manager busy)
reloaded() { grep -q 'Generation 2' <<<"$(journal busy)"; }
check "a change of PHP's settings is told to the pools" \
        sh -c "dpkg-trigger --by-package=php-common /etc/php/$php/fpm/conf.d && dpkg --triggers-only -a"
check "which have reloaded" eventually 5 reloaded
check "with the same manager" equal "$(manager busy)" "$pid"
check "but for those of another PHP" not grep 'Generation 2' <<<"$(journal other)"
systemctl stop php-pool@other.socket php-pool@other.service
rm "$libexec/php-pool-worker-1.0"

# Figures that nobody asks for
systemctl stop php-pool-metrics.service
check "an upgrade where the metrics sleep succeeds" upgrade
check "and lets them sleep" inactive php-pool-metrics.service
check "until someone asks" contains "$(metrics)" 'php_pool_up{pool="busy"} 1'

systemctl stop php-pool-proxy.socket php-pool-proxy.service php-pool-metrics.socket php-pool-metrics.service
rm -rf "$scratch"
