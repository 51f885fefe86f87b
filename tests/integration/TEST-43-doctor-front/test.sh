#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does `php-poolctl doctor` find what nginx, Apache and HAProxy lose on the way,
# each of them running for real and losing it?

. /opt/tests/lib.sh

doctor() { php-poolctl --no-pager doctor web; }
tells() { check "doctor tells: $1" contains "$(doctor)" "$2"; }
silent() { check "doctor says nothing of $1" not contains "$(doctor)" "$2"; }
sock=/run/php-pool/web.sock

docroot web
cat >/srv/www/web/show.php <<'PHP'
<?php
if (isset($_GET["big"])) header("X-Big: " . str_repeat("b", 12000));
if (isset($_GET["die"])) posix_kill(getmypid(), 9);
echo "PATH_INFO=", $_SERVER["PATH_INFO"] ?? "", " AUTH=", $_SERVER["HTTP_AUTHORIZATION"] ?? "", " BODY=", strlen(file_get_contents("php://input"));
PHP
pool web <<<'root = "/srv/www/web"; site: { hosts = [ "web.test" ]; index = [ "info.php" ]; };'
require "the pool starts" systemctl start php-pool@web.service

rm -f /etc/nginx/sites-enabled/* /var/log/nginx/error.log
# nginx_site [LINE…]: a server for web.test, these lines in its location
nginx_site() {
        {
                printf 'server {\n  listen 127.0.0.1:8001;\n  server_name web.test;\n  root %s;\n' "${root:-/srv/www/web}"
                printf '  location ~ \\.php(/|$) {\n    fastcgi_pass unix:%s;\n' "$sock"
                printf '    %s\n' "$@"
                printf '  }\n}\n'
        } >/etc/nginx/sites-enabled/web
        systemctl reset-failed nginx.service 2>/dev/null
        systemctl restart nginx.service
}
ask() { curl -sS --max-time 10 -H 'Host: web.test' "$@" 2>&1; }
code() { ask -o /dev/null -w '%{http_code}' "$@"; }
good=('include fastcgi.conf;' 'fastcgi_split_path_info ^(.+\.php)(/.*)$;' 'set $path_info $fastcgi_path_info;' 'fastcgi_param PATH_INFO $path_info;'
        'fastcgi_buffer_size 32k;' 'fastcgi_buffers 8 16k;' 'client_max_body_size 64m;')

# the socket is not for it

nginx_site "${good[@]}"
check "nginx may not connect at first" equal "$(code http://127.0.0.1:8001/show.php)" 502
tells "who may not" "nginx runs as 'www-data', who may not connect to $sock (Permission denied, 502 or 503): usermod -aG php-pool www-data"
tells "what its log says" "it may not connect: its user has to be a member of the socket's group"
# setfacl -m u:www-data:rw, which is in a package of its own (acl(5), linux/posix_acl_xattr.h)
python3 - "$sock" <<'PYTHON'
import os, pwd, struct, sys
nobody = 0xffffffff
entries = [(1, 6, nobody), (2, 6, pwd.getpwnam("www-data").pw_uid), (4, 6, nobody), (16, 6, nobody), (32, 0, nobody)]
os.setxattr(sys.argv[1], "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries))
PYTHON
check "an access list lets it connect" equal "$(code http://127.0.0.1:8001/show.php)" 200
silent "the socket then" "who may not connect"
python3 -c "import os; os.removexattr('$sock', 'system.posix_acl_access')"
check "without it it may not again" equal "$(code http://127.0.0.1:8001/show.php)" 502
tells "who may not, again" "who may not connect"
usermod -aG php-pool www-data
nginx_site "${good[@]}"
check "as a member of the group it may" equal "$(code http://127.0.0.1:8001/show.php)" 200
rm -f /var/log/nginx/error.log
nginx_site "${good[@]}"
check "nothing is wrong with a front end that is well" not contains "$(doctor)" "nginx "
silent "a front end that is missing" "no front end speaks to this pool"

# scripts

root=/srv/www
nginx_site "${good[@]}"
check "another root gives 404" equal "$(code http://127.0.0.1:8001/show.php)" 404
tells "that the roots differ" "nginx sends scripts below '/srv/www', and the pool runs only what is below root = '/srv/www/web'"
root=/srv/www/wbe
nginx_site "${good[@]}"
tells "that its root is not there" "nginx sends scripts below '/srv/www/wbe' (which does not exist)"
root=
nginx_site 'include fastcgi_params;'
check "without SCRIPT_FILENAME there is no answer" not equal "$(code http://127.0.0.1:8001/show.php)" 200
tells "that there is none" "nginx sends no SCRIPT_FILENAME"

# PATH_INFO

nginx_site 'include fastcgi.conf;' 'fastcgi_split_path_info ^(.+\.php)(/.*)$;' 'try_files $fastcgi_script_name =404;' 'fastcgi_param PATH_INFO $fastcgi_path_info;'
check "try_files empties PATH_INFO" contains "$(ask http://127.0.0.1:8001/show.php/a/b)" "PATH_INFO= "
tells "that it does" "nginx loses PATH_INFO, since try_files empties \$fastcgi_path_info"
nginx_site "${good[@]}" 'try_files $fastcgi_script_name =404;'
check "saved before, it is there" contains "$(ask http://127.0.0.1:8001/show.php/a/b)" "PATH_INFO=/a/b "
silent "PATH_INFO then" "loses PATH_INFO"

# large headers, large bodies, chunked bodies

nginx_site 'include fastcgi.conf;'
check "a large header gives 502" equal "$(code 'http://127.0.0.1:8001/show.php?big=1')" 502
tells "that the buffer is small" "nginx answers 502 to large response headers (upstream sent too big header): say fastcgi_buffer_size 32k"
tells "what its log says" "a response header was larger than fastcgi_buffer_size"
head -c 3000000 /dev/zero >/run/body
check "a large body gives 413" equal "$(code --data-binary @/run/body http://127.0.0.1:8001/show.php)" 413
tells "where bodies end" "nginx refuses request bodies over 1.0M with 413 (client_max_body_size), PHP would take 8.0M (post_max_size)"
nginx_site "${good[@]}"
check "with larger buffers the header passes" equal "$(code 'http://127.0.0.1:8001/show.php?big=1')" 200
check "with a larger limit the body does" contains "$(ask --data-binary @/run/body http://127.0.0.1:8001/show.php)" "BODY=3000000"
check "and so does a chunked one" contains "$(ask -H 'Transfer-Encoding: chunked' --data-binary @/run/body http://127.0.0.1:8001/show.php)" "BODY=3000000"
nginx_site "${good[@]}" 'fastcgi_request_buffering off;'
tells "bodies without a length" "nginx passes chunked uploads on without a length (fastcgi_request_buffering off)"
rm /run/body

# a worker that dies

nginx_site "${good[@]}"
check "a worker that dies gives 502" equal "$(code 'http://127.0.0.1:8001/show.php?die=1')" 502
tells "what nginx' log says of it" "a worker died in the middle of a request; the journal says of what"
tells "what the journal says of it" "a worker was killed: by the kernel for its memory (MemoryMax=), or by timeouts.kill"

# a front end that waits less long than the pool lets a request run

echo '<?php sleep(3); echo "late";' >/srv/www/web/late.php
nginx_site "${good[@]}" 'fastcgi_read_timeout 1s;'
check "nginx gives up with 504" equal "$(code http://127.0.0.1:8001/late.php)" 504
tells "that nginx waits less long" "it waited less long (fastcgi_read_timeout) than the pool lets a request run"

# a backlog that is full: nobody accepts, as when all processes are stopped by a debugger

nginx_site "${good[@]}"
dropin php-pool@web.socket <<<'[Socket]
Backlog=1'
systemctl stop php-pool@web.socket php-pool@web.service
systemctl start php-pool@web.service
mapfile -t stopped < <(manager web; template web; workers web)
kill -STOP "${stopped[@]}"
for _ in {1..8}; do code --max-time 3 http://127.0.0.1:8001/show.php >/dev/null & done
full() { grep -q '(11: Resource temporarily unavailable)' /var/log/nginx/error.log; }
check "nginx gets (11: Resource temporarily unavailable)" eventually 5 full
kill -CONT "${stopped[@]}"
wait
tells "that the backlog was full" "the backlog of the socket was full: the pool took no connections, or far too many came at once"
rm /run/systemd/system/php-pool@web.socket.d/test.conf
systemctl daemon-reload
systemctl restart php-pool@web.socket php-pool@web.service

# Authorization

nginx_site "${good[@]}" 'fastcgi_param HTTP_AUTHORIZATION "";'
check "nginx can be told to leave Authorization out" contains "$(ask -u a:b http://127.0.0.1:8001/show.php)" "AUTH= "
tells "that it is" "nginx passes no Authorization header"
rm /etc/nginx/sites-enabled/web
systemctl stop nginx.service

apache_site() {
        cat >/etc/apache2/sites-enabled/web.conf <<APACHE
<VirtualHost 127.0.0.1:8002>
        ServerName web.test
        DocumentRoot /srv/www/web
        <Directory /srv/www/web>
                Require all granted
                $1
        </Directory>
        <FilesMatch "\\.php$">
                SetHandler "proxy:unix:$sock|fcgi://web/"
        </FilesMatch>
</VirtualHost>
APACHE
        systemctl restart apache2.service
}
echo 'Listen 127.0.0.1:8002' >/etc/apache2/ports.conf
rm -f /etc/apache2/sites-enabled/*
a2enmod -q proxy proxy_fcgi
apache_site ''
check "Apache answers" equal "$(code http://127.0.0.1:8002/show.php)" 200
check "and leaves Authorization out" contains "$(ask -u a:b http://127.0.0.1:8002/show.php)" "AUTH= "
tells "that it does" "Apache passes no Authorization header: say CGIPassAuth On"
apache_site 'CGIPassAuth On'
check "told so it passes it" contains "$(ask -u a:b http://127.0.0.1:8002/show.php)" "AUTH=Basic "
silent "Authorization then" "passes no Authorization"
echo 'SetEnvIfNoCase ^Authorization$ "(.+)" HTTP_AUTHORIZATION=$1' >/etc/apache2/conf-enabled/authorization.conf
apache_site ''
check "told for the whole server, as Debian's php-fpm.conf does, it passes it" contains "$(ask -u a:b http://127.0.0.1:8002/show.php)" "AUTH=Basic "
silent "Authorization then, too" "passes no Authorization"
rm /etc/apache2/conf-enabled/authorization.conf
check "a worker that dies gives an error" equal "$(code 'http://127.0.0.1:8002/show.php?die=1')" 503
tells "what Apache's log says of it" "the pool closed the connection before it answered; the journal says why"
rm /etc/apache2/sites-enabled/web.conf
systemctl stop apache2.service

haproxy_site() {
        cat >/etc/haproxy/haproxy.cfg <<HAPROXY
defaults
        mode http
        timeout client 10s
        timeout server 10s
        timeout connect 5s
frontend f
        bind 127.0.0.1:8003
        default_backend b
backend b
        use-fcgi-app web
        server s $sock proto fcgi
fcgi-app web
        docroot /srv/www/web
        path-info ^(/.+\\.php)(/.*)?\$
        $1
HAPROXY
        systemctl restart haproxy.service
}
usermod -aG php-pool haproxy
haproxy_site ''
check "HAProxy answers" equal "$(code http://127.0.0.1:8003/show.php)" 200
check "and leaves Authorization out" contains "$(ask -u a:b http://127.0.0.1:8003/show.php)" "AUTH= "
tells "that it does" "HAProxy passes no Authorization header: say pass-header authorization in the fcgi-app"
haproxy_site 'pass-header authorization'
check "told so it passes it" contains "$(ask -u a:b http://127.0.0.1:8003/show.php)" "AUTH=Basic "
silent "Authorization then" "passes no Authorization"
systemctl stop haproxy.service
rm /etc/haproxy/haproxy.cfg

# our own

printf 'server { listen 80; }\n' >/etc/nginx/sites-enabled/eighty
systemctl reset-failed nginx.service
systemctl restart nginx.service
systemctl start php-pool-proxy.socket 2>/dev/null
tells "a port that is taken" "php-pool-proxy.socket has failed"
systemctl stop nginx.service
rm /etc/nginx/sites-enabled/eighty
systemctl reset-failed php-pool-proxy.socket
systemctl start php-pool-proxy.socket
pool rival <<<'root = "/srv/www/web"; site: { hosts = [ "web.test" ]; };'
check "doctor tells: a host name that another site has" contains "$(php-poolctl --no-pager doctor web)" "the proxy answers 503 for it" ||
        check "doctor tells: a host name that another site has" contains "$(php-poolctl --no-pager doctor rival)" "the proxy answers 503 for it"
printf 'server { listen 127.0.0.1:8001; server_name web.test; location ~ \\.php$ { include fastcgi.conf; fastcgi_pass unix:/run/php/php8.2-fpm.sock; } }\n' >/etc/nginx/sites-enabled/old
tells "a front end that speaks to somebody else" "nginx sends a host of this site to '/run/php/php8.2-fpm.sock', where this pool does not listen"
rm /etc/nginx/sites-enabled/old
systemctl stop php-pool-proxy.socket php-pool-proxy.service
gpasswd -d www-data php-pool >/dev/null
gpasswd -d haproxy php-pool >/dev/null
