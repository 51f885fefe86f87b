#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Is a peer that sends garbage, half a header or nothing cut off after a deadline,
# while others are served, and without filling the journal?

. /opt/tests/lib.sh

docroot garbage
# Two workers: a silent connection that held one would be noticed at once.
pool garbage <<<'root = "/srv/www/garbage"; workers: { max = 2; }; limits: { head_time = "3s"; body_time = "3s"; keep_time = "3s"; };
site: { hosts = [ "garbage.test" ]; };'
cat >/etc/php-pool/proxy.conf <<<'timeouts: { header = "3s"; body = "3s"; keep = "3s"; };'
require "the pool starts" systemctl start php-pool@garbage.service
require "the proxy starts" systemctl restart php-pool-proxy.service

lines_before=$(journalctl -q -o cat -u php-pool@garbage.service -u php-pool-proxy.service | wc -l)
report=$("$tests/TEST-13-garbage/peers.py" /run/php-pool/garbage.sock 127.0.0.1:80 /srv/www/garbage/info.php garbage.test)
for peer in "FastCGI garbage" "FastCGI half a header" "FastCGI silence" "FastCGI half a body" \
        "HTTP garbage" "HTTP half a header" "HTTP silence" "HTTP half a body"; do
        check "$peer is cut off" contains "$report" "$peer: cut off"
done
check "a hundred such peers do not keep others from being served" contains "$report" "others: served"
lines=$(($(journalctl -q -o cat -u php-pool@garbage.service -u php-pool-proxy.service | wc -l) - lines_before))
check "the 104 peers cost at most one journal line each" test "$lines" -le 104
check "the pool is up" active php-pool@garbage.service
check "the proxy is up" active php-pool-proxy.service
rm -f /etc/php-pool/proxy.conf
