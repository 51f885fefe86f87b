#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A full or read-only /var: what can work works, what cannot says so, and all is well again
# when there is room. Runs after the others: it takes the state directory from every pool.

. /opt/tests/lib.sh

docroot full
cat >/srv/www/full/session.php <<'PHP'
<?php
session_start();
$_SESSION["data"] = str_repeat("x", 100000);
session_write_close();
echo "done\n";
PHP
cat >/srv/www/full/body.php <<'PHP'
<?php
echo strlen(file_get_contents("php://input")), " ", $_FILES["f"]["error"] ?? "-", "\n";
PHP
pool full <<<'root = "/srv/www/full"; timeouts: { request = "5s"; queue = "5s"; kill = "1s"; }; site: { hosts = [ "full.test" ]; };'
scratch=$(mktemp -d)
head -c 3000000 /dev/urandom >"$scratch/big"

# /var of this machine is in the same file system as all the rest: the state gets a small one.
mkdir -p /var/lib/private
state() { mount -t tmpfs -o "mode=700,$1" state /var/lib/private; }
mounted() { mountpoint -q /var/lib/private; }
# systemd says it in the name of the service, in a process that journald may find gone (so not with -u)
says() { grep -qF -- "$2" <<<"$(journalctl -q --no-pager -o cat --since "$_began" "UNIT=$1" + "_SYSTEMD_UNIT=$1")"; }

state size=256k,nr_inodes=1
check "on a full disk a pool that is new does not start" not systemctl start php-pool@full.service
check "and the journal says why" eventually 10 says php-pool@full.service "Failed to set up special execution directory in /var/lib"
mount -o remount,nr_inodes=1000 /var/lib/private
check "it does as soon as there is room, unasked" eventually 15 active php-pool@full.service
require "the proxy starts" systemctl restart php-pool-proxy.service

dd if=/dev/zero of=/var/lib/private/filler bs=4k status=none 2>/dev/null
check "on a disk that is full now, what needs none goes on" contains "$(http full.test /info.php)" "sapi: fpm-fcgi"
check "so does the script whose session cannot be kept" equal "$(http full.test /session.php)" "done"
check "and the journal says so, with the directory" journal_has full "Write failed: No space left on device"
check "an upload that finds no room is an error to the script" equal "$(http full.test /body.php -F "f=@$scratch/big")" "0 7"
http full.test /body.php --data-binary "@$scratch/big" >/dev/null
check "a body that finds no room is said to be discarded" journal_has full "POST data can't be buffered"
check "a reload works" systemctl reload php-pool@full.service
check "a restart works" systemctl restart php-pool@full.service
check "and the pool serves" contains "$(http full.test /info.php)" "sapi: fpm-fcgi"
rm /var/lib/private/filler
check "with room again a body arrives whole" equal "$(http full.test /body.php --data-binary @<(head -c 200000 "$scratch/big"))" "200000 -"

check "the file system becomes read-only" mount -o remount,ro /var/lib/private
check "what needs none goes on" contains "$(http full.test /info.php)" "sapi: fpm-fcgi"
http full.test /session.php >/dev/null
check "the journal says what cannot be written" journal_has full "Read-only file system"
systemctl stop php-pool@full.socket php-pool@full.service
umount /var/lib/private
state size=64k,ro
sleep 1 # what was said before is not of the second that follows
_began=$(date '+%Y-%m-%d %H:%M:%S')
check "a pool that is new does not start there" not systemctl start php-pool@full.service
check "and the journal says why" eventually 10 says php-pool@full.service "Failed to set up special execution directory in /var/lib"
began=$SECONDS
check "a visitor who waits gets an answer, not silence" equal "$(curl -sS --max-time 60 -H 'Host: full.test' -o /dev/null \
        -w '%{http_code}' http://127.0.0.1/info.php)" 504
echo "          after $((SECONDS - began)) s"
systemctl stop php-pool@full.socket php-pool@full.service
while mounted; do umount /var/lib/private; done
rm -rf "$scratch"
