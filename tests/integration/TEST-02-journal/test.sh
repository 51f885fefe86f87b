#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does an error of PHP stand in the journal, once, with the fields that find it?

. /opt/tests/lib.sh

docroot journal
docroot liar
pool journal <<<'root = "/srv/www/journal"; site: { hosts = [ "journal.test" ]; };'
pool liar <<<'root = "/srv/www/liar"; site: { hosts = [ "liar.test" ]; };'
require "the pool starts" systemctl start php-pool@journal.service php-pool@liar.service

check "a script with a warning is answered" contains "$(fcgi journal error.php --query how=softly)" "done"
require "the warning is in the journal" journal_has journal "A warning on purpose"
check "and only once" equal "$(journal journal | grep -c 'A warning on purpose')" 1

# field NAME: of the record of the warning
record=$(journalctl -q --since "$_began" -o json _SYSTEMD_UNIT=php-pool@journal.service | grep -F 'A warning on purpose')
field() {
        python3 -c 'import json, sys; print(json.loads(sys.argv[1]).get(sys.argv[2], "(none)"))' "$record" "$1"
}
check "PRIORITY is that of a warning" equal "$(field PRIORITY)" 4
check "PHP_POOL names the pool" equal "$(field PHP_POOL)" journal
check "PHP_SCRIPT names the script" equal "$(field PHP_SCRIPT)" /srv/www/journal/error.php
check "CODE_FILE is the file of the error" equal "$(field CODE_FILE)" /srv/www/journal/error.php
check "CODE_LINE is its line" equal "$(field CODE_LINE)" 6
check "PHP_REQUEST_URI is what was asked" equal "$(field PHP_REQUEST_URI)" "/error.php?how=softly"
check "PHP_REQUEST_METHOD is how" equal "$(field PHP_REQUEST_METHOD)" GET
check "PHP_REQUEST_ID is not empty" test -n "$(field PHP_REQUEST_ID | grep -v none)"
check "PHP_WORKER is a number" grep -qE '^[0-9]+$' <<<"$(field PHP_WORKER)"

check "a fatal error gives 500" equal "$(fcgi journal error.php --query how=fatal --show status)" 500
check "and is in the journal as an error" journal_has journal "no_such_function" PRIORITY=3
check "PHP_POOL= finds the records as well" contains "$(journalctl -q -o cat PHP_POOL=journal)" "A warning on purpose"

# Whose entry it is journald finds out from the process that wrote it.
systemctl restart php-pool@journal.service
cat >/srv/www/journal/last.php <<'PHP'
<?php eval("function twice() {} function twice() {}");
PHP
journald=$(systemctl show -P MainPID systemd-journald.service)
kill -STOP "$journald"
fcgi journal last.php >/dev/null 2>&1
sleep 0.3
kill -CONT "$journald"
check "what a worker says at its end is in the journal of its pool, be journald slow" journal_has journal "Cannot redeclare"

check "another pool can write a record that claims to be ours" equal "$(fcgi liar forge.php --query other=journal)" sent
check "which stands under its own unit" journal_has liar "forged"
check "and not under ours" not contains "$(journal journal)" "forged"
