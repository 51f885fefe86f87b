#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does `php-poolctl doctor` find what is wrong with a site's files, with PHP's
# settings, and in the journal, each thing made to go wrong for real?

. /opt/tests/lib.sh

doctor() { php-poolctl --no-pager doctor ill; }
tells() { check "doctor tells: $1" contains "$(doctor)" "$2"; }
silent() { check "doctor says nothing of $1" not contains "$(doctor)" "$2"; }
unit=php-pool@ill.service
file=/etc/php-pool/conf.d/ill.conf

# site TEXT: root, and this
site() { pool ill <<<"root = \"/srv/www/ill\"; $1"; }

docroot ill
mkdir -p /srv/www/ill/public
site 'site: { hosts = [ "ill.test" ]; docroot = "public"; };'
systemctl start php-pool-proxy.socket
require "the pool starts" systemctl start "$unit"

# files

tells "no index and no front controller" "'/srv/www/ill/public' has none of the files of site.index, and there is no site.front_controller"
site 'site: { hosts = [ "ill.test" ]; docroot = "public"; front_controller = "/index.php"; };'
tells "a front controller that is not there" "$file:1: '/srv/www/ill/public/index.php' does not exist"
echo '<?php echo "front";' >/srv/www/ill/public/index.php
silent "one that is there" "public/index.php"
chmod 0600 /srv/www/ill/public/index.php
tells "a script that the pool's user may not read" "'/srv/www/ill/public/index.php' is not open to the pool's user"
chmod 0644 /srv/www/ill/public/index.php
chmod 0750 /srv/www/ill
tells "the very component that is closed" "'/srv/www/ill' is not open to the pool's user"
groupadd -f ill-files
chgrp ill-files /srv/www/ill
dropin "$unit" <<<'[Service]
SupplementaryGroups=ill-files'
silent "a directory that a group opens to the pool" "is not open to"
chmod 0755 /srv/www/ill
site 'site: { hosts = [ "ill.test" ]; docroot = "pulbic"; };'
tells "a document root that is not there" "'/srv/www/ill/pulbic' does not exist"
mv /srv/www/ill /srv/www/ill.away
tells "a root that is not there" "$file:1: '/srv/www/ill' does not exist"
mv /srv/www/ill.away /srv/www/ill
mkdir -p /home/ME/ill /tmp/ill
pool ill <<<'root = "/home/ME/ill";'
tells "a root that ProtectHome= hides" "'/home' is hidden from the pool by its unit (ProtectHome=)"
pool ill <<<'root = "/tmp/ill";'
tells "a root that PrivateTmp= hides" "'/tmp' is hidden from the pool by its unit (PrivateTmp=)"
mkdir -p /home/ME/sessions
pool ill <<<'root = "/srv/www/ill"; php: { values = [ "session.save_path=/home/ME/sessions" ]; };'
tells "sessions that ProtectHome= hides" "or a drop-in with ProtectHome=tmpfs and BindPaths=/home/ME/sessions"
pool ill <<<'root = "/home/ME/ill";'
dropin "$unit" <<<'[Service]
ProtectHome=tmpfs
BindReadOnlyPaths=/home/ME/ill'
silent "a home that a drop-in lets in" "hidden from the pool"
dropin "$unit" <<<''
site 'site: { hosts = [ "ill.test" ]; docroot = "public"; front_controller = "/index.php"; deny = [ "/*.php" ]; };'
tells "a front controller that is denied" "site.deny forbids it"
site 'site: { hosts = [ "ill.test" ]; docroot = "public"; front_controller = "/index.php"; }; security: { extensions = [ ".phtml" ]; };'
tells "a front controller that is never run" "its extension is not in security.extensions"

# .htaccess

site 'site: { hosts = [ "ill.test" ]; docroot = "public"; front_controller = "/index.php"; };'
mkdir -p /srv/www/ill/public/data/deep
echo "Deny from all" >/srv/www/ill/public/data/.htaccess
printf '<IfModule mod_authz_core.c>\n    Require all denied\n</IfModule>\n' >/srv/www/ill/public/data/deep/.htaccess
echo private >/srv/www/ill/public/data/private.txt
systemctl restart php-pool-proxy.service "$unit"
check "what an .htaccess denies is served" equal "$(http ill.test /data/private.txt)" private
tells "an .htaccess that nobody reads" "/srv/www/ill/public/data/.htaccess: warning: it denies access, and nobody reads it any more: say deny = [ \"/data/*\" ]"
tells "another one below it" "deep/.htaccess: warning: it denies access"
site 'site: { hosts = [ "ill.test" ]; docroot = "public"; front_controller = "/index.php"; deny = [ "/data/*" ]; };'
tells "a file that the proxy has not read" "it was written after the proxy has read it: systemctl reload php-pool-proxy"
systemctl reload php-pool-proxy.service
check "with deny as told it is not" equal "$(http_status ill.test /data/private.txt)" 403
silent "what deny covers" "nobody reads it"
silent "a file that the proxy has read" "has read it: systemctl"
rm -r /srv/www/ill/public/data

# secrets

