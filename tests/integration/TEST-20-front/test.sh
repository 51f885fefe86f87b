#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does the proxy live under systemd as it should: several sockets and processes,
# no network, a log that can be read, an end when nobody comes?

. /opt/tests/lib.sh

proxy_pid() { systemctl show -P MainPID php-pool-proxy.service; }
processes() { children_named "$(proxy_pid)" php-pool-proxy; }
front_journal() { journalctl -q --no-pager --since "$_began" "_SYSTEMD_UNIT=php-pool-proxy.service" "$@"; }

docroot front
echo static >/srv/www/front/a.txt
echo '<?php echo $_SERVER["REMOTE_ADDR"], " ", $_SERVER["HTTP_X_REQUEST_ID"];' >/srv/www/front/who.php
cat >/srv/www/front/knock.php <<'PHP'
<?php
echo "80 ", @stream_socket_client("tcp://127.0.0.1:80") ? "open" : "closed";
echo ", unix ", @stream_socket_client("unix:///run/front-test.sock") ? "open" : "closed";
PHP
pool front <<<'root = "/srv/www/front"; log: { access = "all"; }; site: { hosts = [ "front.test" ]; };'
dropin php-pool-proxy.socket <<<'[Socket]
ListenStream=[::1]:8081
ListenStream=/run/front-test.sock
SocketGroup=www-data
SocketMode=0660'
cp /etc/php-pool/proxy.conf /tmp/proxy.conf.saved
trap 'cp /tmp/proxy.conf.saved /etc/php-pool/proxy.conf; systemctl restart php-pool-proxy.socket php-pool-proxy.service; clean_up' EXIT
echo 'processes = 2; log: { access = "all"; };' >/etc/php-pool/proxy.conf
systemctl start php-pool@front.service
require "it starts on three sockets" systemctl restart php-pool-proxy.socket php-pool-proxy.service

ask() { curl -sS --max-time 20 -H 'Host: front.test' "$@"; }
check "IPv4 is served" equal "$(ask http://127.0.0.1/a.txt)" static
check "IPv6 is served" equal "$(ask 'http://[::1]:8081/a.txt')" static
check "a unix socket is served" equal "$(ask --unix-socket /run/front-test.sock http://x/a.txt)" static
check "which its group may connect to" runuser -u www-data -- curl -sS --max-time 20 --unix-socket /run/front-test.sock -o /dev/null http://x/
check "and no pool's PHP" equal "$(fcgi front knock.php)" "80 open, unix closed"
check "the client's address is right on each" equal \
        "$(ask http://127.0.0.1/who.php | cut -d' ' -f1) $(ask 'http://[::1]:8081/who.php' | cut -d' ' -f1) $(ask --unix-socket /run/front-test.sock http://x/who.php | cut -d' ' -f1)" \
        "127.0.0.1 ::1 unix:"
check "there are as many processes as the configuration says" equal "$(processes | wc -l)" 2
check "none of them has a network beside its loopback" equal \
        "$(for pid in $(proxy_pid) $(processes); do tail -n +3 "/proc/$pid/net/dev" | cut -d: -f1 | tr -d ' '; done | sort -u)" lo
check "the exposure is at most 0.5" systemd-analyze security --no-pager --threshold=5 php-pool-proxy.service
check "the status line counts" contains "$(systemctl show -P StatusText php-pool-proxy.service)" "sites"

