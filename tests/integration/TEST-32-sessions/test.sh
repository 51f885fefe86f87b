#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Are sessions kept over a restart, and those that have ended removed, which Debian's own
# cleaning does not do for us?

. /opt/tests/lib.sh

docroot sess
cat >/srv/www/sess/count.php <<'PHP'
<?php
session_start();
echo $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1, " of ", ini_get("session.save_path"), ", gc ",
        ini_get("session.gc_probability"), "/", ini_get("session.gc_divisor");
PHP
# With 1 of 1000, Debian's divisor, the test would take as many requests.
pool sess <<<'root = "/srv/www/sess"; php: { admin_values = [ "session.gc_divisor=1" ]; }; site: { hosts = [ "sess.test" ]; };'
require "the pool starts" systemctl start php-pool@sess.service
require "the proxy starts" systemctl restart php-pool-proxy.service

jar=$(mktemp)
count() { http sess.test /count.php -b "$jar" -c "$jar"; }
check "a session begins, in the state directory, and is cleaned by us" \
        equal "$(count)" "1 of /var/lib/php-pool/sess/sessions, gc 1/1"
systemctl restart php-pool@sess.service
check "it goes on after a restart of the pool" contains "$(count)" "2 of"
check "nobody else can read it" equal "$(stat -c %a "$(find /var/lib/php-pool/sess/sessions/ -name 'sess_*')")" 600

sessions=/var/lib/php-pool/sess/sessions
cp -p "$sessions"/sess_* "$sessions/sess_longgone0000000000000000"
touch -d '2 days ago' "$sessions/sess_longgone0000000000000000"
check "another visitor begins another session" contains "$(http sess.test /count.php)" "1 of"
gone() { [[ ! -e $1 ]]; }
check "those that ended long ago are removed" eventually 5 gone "$sessions/sess_longgone0000000000000000"
check "and leaves the others" contains "$(count)" "3 of"
rm -f "$jar"
