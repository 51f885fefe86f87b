#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Do the drop-ins that are shipped as examples do what they say? Those for uploads,
# credentials and containers have scenarios of their own.

. /opt/tests/lib.sh

for name in jit lone home; do
        docroot "$name"
done
cat >/srv/www/jit/jit.php <<'PHP'
<?php
echo preg_match('/^(a+)+$/', "aaaa"), " ", ini_get("pcre.jit"), "\n";
PHP
pool jit <<<'root = "/srv/www/jit"; php: { admin_values = [ "pcre.jit=0", "opcache.jit=disable" ]; };'
dropin php-pool@jit.service <"$examples/units/no-jit.conf"
require "a pool whose memory is either written or executed starts" systemctl start php-pool@jit.service
check "regular expressions work without their compiler" equal "$(fcgi jit jit.php)" "1 0"
check "and nothing complains" not grep 'JIT\|mprotect' <<<"$(journal jit)"

cat >/srv/www/lone/sites.php <<'PHP'
<?php
echo implode(" ", array_diff(scandir("/srv/www"), [".", ".."])), "\n";
PHP
pool lone <<<'root = "/srv/www/lone";'
dropin php-pool@lone.service <"$examples/units/isolate-sites.conf"
require "a pool that shall see its own site alone starts" systemctl start php-pool@lone.service
check "it sees no other" equal "$(fcgi lone sites.php)" lone
check "and has /dev/shm for itself as before" contains "$(fcgi lone sandbox.php)" "execute in /dev/shm: denied"

useradd --create-home home
useradd --create-home other
at_home=$(getent passwd home | cut -d : -f 6)
mkdir "$at_home/public_html"
cp /srv/www/home/info.php "$at_home/public_html"
echo '<?php $homes = dirname(__DIR__, 2); var_dump(is_dir("$homes/other"), is_file("$homes/home/secret"));' >"$at_home/public_html/peek.php"
touch "$at_home/secret"
chmod -R a+rX "$at_home"
echo static >"$at_home/public_html/a.txt"
pool home <<<"root = \"$at_home/public_html\"; site: { hosts = [ \"home.test\" ]; };"
dropin php-pool@home.service <"$examples/units/home.conf"
require "a pool with its site in a home directory starts" systemctl start php-pool@home.service
check "it serves" contains "$(fcgi home "$at_home/public_html/info.php")" "sapi: fpm-fcgi"
check "and sees nothing else of the homes" equal "$(fcgi home "$at_home/public_html/peek.php" | sort -u)" "bool(false)"
dropin php-pool-proxy.service <<<"$(sed -n 's/^#     //p' "$examples/units/home.conf" | sed 's/NAME/home/')"
require "the proxy starts with what the example says of it" systemctl restart php-pool-proxy.service
check "it serves a file there" equal "$(http home.test /a.txt)" static
check "and has scripts run" contains "$(http home.test /info.php)" "sapi: fpm-fcgi"
check "and sees nothing else of the homes" equal \
        "$(nsenter -t "$(systemctl show -P MainPID php-pool-proxy.service)" -m -- find /home -mindepth 1 | sort | head -3)" \
        "$(printf '%s\n' "$at_home" "$at_home/public_html" "$at_home/public_html/a.txt")"
systemctl stop php-pool-proxy.socket php-pool-proxy.service
userdel -r home 2>/dev/null
userdel -r other 2>/dev/null

version=$(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p')
if ((version >= 254)); then
        check "systemd $version tries a failing pool ever more seldom" \
                equal "$(systemctl show -P RestartSteps php-pool@jit.service)" 10
        mkdir -p /etc/credstore
        (umask 077 && printf secret >/etc/credstore/php-pool.lone.token)
        systemctl restart php-pool@lone.service
        echo '<?php echo implode(" ", array_diff(scandir(getenv("CREDENTIALS_DIRECTORY")), [".", ".."]));' >/srv/www/lone/list.php
        check "and gives it what is called by its name in the credential store" equal "$(fcgi lone list.php)" php-pool.lone.token
        rm -f /etc/credstore/php-pool.lone.token
else
        check "systemd $version sees no drop-in for newer ones" \
                test ! -e "$(dirname "$(systemctl show -P FragmentPath php-pool-proxy.service)")/php-pool@.service.d"
fi
check "no unit has a line that systemd $version does not know" \
        not grep -E '/php-pool[^ ]*:[0-9]+: ' <<<"$(journalctl -q --no-pager -o cat -b _PID=1)"
