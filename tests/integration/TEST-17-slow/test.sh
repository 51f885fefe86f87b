#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Is a slow request found in the journal with its stack, from inside the sandbox,
# and is one over its time answered?

. /opt/tests/lib.sh

docroot slow
pool slow <<<'root = "/srv/www/slow"; timeouts: { slow = "1s"; request = "5s"; kill = "1s"; }; site: { hosts = [ "slow.test" ]; };'
require "the pool starts" systemctl start php-pool@slow.service
systemctl restart php-pool-proxy.socket php-pool-proxy.service

check "a request that sleeps for some seconds is answered" contains "$(fcgi slow slow.php --query token=t\&ms=3000)" "slow t"
require "it is in the journal, once" journal_has slow "has been running for"
check "as a warning" equal "$(journal slow -p warning | grep -c 'GET /slow.php?token=t&ms=3000 has been running')" 1

record=$(journalctl -q --since "$_began" -o json _SYSTEMD_UNIT=php-pool@slow.service PHP_REQUEST_URI='/slow.php?token=t&ms=3000' PRIORITY=4 | head -1)
field() {
        python3 -c 'import json, sys; print(json.loads(sys.argv[1]).get(sys.argv[2], "(none)"))' "$record" "$1"
}
check "MESSAGE has the frames" contains "$(field MESSAGE)" "#0 usleep()"
check "CODE_FUNC is the function that runs" equal "$(field CODE_FUNC)" usleep
check "CODE_FILE is where" equal "$(field CODE_FILE)" /srv/www/slow/slow.php
check "CODE_LINE is the line" grep -qE '^[1-9][0-9]*$' <<<"$(field CODE_LINE)"
check "PHP_DURATION_USEC is the time until then" grep -qE '^[0-9]{6,7}$' <<<"$(field PHP_DURATION_USEC)"
check "PHP_SCRIPT is the script" equal "$(field PHP_SCRIPT)" /srv/www/slow/slow.php
check "MESSAGE_ID is there for the catalog" grep -qE '^[0-9a-f]{32}$' <<<"$(field MESSAGE_ID)"

check "a request over its time gets 504" equal "$(fcgi slow slow.php --query token=t\&ms=20000 --show status)" 504
check "and the journal says which" journal_has slow "is over timeouts.request and is interrupted while it ran GET /slow.php?token=t&ms=20000"
check "through the proxy too" equal "$(http_status slow.test '/slow.php?token=t&ms=20000')" 504
check "systemctl status counts them" status_says php-pool@slow.service "slow, 2 timeouts"
