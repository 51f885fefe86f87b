#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Is a site of nginx and php-fpm moved over with four commands, and answers the
# same afterwards, with nginx as it was? And does a chroot stay one?

. /opt/tests/lib.sh

php=$(php_version)

# A site as Debian's files make it: www-data, /run/php/phpVERSION-fpm.sock, state in a
# file of its own, a session, a path, an upload.
docroot moved
cat >/srv/www/moved/app.php <<'PHP'
<?php
session_start();
$_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1;
file_put_contents(__DIR__ . "/counter", "x", FILE_APPEND);
header("X-Made-By: app");
foreach (["REQUEST_METHOD", "QUERY_STRING", "SCRIPT_NAME", "SCRIPT_FILENAME", "PATH_INFO", "DOCUMENT_ROOT", "SERVER_NAME", "CONTENT_TYPE", "HTTP_AUTHORIZATION", "PHP_SELF"] as $key)
        echo "$key=", $_SERVER[$key] ?? "(none)", "\n";
echo "user=", posix_getpwuid(posix_geteuid())["name"], "\n";
echo "memory_limit=", ini_get("memory_limit"), "\n";
echo "display_errors=", ini_get("display_errors"), "\n";
echo "env=", getenv("APP_ENV"), "\n";
echo "sapi=", PHP_SAPI, "\n";
echo "session=", $_SESSION["n"], "\n";
echo "post=", json_encode($_POST), "\n";
echo "files=", json_encode(array_map(fn($f) => [$f["name"], $f["size"], $f["error"]], $_FILES)), "\n";
echo "body=", strlen(file_get_contents("php://input")), "\n";
PHP
chown -R www-data:www-data /srv/www/moved
rm -f /etc/nginx/sites-enabled/*
cat >/etc/nginx/sites-enabled/moved <<'NGINX'
server {
        listen 127.0.0.1:8004;
        server_name moved.test www.moved.test;
        root /srv/www/moved;
        index app.php index.html;
        client_max_body_size 20m;
        location / { try_files $uri $uri/ /app.php?$query_string; }
        location ~ \.php(/|$) {
                include snippets/fastcgi-php.conf;
                fastcgi_pass unix:/run/php/php8.2-fpm.sock;
        }
}
NGINX
sed -i "s/php8.2/php$php/" /etc/nginx/sites-enabled/moved
cat >>"/etc/php/$php/fpm/pool.d/www.conf" <<'FPM'
env[APP_ENV] = production
php_admin_value[memory_limit] = 64M
php_flag[display_errors] = on
FPM
systemctl start "php$php-fpm.service" nginx.service
require "php-fpm and nginx serve it" eventually 10 curl -sf -o /dev/null -H 'Host: moved.test' http://127.0.0.1:8004/app.php

# One line for each of some requests: status, headers that scripts make, body
answers() {
        local jar
        jar=$(mktemp)
        head -c 200000 /dev/zero >/run/upload
        for request in "/app.php?a=1&b=%20x" "/app.php/some/path?q" "/" "/missing/page?x=y" "/info.php" "/nothing.php" "/counter"; do
                echo "== $request"
                curl -sS -b "$jar" -c "$jar" -u me:secret -H 'Host: www.moved.test' "http://127.0.0.1:8004$request" -D /run/head -o /run/answer
                head -n 1 /run/head
                grep -iE '^(X-Made-By|Content-Type)' /run/head
                # its length is how often it was asked
                [[ $request == /counter ]] && continue
                grep -vE '^(REQUEST_TIME|REMOTE_PORT|HOME|USER|uid|pid|PHP_SELF_TIME)' /run/answer | grep -v '^/info.php-only'
        done
        echo "== POST"
        curl -sS -b "$jar" -H 'Host: moved.test' -d 'a=1&b[]=2' http://127.0.0.1:8004/app.php
        echo "== upload"
        curl -sS -b "$jar" -H 'Host: moved.test' -F 'f=@/run/upload' http://127.0.0.1:8004/app.php | sed 's/boundary=.*/boundary/'
        rm "$jar"
}
# what info.php says of the process, and not of the request, differs
answers | grep -vE '^[A-Z_]*(DIRECTORY|PATH|HOME|LANG|SHELL|LOGNAME|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD)[A-Z_]*: ' >/run/before
check "it answers requests of many kinds" test "$(grep -c '^== ' /run/before)" -ge 9

