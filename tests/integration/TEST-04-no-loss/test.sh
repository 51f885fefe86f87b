#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Do restarts and reloads lose no request, and the kill of a worker at most the
# one that it was running? Eight clients speak FastCGI, eight HTTP through the
# proxy; half of each keep their connections.

. /opt/tests/lib.sh

docroot load
pool load <<<'root = "/srv/www/load"; workers: { max = 16; }; site: { hosts = [ "load.test" ]; };'
require "the pool starts" systemctl start php-pool@load.service
require "the proxy starts" systemctl restart php-pool-proxy.service

scratch=$(mktemp -d)

load_begin() {
        rm -f "$scratch/end"
        "$tests/load.py" --fcgi /run/php-pool/load.sock --root /srv/www/load --until "$scratch/end" >"$scratch/fcgi" 2>&1 &
        fcgi_load=$!
        "$tests/load.py" --http 127.0.0.1:80 --host load.test --until "$scratch/end" >"$scratch/http" 2>&1 &
        http_load=$!
        sleep 1
}

load_end() {
        sleep 1
        touch "$scratch/end"
        wait "$fcgi_load" "$http_load"
        printf '          FastCGI: %s; HTTP: %s\n' "$(head -1 "$scratch/fcgi")" "$(head -1 "$scratch/http")"
}

# lost_at_most N REPORT: of at least 50 requests
lost_at_most() {
        local requests lost
        read -r _ requests _ _ _ lost <<<"$(head -1 "$2")"
        [[ $requests =~ ^[0-9]+$ && $requests -ge 50 && $lost -le $1 ]] || { cat "$2"; return 1; }
}

load_begin
check "three restarts succeed" bash -c 'for i in 1 2 3; do systemctl restart php-pool@load.service || exit 1; sleep 0.7; done'
load_end
check "three restarts under load lose no request over FastCGI" lost_at_most 0 "$scratch/fcgi"
check "three restarts under load lose no request through the proxy" lost_at_most 0 "$scratch/http"

load_begin
check "three reloads succeed" bash -c 'for i in 1 2 3; do systemctl reload php-pool@load.service || exit 1; sleep 0.7; done'
load_end
check "three reloads under load lose no request over FastCGI" lost_at_most 0 "$scratch/fcgi"
check "three reloads under load lose no request through the proxy" lost_at_most 0 "$scratch/http"

load_begin
check "three restarts of the proxy succeed" bash -c 'for i in 1 2 3; do systemctl restart php-pool-proxy.service || exit 1; sleep 0.7; done'
load_end
check "three restarts of the proxy under load lose no request" lost_at_most 0 "$scratch/http"

load_begin
killed=0
for i in 1 2 3; do
        worker=$(workers load | shuf -n 1)
        [[ $worker ]] && kill -KILL "$worker" && ((++killed))
        sleep 0.7
done
load_end
check "three workers were killed" equal "$killed" 3
total=$(($(awk 'NR == 1 {print $6}' "$scratch/fcgi") + $(awk 'NR == 1 {print $6}' "$scratch/http")))
check "three killed workers lose at most the three requests that they ran" test "$total" -le 3
check "over FastCGI every other request was answered in full" lost_at_most 3 "$scratch/fcgi"
check "through the proxy every other request was answered in full" lost_at_most 3 "$scratch/http"
check "the manager is the same one, which no kill ended" active php-pool@load.service
rm -rf "$scratch"
