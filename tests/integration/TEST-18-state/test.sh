#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Do sessions, uploads, temporary files and credentials work as they come, under
# the sandbox, and is what they keep still there after the pool has slept?

. /opt/tests/lib.sh

docroot state
pool state <<<'root = "/srv/www/state"; env = [ "SECRET=@credential:secret" ]; php: { values = [ "session.gc_divisor=1" ]; }; timeouts: { idle_exit = "10s"; }; site: { hosts = [ "state.test" ]; };'
echo "hunter2" >/run/state-secret
dropin php-pool@state.service <<<"[Service]
LoadCredential=secret:/run/state-secret"
require "the socket starts" systemctl start php-pool@state.socket
systemctl restart php-pool-proxy.socket php-pool-proxy.service

jar=/run/state-jar upload=/run/state-upload
head -c 1500000 /dev/urandom >"$upload"
rm -f "$jar"
directory=/var/lib/php-pool/state

ask() { http state.test "/state.php?pool=state&what=$1" -b "$jar" -c "$jar" "${@:2}"; }

check "a session begins, in the state directory" equal "$(ask session)" "1 $directory/sessions"
check "and goes on" equal "$(ask session)" "2 $directory/sessions"
check "a file is uploaded through the state directory, and kept" \
        equal "$(ask upload -F "file=@$upload")" "uploaded /var/lib/private/php-pool/state/tmp $(md5sum <"$upload" | cut -d' ' -f1)"
check "temporary files are made there" equal "$(ask temporary)" "/var/lib/private/php-pool/state/tmp tmpfile kept"
check "a credential is in the environment, and as a file" equal "$(ask env)" \
        "hunter2 hunter2 $directory php-pool@state.service hunter2"
check "nothing of it is for others" equal "$(stat -c %a /var/lib/private/php-pool/state/sessions)" 700

require "the pool falls asleep" eventually 30 inactive php-pool@state.service
check "the session goes on after it" equal "$(ask session)" "3 $directory/sessions"
check "the upload is still there" equal "$(ask temporary)" "/var/lib/private/php-pool/state/tmp tmpfile kept"

check "opcache keeps files for the next start" test -n "$(find /var/cache/private/php-pool/state/opcache -name '*.bin' 2>/dev/null | head -1)"
touch -d '3 days ago' /var/lib/private/php-pool/state/sessions/sess_old
chown --reference=/var/lib/private/php-pool/state/sessions /var/lib/private/php-pool/state/sessions/sess_old
check "there is an old session" test -e /var/lib/private/php-pool/state/sessions/sess_old
ask session >/dev/null
gone() { [[ ! -e $1 ]]; }
check "sessions that are too old are cleaned away, though Debian's php.ini says no" \
        eventually 10 gone /var/lib/private/php-pool/state/sessions/sess_old
rm -f "$jar" "$upload" /run/state-secret