printf 'APP_NAME=x\nDB_PASSWORD=\nAPP_KEY=base64:abc\n' >/srv/www/ill/.env
chmod 0644 /srv/www/ill/.env
tells "secrets that everyone can read" "/srv/www/ill/.env: warning: it holds secrets, and every user of the system can read it"
check "another pool can, indeed" equal "$(printf 'root = "/srv/www/ill";' >/etc/php-pool/conf.d/thief.conf; php-poolctl exec thief -- grep -c APP_KEY /srv/www/ill/.env)" 1
chgrp ill-files /srv/www/ill/.env
chmod 0640 /srv/www/ill/.env
silent "secrets that are not for everyone" "it holds secrets"
check "then it cannot" not php-poolctl exec thief -- cat /srv/www/ill/.env
rm /etc/php-pool/conf.d/thief.conf
printf 'APP_NAME=x\nDB_PASSWORD=\n' >/srv/www/ill/.env
chmod 0644 /srv/www/ill/.env
silent "a place for a secret that holds none" "it holds secrets"
rm /srv/www/ill/.env
printf "<?php\ndefine('DB_PASSWORD', 'hunter2');\n" >/srv/www/ill/public/wp-config.php
chmod 0644 /srv/www/ill/public/wp-config.php
tells "secrets in PHP" "wp-config.php: warning: it holds secrets"
rm /srv/www/ill/public/wp-config.php
site 'site: { hosts = [ "ill.test" ]; docroot = "public"; }; env = [ "SMTP_PASSWORD=x" ];'
tells "a secret in the pool's file" "SMTP_PASSWORD looks like a secret, and everyone can read this file"

# PHP's settings

ini() { site "site: { hosts = [ \"ill.test\" ]; docroot = \"public\"; front_controller = \"/index.php\"; }; php: { admin_values = [ $1 ]; };"; }
ini '"post_max_size=1M", "upload_max_filesize=2M"'
tells "uploads that never arrive" "post_max_size = 1M is less than upload_max_filesize = 2M"
systemctl restart "$unit"
echo '<?php var_dump(count($_POST));' >/srv/www/ill/public/post.php
head -c 1500000 /dev/zero | tr '\0' a >/run/body
check "a body over post_max_size is an empty one" contains "$(http ill.test /post.php --data-urlencode "a@/run/body")" "int(0)"
rm /run/body
tells "what the journal says of it" "a request body was larger than post_max_size: the script saw an empty \$_POST"
site 'site: { hosts = [ "ill.test" ]; docroot = "public"; front_controller = "/index.php"; }; limits: { body = "1M"; };'
tells "a limit below PHP's" "limits.body = 1.0M is less than post_max_size = 8M"
ini '"upload_tmp_dir=/srv/www/ill"'
tells "an upload directory that cannot be written" "upload_tmp_dir = '/srv/www/ill' cannot be written by the pool"
ini '"session.save_path=/var/lib/php/sessions"'
mkdir -p /var/lib/php/sessions
tells "a session directory that cannot be written" "session.save_path = '/var/lib/php/sessions' cannot be written by the pool"
systemctl restart "$unit"
echo '<?php session_start(); echo "done";' >/srv/www/ill/public/session.php
http ill.test /session.php >/dev/null
tells "what the journal says of it" "sessions fail: session.save_path cannot be used by the pool"
ini '"cgi.fix_pathinfo=0", "log_errors=0", "error_log=/var/log/php.log"'
tells "a setting without effect" "cgi.fix_pathinfo = 0 has no effect here"
tells "a journal without errors" "log_errors is off"
tells "errors that go elsewhere" "error_log = /var/log/php.log"

# what the journal says

site 'site: { hosts = [ "ill.test" ]; docroot = "public"; front_controller = "/index.php"; }; workers: { max = 1; }; timeouts: { queue = "6s"; };
php: { admin_values = [ "memory_limit=8M" ]; };'
systemctl restart "$unit"
fcgi ill /srv/www/ill/public/missing.php >/dev/null
tells "a script that is not there" "a front end asked for a script that is not there"
check "with its path" contains "$(doctor)" "/srv/www/ill/public/missing.php"
mkdir -m 0777 /srv/www/ill/open
cat >/srv/www/ill/public/bad.php <<'PHP'
<?php
switch ($_GET["how"]) {
case "memory": str_repeat("a", 100000000); break;
case "crash": posix_kill(getmypid(), 11); sleep(5); break;
case "write": file_put_contents("/srv/www/ill/open/x", "x"); break;
case "sleep": sleep(12); break;
}
PHP
fcgi ill /srv/www/ill/public/bad.php --query how=memory >/dev/null
tells "a script that needs more memory" "a script needed more than memory_limit"
fcgi ill /srv/www/ill/public/bad.php --query how=crash >/dev/null 2>&1
tells "a worker that crashed" "a worker crashed: an extension, or the JIT"
tells "how many have died" "1 worker has died since the pool was started"
fcgi ill /srv/www/ill/public/bad.php --query how=write >/dev/null
tells "a write outside its directories" "a script writes outside its directories"
# is_now BUSY QUEUED
is_now() { [[ $(php-poolctl --no-pager status ill --json | python3 -c 'import json, sys; s = json.load(sys.stdin); print(s["workers"]["busy"], s["queue"])') == "$1 $2" ]]; }
fcgi ill /srv/www/ill/public/bad.php --query how=sleep >/dev/null 2>&1 &
check "its only worker is busy" eventually 10 is_now 1 0
fcgi ill /srv/www/ill/public/index.php >/dev/null 2>&1 &
check "and a request waits" eventually 5 is_now 1 1
tells "workers that are all busy" "all 1 workers of workers.max are busy and 1 requests wait"
check "until it is refused" journal_has ill "waited longer than timeouts.queue"
tells "requests that were refused" "all workers were busy for too long"
wait

groupdel ill-files
rm -rf /home/ME /tmp/ill
systemctl stop php-pool-proxy.socket php-pool-proxy.service
