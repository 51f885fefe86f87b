#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Is what may not be executed refused with 403 or 404, with the reason in the
# journal, and is source never shown?

. /opt/tests/lib.sh

docroot scripts
www=/srv/www/scripts
pool scripts <<<'root = "/srv/www/scripts"; site: { hosts = [ "scripts.test" ]; };'

secret='<?php /* the secret of the source */ echo "ran";'
mkdir -p "$www/sub.d" /srv/outside
echo "$secret" | tee "$www/unreadable.php" "$www/page.txt" "$www/page.phtml" "$www/page.php.bak" "$www/page.php~" \
        "$www/.hidden.php" /srv/outside/page.php >/dev/null
chmod 000 "$www/unreadable.php"
ln -s /srv/outside/page.php "$www/link.php"
ln -s "$www/info.php" "$www/inside.php"

require "the pool starts" systemctl start php-pool@scripts.service
require "the proxy starts" systemctl restart php-pool-proxy.service

# refused WHAT STATUSES SCRIPT [RESOLVED]: over FastCGI, where the pool alone decides
refused() {
        local what=$1 statuses=$2 script=$3 resolved=${4:-$3} status body
        status=$(fcgi scripts "$script" --show status)
        body=$(fcgi scripts "$script" --show all)
        check "$what is answered with $statuses" grep -qxE "${statuses/ or /|}" <<<"$status"
        check "$what never shows its source" not contains "$body" "the secret"
        check "$what is not executed" not contains "$body" "ran"
        check "$what: the journal tells the script" journal_has scripts "$resolved"
}
refused "a script outside root" "403 or 404" /srv/outside/page.php
refused "a link that leads outside" "403 or 404" "$www/link.php" /srv/outside/page.php
refused "a way out by .." "403 or 404" "$www/../../outside/page.php" /srv/outside/page.php
refused "a missing script" 404 "$www/missing.php"
refused "an unreadable script" 403 "$www/unreadable.php"
refused "another extension" 403 "$www/page.txt"
refused "a directory" "403 or 404" "$www/sub.d"
check "a link that stays inside is executed" contains "$(fcgi scripts inside.php)" "sapi: fpm-fcgi"

for path in /link.php /unreadable.php /page.phtml /page.php.bak /page.php~ /.hidden.php /../outside/page.php \
        /%2e%2e/outside/page.php /info.php%00.txt; do
        body=$(http scripts.test "$path" -i)
        check "through the proxy $path is refused" grep -qE '^HTTP/1.1 (400|403|404)' <<<"$body"
        check "through the proxy $path shows no source" not contains "$body" "the secret"
done
check "through the proxy a text file is a text file" equal "$(http_status scripts.test /page.txt)" 200
check "and is not executed" contains "$(http scripts.test /page.txt)" "the secret"
rm -rf /srv/outside
