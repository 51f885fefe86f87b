#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does php-pool-metrics.socket serve the figures of all pools, from a sandbox, to
# every pool's PHP too, and without waking anybody?

. /opt/tests/lib.sh

docroot awake
docroot asleep
pool awake <<<'root = "/srv/www/awake"; site: { hosts = [ "awake.test" ]; };'
pool asleep <<<'root = "/srv/www/asleep"; site: { hosts = [ "asleep.test" ]; };'
systemctl start php-pool@asleep.socket
require "a pool starts" systemctl start php-pool@awake.service
mkdir -m 700 -p /etc/php-pool/credentials
touch /etc/php-pool/credentials/password
systemd-run -q --unit docker-test --socket-property=ListenStream=/run/docker.sock /bin/true
require "the metrics' socket starts" systemctl start php-pool-metrics.socket
check "which starts no service" inactive php-pool-metrics.service

figures() { curl -sS --max-time 20 -H 'Accept: application/openmetrics-text' http://127.0.0.1:9253/metrics; }
fcgi awake info.php >/dev/null
check "who asks gets the figures" contains "$(figures)" 'php_pool_up{pool="awake"} 1'
check "the pool's requests are counted" contains "$(figures)" 'php_pool_requests_total{pool="awake"} 1'
check "a pool that sleeps is in it" contains "$(figures)" 'php_pool_up{pool="asleep"} 0'
sleep 1.2
figures >/dev/null
check "and sleeps on" inactive php-pool@asleep.service
check "it ends with the mark of its format" equal "$(figures | tail -n 1)" "# EOF"
check "what does not ask for it by name gets the older format" \
        contains "$(curl -sS -D - -o /dev/null http://127.0.0.1:9253/metrics)" 'text/plain; version=0.0.4'

main=$(systemctl show -P MainPID php-pool-metrics.service)
check "its user is its own" equal "$(stat -c %U "/proc/$main")" php-pool-metrics
check "it has one capability" equal "$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$main/status")" 0000000000000002
inside_it() { nsenter -t "$main" -m -- "$@"; }
check "it does not see /etc" not inside_it test -e /etc/shadow
check "but the pools' files" inside_it test -e /etc/php-pool/conf.d/awake.conf
check "nor their credentials" not inside_it test -e /etc/php-pool/credentials
knock() { "$@" python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect("/run/docker.sock")'; }
require "somebody listens who would do anything" knock
check "whom it cannot reach" not knock inside_it
check "nor the sockets where pools take requests" not inside_it test -S /run/php-pool/awake.sock
check "nor the state of pools" not inside_it test -e /var/lib/private
check "nor the sites" not inside_it test -e /srv/www/awake
check "it has no network" equal "$(nsenter -t "$main" -n cat /proc/net/dev | grep -c :)" 1
check "php-poolctl metrics prints the same" equal "$(php-poolctl metrics | grep -c '^# TYPE')" "$(figures | grep -c '^# TYPE')"

# every pool's PHP can ask: nothing of requests may be in it
cat >/srv/www/asleep/spy.php <<'PHP'
<?php
$c = stream_socket_client("tcp://127.0.0.1:9253", $e, $s, 5);
fwrite($c, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
echo stream_get_contents($c);
PHP
fcgi asleep info.php >/dev/null # its start is over before the other one's request begins
fcgi awake slow.php --query 'ms=8000&secret=hunter2' >/dev/null 2>&1 &
sleep 1.3
spied=$(fcgi asleep spy.php)
check "a pool's PHP can read it" contains "$spied" 'php_pool_workers{pool="awake",state="busy"} 1'
check "and learns nothing of requests" not grep -qE 'hunter2|slow.php|/srv/www' <<<"$spied"
wait

# it comes back, and is not taken down by what pools put into their place
kill -KILL "$main"
check "killed it is there again" eventually 10 sh -c 'curl -sf --max-time 5 http://127.0.0.1:9253/metrics | grep -q php_pool_up'
cat >/srv/www/awake/forge.php <<'PHP'
<?php
@unlink("/run/php-pool.d/awake/control");
$s = stream_socket_server("unix:///run/php-pool.d/awake/control");
$c = stream_socket_accept($s, 10);
fread($c, 1000);
fwrite($c, '{"parameters":{"status":{"requests":"<script>","crashes_by_signal":{"SEGV\n evil{} 1\n":5},"workers":{"busy":-1}}}}' . "\0");
fread($c, 1000);
PHP
fcgi awake forge.php >/dev/null 2>&1 &
sleep 1.5
forged=$(figures)
check "a pool that takes its manager's place is in it" contains "$forged" 'php_pool_up{pool="awake"} 1'
check "with numbers alone" not grep -q '<script\|evil' <<<"$forged"
check "and all lines are lines of the format" not grep -qvE '^(# (TYPE|UNIT|HELP) php_pool_[a-z_]+ .*|# EOF|php_pool_[a-z_]+(\{[a-z]+="[A-Za-z0-9_+.-]+"(,[a-z]+="[A-Za-z0-9_+.-]+")*\})? [0-9.]+)$' <<<"$forged"
wait

systemctl stop php-pool-metrics.socket php-pool-metrics.service docker-test.socket
rm -rf /etc/php-pool/credentials /run/docker.sock
