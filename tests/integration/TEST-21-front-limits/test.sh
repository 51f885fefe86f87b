#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does the proxy survive a full disk and a lack of descriptors, and reach a pool
# by TCP when a drop-in gives it the network?

. /opt/tests/lib.sh

docroot limits
echo static >/srv/www/limits/a.txt
echo '<?php for ($i = 0; $i < 128; $i++) echo str_repeat("x", 65536);' >/srv/www/limits/large.php
pool limits <<<'root = "/srv/www/limits"; site: { hosts = [ "limits.test" ]; };'
systemctl start php-pool@limits.service

# The cache directory on a file system of 2 MB.
systemctl stop php-pool-proxy.socket php-pool-proxy.service
mkdir -p /var/cache/private/php-pool-proxy
mount -t tmpfs -o size=2M tmpfs /var/cache/private/php-pool-proxy
trap 'systemctl stop php-pool-proxy.socket php-pool-proxy.service; umount /var/cache/private/php-pool-proxy; systemctl start php-pool-proxy.socket; clean_up' EXIT
require "the proxy starts" systemctl start php-pool-proxy.socket php-pool-proxy.service

head -c 1000000 /dev/urandom >/tmp/small
head -c 4000000 /dev/urandom >/tmp/large
echoed() { http limits.test /echo.php --data-binary "@$1" | cmp - "$1"; }
check "a body that fits is echoed" echoed /tmp/small
check "one that does not is a 507" equal "$(http_status limits.test /echo.php -H 'Expect:' --data-binary @/tmp/large)" 507
check "nothing is left behind" equal "$(find /var/cache/private/php-pool-proxy -type f | wc -l)" 0
free_again() { [[ $(df --output=used -k /var/cache/private/php-pool-proxy | tail -1) -le 4 ]]; }
check "and the room is free again" eventually 5 free_again
check "the next one is served" echoed /tmp/small
told() { contains "$(journalctl -q -o cat --since "$_began" -u php-pool-proxy.service)" "No space left on device"; }
check "the journal tells why" eventually 10 told
check "an answer for a slow client comes whole all the same" equal \
        "$(curl -sS --max-time 60 --limit-rate 4M -H 'Host: limits.test' http://127.0.0.1/large.php | wc -c)" $((128 * 65536))

dropin php-pool-proxy.service <<<'[Service]
LimitNOFILE=100'
check "it starts with hardly any descriptors" systemctl restart php-pool-proxy.service
python3 - <<'PYTHON'
import socket, time
clients = []
for i in range(400):
    s = socket.create_connection(("127.0.0.1", 80), 10)
    s.sendall(b"GET /a.txt HTTP/1.1\r\nHost: lim")
    clients.append(s)
time.sleep(1)
for s in clients:
    s.close()
PYTHON
serves() { equal "$(http limits.test /a.txt)" static; }
check "it serves after 400 clients at once" eventually 5 serves
check "and has not been restarted" equal "$(systemctl show -P NRestarts php-pool-proxy.service)" 0
few() { (($(journalctl -q -o cat --since "$_began" -u php-pool-proxy.service | grep -c "Cannot accept") <= $(nproc))); }
check "the journal has a line or none about it, not one for each" few

pool limits <<<'root = "/srv/www/limits"; site: { hosts = [ "limits.test" ]; upstream = "tcp:127.0.0.1:9001"; };'
dropin php-pool@limits.socket <<<'[Socket]
ListenStream=
ListenStream=127.0.0.1:9001'
systemctl restart php-pool@limits.socket php-pool@limits.service
dropin php-pool-proxy.service <<<'[Service]
PrivateNetwork=no
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
IPAddressAllow=localhost'
systemctl restart php-pool-proxy.service
check "with the drop-in of its manual a pool is reached by TCP" contains "$(http limits.test /info.php)" "fpm-fcgi"
