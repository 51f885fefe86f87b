#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Do two pools start, each as a user of its own, in a sandbox of its own, and
# does the proxy find them by their host names?

. /opt/tests/lib.sh

docroot one
docroot two
pool one <<<'root = "/srv/www/one"; site: { hosts = [ "one.test" ]; };'
pool two <<<'root = "/srv/www/two"; site: { hosts = [ "two.test" ]; };'

require "systemctl starts a pool" systemctl start php-pool@one.service
require "systemctl starts a second one" systemctl start php-pool@two.service
check "the socket belongs to root and the group php-pool, mode 0660" \
        equal "$(stat -c '%U:%G %a' /run/php-pool/one.sock)" "root:php-pool 660"
check "the first pool runs as php-one" equal "$(stat -c %U "/proc/$(manager one)")" php-one
check "the second pool runs as php-two" equal "$(stat -c %U "/proc/$(manager two)")" php-two

info=$(fcgi one info.php)
policy() { chrt -p "$1" | sed -n 's/.*policy: //p'; }
check "the workers run with the unit's scheduling policy" equal "$(policy "$(workers one | head -1)")" SCHED_BATCH
check "the manager does not wait for their turn" equal "$(policy "$(manager one)")" SCHED_OTHER
check "PHP answers over FastCGI as fpm-fcgi" contains "$info" "sapi: fpm-fcgi"
check "PHP runs as the pool's user" contains "$info" "uid: $(id -u php-one)"
check "HOME is the state directory" contains "$info" "HOME: /var/lib/php-pool/one"
check "STATE_DIRECTORY is there" contains "$info" "STATE_DIRECTORY: /var/lib/"
check "CACHE_DIRECTORY is there" contains "$info" "CACHE_DIRECTORY: /var/cache/"
check "opcache works" contains "$info" "opcache: on"
# byte 1 of opcache's lock file: its readers
reader="READ +($(workers one | paste -sd'|')) .* 1 1\$"
holds_lock() { grep -qE "$reader" /proc/locks; }
ask_again() { for ((i = 0; i < 20; i++)); do fcgi one info.php >/dev/null; done; }
ask_again &
check "a worker keeps opcache's read lock for the next request" eventually 10 holds_lock
wait
check "and gives it back when none comes" eventually 5 not holds_lock
for name in NOTIFY_SOCKET LISTEN_FDS WATCHDOG_USEC; do
        check "$name is gone" contains "$info" "$name: (unset)"
done

probe=$(fcgi one sandbox.php --query other=two)
for what in "write /etc" "write /usr" "write /var/lib" "write /srv" "write /run" "write /home" "write /root" \
        "other's state" "other's control socket" "other's FastCGI socket" "see process 1" \
        "execute in /tmp" "execute in /var/tmp" "execute in /dev/shm"; do
        check "PHP cannot: $what" contains "$probe" "$what: denied"
done
check "PHP can write its state directory" grep -q '^own /var/lib/.*: ALLOWED' <<<"$probe"
check "PHP can write its cache directory" grep -q '^own /var/cache/.*: ALLOWED' <<<"$probe"
check "PHP cannot execute what it wrote there" not grep -q '^execute in .*: ALLOWED' <<<"$probe"
check "/dev/shm of one pool is not that of the other" equal "$(fcgi two shm.php)" "not seen"

require "the proxy starts" systemctl restart php-pool-proxy.service
check "the proxy finds the first pool by its host name" contains "$(http one.test /info.php)" "HOME: /var/lib/php-pool/one"
check "the proxy finds the second pool by its host name" contains "$(http two.test /info.php)" "HOME: /var/lib/php-pool/two"
check "a host that no site has is not found" equal "$(http_status nobody.test /info.php)" 404

check "systemctl status shows one line of figures" \
        contains "$(systemctl show -P StatusText php-pool@one.service)" "requests"
check "php-poolctl list names both pools" \
        contains "$(php-poolctl list)" "two"
check "php-poolctl status tells of the pool" contains "$(php-poolctl status one)" "one"
check "php-poolctl check finds nothing wrong" php-poolctl check one

check "stopping the socket stops the pool" systemctl stop php-pool@two.socket
check "the stopped pool is inactive" eventually 15 inactive php-pool@two.service
check "its socket is removed" test ! -e /run/php-pool/two.sock