id=$(ask -D - -o /dev/null http://127.0.0.1/who.php | tr -d '\r' | sed -n 's/^X-Request-Id: //p')
check "the answer names its request" test -n "$id"
sees() { [[ $(front_journal -o json "PHP_REQUEST_ID=$id") == *"\"$1\":\"$2\""* ]]; }
check "the proxy's journal has it, with status" eventually 10 sees PHP_STATUS 200
check "method" sees PHP_REQUEST_METHOD GET
check "path" sees PHP_REQUEST_URI /who.php
check "script" sees PHP_SCRIPT /who.php
check "pool" sees PHP_POOL front
check "and client" sees PHP_CLIENT 127.0.0.1
check "the pool's journal has the same id" journal_has front "/who.php 200" "PHP_REQUEST_ID=$id"
check "and so had the script" equal "$(ask http://127.0.0.1/who.php -D /tmp/head -o - | cut -d' ' -f2)" \
        "$(tr -d '\r' </tmp/head | sed -n 's/^X-Request-Id: //p')"

status_of() {
        python3 - <<'PYTHON'
import json, socket
s = socket.socket(socket.AF_UNIX)
s.connect("/run/php-pool-proxy/control")
s.sendall(b'{"method":"io.phppool.Proxy.GetStatus"}\0')
data = b""
while not data.endswith(b"\0"):
    data += s.recv(65536)
status = json.loads(data[:-1])["parameters"]["status"]
print(status["state"], status["processes"], sum(status["requests"]) > 5)
PYTHON
}
check "root is told the figures of all processes" equal "$(status_of)" "running 2 True"
check "nobody else is" not setpriv --reuid=nobody --clear-groups python3 -c \
        'import socket; socket.socket(socket.AF_UNIX).connect("/run/php-pool-proxy/control")'

victim=$(processes | head -1)
kill -SEGV "$victim"
check "after the death of a process the others serve" equal "$(ask http://127.0.0.1/a.txt)" static
all_there() { [[ $(processes | wc -l) == 2 ]]; }
check "and a new one comes" eventually 10 all_there
tells_of_it() { contains "$(front_journal -o cat)" "Process $victim was ended by signal SEGV"; }
check "which the journal tells" eventually 10 tells_of_it
check "the service has not been restarted for it" equal "$(systemctl show -P NRestarts php-pool-proxy.service)" 0

dropin php-pool-proxy.service <<<'[Service]
StandardOutput=append:/var/log/front-test.log'
echo 'log: { access = "all"; format = "combined"; };' >/etc/php-pool/proxy.conf
check "it restarts with a log file that systemd opens" systemctl restart php-pool-proxy.service
check "there is a process for two processors" equal "$(processes | wc -l)" $((($(nproc) + 1) / 2))
ask -A 'tester "x"' 'http://127.0.0.1/a.txt?logged=1' >/dev/null
check "which gets lines of the combined format" eventually 10 grep -qE \
        '^127\.0\.0\.1 - - \[.*\] "GET /a\.txt\?logged=1 HTTP/1\.1" 200 [0-9]+ "-" "tester \\x22x\\x22"$' /var/log/front-test.log
rm -f /var/log/front-test.log

# A socket for the PROXY protocol, as php-pool-proxy(8) has it
cat >/run/systemd/system/php-pool-proxied.socket <<'UNIT'
[Socket]
ListenStream=8443
FileDescriptorName=proxy-protocol
Service=php-pool-proxy.service
UNIT
echo 'trusted = [ "127.0.0.1" ];' >/etc/php-pool/proxy.conf
dropin php-pool-proxy.service <<<'[Unit]
Requires=php-pool-proxied.socket
After=php-pool-proxied.socket'
check "a socket that is added comes with a restart of the proxy" systemctl restart php-pool-proxy.service
check "the PROXY protocol is spoken there" equal "$(ask --haproxy-protocol http://127.0.0.1:8443/a.txt)" static
check "and HTTP alone as before" equal "$(ask http://127.0.0.1/a.txt)" static
check "the socket can be restarted" systemctl restart php-pool-proxied.socket
check "with which the proxy is" equal "$(ask --haproxy-protocol http://127.0.0.1:8443/a.txt)" static
rm -rf /run/systemd/system/php-pool-proxy.service.d /run/systemd/system/php-pool-proxied.socket
systemctl daemon-reload
systemctl stop php-pool-proxied.socket
systemctl restart php-pool-proxy.service

echo 'timeouts: { idle_exit = "10s"; };' >/etc/php-pool/proxy.conf
check "a reload turns the idle exit on" systemctl reload php-pool-proxy.service
check "it ends when nobody comes" eventually 20 inactive php-pool-proxy.service
check "with success" equal "$(systemctl show -P Result php-pool-proxy.service)" success
check "the socket wakes it" equal "$(ask http://127.0.0.1/a.txt)" static