# Four commands

check "first: php-poolctl import" php-poolctl import "/etc/php/$php/fpm/pool.d/www.conf"
check "second: systemctl disable --now php$php-fpm" systemctl disable --now "php$php-fpm.service"
check "third: systemctl enable --now php-pool@www.socket" systemctl enable --now php-pool@www.socket
check "fourth: php-poolctl check finds no error" php-poolctl --no-pager check www
_pools+=(www)

answers | grep -vE '^[A-Z_]*(DIRECTORY|PATH|HOME|LANG|SHELL|LOGNAME|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD)[A-Z_]*: ' >/run/after
check "every answer is the same as before" diff /run/before /run/after
check "it was the pool that answered" active php-pool@www.service
check "php-fpm does not run" inactive "php$php-fpm.service"
check "the root came from nginx" grep -q '^root = "/srv/www/moved";' /etc/php-pool/conf.d/www.conf
check "so did the host names" grep -q '"www.moved.test"' /etc/php-pool/conf.d/www.conf
check "and what answers when no file does" grep -q 'front_controller = "/app.php"' /etc/php-pool/conf.d/www.conf
check "no time limit stays no time limit" grep -q 'request = "0"' /etc/php-pool/conf.d/www.conf
check "the pool can write where php-fpm could" test "$(stat -c %s /srv/www/moved/counter)" -gt 10
check "and nowhere else" not php-poolctl exec www -- touch /srv/www/elsewhere
check "our own proxy can serve it too" equal "$(systemctl start php-pool-proxy.socket; http www.moved.test '/app.php?a=1' | grep -c '^SCRIPT_FILENAME=/srv/www/moved/app.php')" 1
check "a second import is refused" contains "$(php-poolctl import "/etc/php/$php/fpm/pool.d/www.conf" 2>&1)" "'/etc/php-pool/conf.d/www.conf' exists; --force would write over it."

systemctl disable --now php-pool@www.socket php-pool-proxy.socket 2>/dev/null
systemctl stop php-pool@www.service php-pool-proxy.service nginx.service
rm -r /etc/systemd/system/php-pool@www.*.d

# All that Debian ships, from its main file

check "php-fpm.conf is imported with what it includes" contains "$(php-poolctl import --print "/etc/php/$php/fpm/php-fpm.conf" 2>&1)" "The pool [www] of php-fpm"
check "nothing of it is unknown" not contains "$(php-poolctl import --print "/etc/php/$php/fpm/php-fpm.conf" 2>&1)" "it is not known"

# A chroot, where nginx sends the paths inside of it

mkdir -p /srv/jail/htdocs /srv/jail/tmp
chmod 1777 /srv/jail/tmp
echo '<?php echo "in ", __FILE__, " ", is_dir("/srv/www") ? "sees" : "does not see", " the system, ", json_encode(preg_match("/a+/", "aa"));' >/srv/jail/htdocs/index.php
cat >/run/jail.conf <<'FPM'
[jail]
user = www-data
group = www-data
listen = /run/php/jail.sock
listen.owner = www-data
listen.group = www-data
chroot = /srv/jail
chdir = /htdocs
pm = ondemand
pm.max_children = 3
FPM
cp /run/jail.conf "/etc/php/$php/fpm/pool.d/jail.conf"
systemctl start "php$php-fpm.service"
inside_fpm=$("$tests/fcgi_client.py" /run/php/jail.sock /htdocs/index.php)
check "php-fpm runs the script in its chroot" contains "$inside_fpm" "in /htdocs/index.php does not see"
systemctl stop "php$php-fpm.service"
rm "/etc/php/$php/fpm/pool.d/jail.conf"
check "a chroot is imported" contains "$(php-poolctl import /run/jail.conf)" "not carried over: /run/jail.conf:7: chroot = /srv/jail: it is RootDirectory= now"
_pools+=(jail)
require "its socket starts" systemctl start php-pool@jail.socket
check "the pool answers the same" equal "$("$tests/fcgi_client.py" /run/php/jail.sock /htdocs/index.php)" "$inside_fpm"
check "and check finds no error in its sandbox" php-poolctl --no-pager check jail
systemctl stop php-pool@jail.socket php-pool@jail.service
rm -r /etc/systemd/system/php-pool@jail.*.d /srv/jail
systemctl daemon-reload
