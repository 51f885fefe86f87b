#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""php-poolctl import on set-ups as they are documented in public: what becomes of each.

Only facts are taken from the sources that each case names (which directives with
which values); the files are written here.
"""

import os
import re
import subprocess
import sys
import tempfile

CTL = os.environ["PHP_POOLCTL"]
failed = 0

NGINX = """
http {{
    upstream php {{ server unix:/run/php/elsewhere.sock; }}
    include {directory}/nginx/sites/*;
}}
"""

CASES = [
    {
        "name": "$pool in values",
        "source": "PHP manual, FastCGI Process Manager: configuration",
        "files": """
            [shop]
            user = $pool
            group = $pool
            listen = /var/run/$pool.sock
            listen.owner = www-data
            listen.mode = 0666
            pm = static
            pm.max_children = 12
            access.log = log/$pool.access.log
            access.format = "%R - %u %t \\"%m %r%Q%q\\" %s %{milliseconds}d"
            access.suppress_path[] = /ping
            access.suppress_path[] = /health_check.php
            chdir = /srv/www/$pool
            request_terminate_timeout = 2m
            """,
        "pool": "shop",
        "conf": ['root = "/srv/www/shop";', "max = 12;", "min = 12;", 'format = "%R - %u %t \\"%m %r%Q%q\\" %s %{milliseconds}d";', '"/ping"', '"/health_check.php"', 'request = "120s";', 'access = "all";'],
        "service": ["User=shop", "Group=shop", "DynamicUser=no", "ReadWritePaths=-/srv/www/shop", "NoExecPaths=-/srv/www/shop"],
        "socket": ["ListenStream=/run/shop.sock", "SocketUser=www-data", "SocketMode=0666"],
    },
    {
        "name": "the official image for containers",
        "source": "docker-library/php, docker-php-ext images: docker.conf and zz-docker.conf",
        "files": """
            [global]
            error_log = /proc/self/fd/2
            daemonize = no
            ; longer than the default
            log_limit = 8192
            [www]
            user = www-data
            group = www-data
            listen = 9000
            pm = dynamic
            pm.max_children = 5
            pm.start_servers = 2
            pm.min_spare_servers = 1
            pm.max_spare_servers = 3
            access.log = /proc/self/fd/2
            clear_env = no
            catch_workers_output = yes
            decorate_workers_output = no
            """,
        "pool": "www",
        "conf": ["max = 5;", 'access = "all";', 'request = "0";', '".phar"'],
        "socket": ["ListenStream=9000"],
        "notes": [
            r"error_log = /proc/self/fd/2: errors go to the journal",
            r"clear_env = no: the environment is systemd's",
            r'root = "/var/www" is a guess: no front end that is configured here speaks to 9000',
        ],
    },
    {
        "name": "access lists on the socket",
        "source": "Fedora, php-fpm: /etc/php-fpm.d/www.conf; joshland/Observium-salt, www.obs.php",
        "files": """
            [www]
            user = apache
            group = apache
            listen = /run/php-fpm/www.sock
            listen.acl_users = apache,nginx
            listen.allowed_clients = 127.0.0.1
            pm = dynamic
            pm.max_children = 50
            pm.start_servers = 2
            pm.min_spare_servers = 2
            pm.max_spare_servers = 5
            slowlog = /var/log/php-fpm/www-slow.log
            php_flag[display_errors] = on
            php_admin_value[error_log] = /var/log/php-fpm/www-error.log
            php_admin_flag[log_errors] = on
            php_admin_value[memory_limit] = 256M
            php_value[session.save_handler] = files
            php_value[session.save_path]    = /var/lib/php/session
            php_value[soap.wsdl_cache_dir]  = /var/lib/php/wsdlcache
            """,
        "pool": "www",
        "conf": ["spare = 2;", '"display_errors=1"', '"log_errors=1"', '"memory_limit=256M"', '"session.save_path=/var/lib/php/session"'],
        "not_conf": ["error_log"],
        "service": ["ReadWritePaths=-/var/lib/php/session", "ReadWritePaths=-/var/lib/php/wsdlcache"],
        "socket": [
            "ExecStartPost=/usr/bin/setfacl -m u:apache:rw /run/php-fpm/www.sock",
            "ExecStartPost=/usr/bin/setfacl -m u:nginx:rw /run/php-fpm/www.sock",
        ],
        "not_socket": ["IPAddressAllow"],
        "notes": [r"slowlog = .*: slow requests are in the journal", r"php_admin_value\[error_log\] = .*: errors go to the journal"],
    },
    {
        "name": "a hosting panel, a pool for each domain",
        "source": "hestiacp/hestiacp, install/deb/php-fpm/multiphp.tpl",
        "files": r"""
            [example.com]
            listen = /run/php/php8.2-fpm-example.com.sock
            listen.owner = alice
            listen.group = www-data
            listen.mode = 0660
            user = alice
            group = alice
            pm = ondemand
            pm.max_children = 8
            pm.max_requests = 4000
            pm.process_idle_timeout = 10s
            pm.status_path = /status
            php_admin_value[upload_tmp_dir] = /home/ALICE/tmp
            php_admin_value[session.save_path] = /home/ALICE/tmp
            php_admin_value[open_basedir] = /home/ALICE/web/example.com/public_html:/home/ALICE/tmp:/tmp
            php_admin_value[sendmail_path] = "/usr/sbin/sendmail -t -i -f info@example.com"
            php_admin_flag[mysql.allow_persistent] = off
            env[PATH] = /usr/local/bin:/usr/bin:/bin
            env[TMP] = /home/ALICE/tmp
            """,
        "nginx": """
            server {
                listen 80;
                server_name example.com www.example.com;
                root /home/ALICE/web/example.com/public_html;
                location / { try_files $uri $uri/ /index.php$is_args$args; }
                location ~ \\.php$ { include fastcgi.conf; fastcgi_pass unix:/run/php/php8.2-fpm-example.com.sock; }
            }
            """,
        "pool": "example-com",
        "conf": [
            'root = "/home/ALICE/web/example.com";', 'docroot = "public_html";', '"www.example.com"',
            'front_controller = "/index.php";', "spare = 0;", 'idle_timeout = "10s";', "max_requests = 4000;", 'path = "/status";',
            '"PATH=/usr/local/bin:/usr/bin:/bin"', '"mysql.allow_persistent=0"', '"sendmail_path=/usr/sbin/sendmail -t -i -f info@example.com"',
        ],
        "service": ["User=alice", "ProtectHome=tmpfs", "BindPaths=/home/ALICE/web/example.com", "ReadWritePaths=-/home/ALICE/tmp", "BindPaths=-/home/ALICE/tmp"],
        "socket": ["SocketUser=alice", "SocketGroup=www-data"],
        "notes": [
            r"\[example.com\] is called 'example-com': names of pools become names of users",
            r"listen.group = www-data: so php-pool-proxy, of the group php-pool, may not connect",
            r"sendmail_path\] = .*: it does not work if that program is setuid or setgid",
        ],
    },
    {
        "name": "TCP with allowed clients",
        "source": "hestiacp/hestiacp, install/ubuntu/16.04/templates/web/php-fpm/default.tpl",
        "files": """
            [bob]
            listen = 127.0.0.1:9001
            listen.allowed_clients = 127.0.0.1, 10.0.0.0
            user = bob
            group = bob
            pm = ondemand
            pm.max_children = 4
            pm.max_requests = 4000
            env[HOSTNAME] = $HOSTNAME
            env[DB] = $DB
            env[HOST] = $OTHER
            """,
        "nginx": """
            server { server_name bob.test; root /srv/bob/; location ~ \\.php$ { fastcgi_pass localhost:9001; } }
            """,
        "pool": "bob",
        "conf": ['root = "/srv/bob";', '"bob.test"', "max = 4;", 'idle_timeout = "10s";'],
        "service": ["Environment=HOSTNAME=%H", "PassEnvironment=DB"],
        "socket": ["ListenStream=127.0.0.1:9001", "IPAddressDeny=any", "IPAddressAllow=127.0.0.1", "IPAddressAllow=10.0.0.0"],
        "notes": [r"env\[HOST\] = \$OTHER: it came from php-fpm's environment"],
    },
    {
        "name": "limits of all kinds",
        "source": "KloxoNGCommunity/kloxo, php53-fpm-pool.conf.tpl",
        "files": """
            [carol]
            listen = /home/FPM/sock/carol.sock
            listen.backlog = 65536
            listen.allowed_clients = 127.0.0.1
            user = carol
            group = carol
            pm = ondemand
            pm.max_children = 6
            pm.max_requests = 1000
            request_terminate_timeout = 120s
            request_slowlog_timeout = 30s
            slowlog = /var/log/php-fpm/slow.log
            rlimit_files = 1024
            rlimit_core = unlimited
            process.priority = -5
            security.limit_extensions = .php .php3 .php4 .php5
            ping.path = /ping
            ping.response = alive
            """,
        "pool": "carol",
        "conf": ['ping = "/ping";', 'pong = "alive";', 'request = "120s";', 'slow = "30s";', '".php3"', '".php5"'],
        "not_conf": [".phar"],
        "service": ["LimitNOFILE=1024", "LimitCORE=infinity", "Nice=-5"],
        "socket": ["Backlog=65536"],
    },
    {
        "name": "an AppArmor hat, quotes, a change of directory",
        "source": "openSUSE Build Service, nextcloud: nextcloud-php-fpm.conf",
        "files": """
            [nextcloud]
            user = nextcloud
            group = nextcloud
            apparmor_hat = nextcloud
            listen = /run/php-fpm/fpm-nextcloud.socket
            listen.owner = nginx
            listen.group = nginx
            listen.mode = 0660
            pm = dynamic
            pm.max_children = 5
            pm.start_servers = 1
            pm.min_spare_servers = 1
            pm.max_spare_servers = 3
            chdir = /srv/www/vhosts/nextcloud
            env[PATH]="/usr/bin:/bin"
            php_admin_value[session.save_path] = "/srv/www/vhosts/nextcloud/sessions"
            php_admin_value[upload_max_filesize]=10G ; not a word too many
            ; php_admin_value[opcache.enable]=1
            """,
        "pool": "nextcloud",
        "conf": ['root = "/srv/www/vhosts/nextcloud";', '"upload_max_filesize=10G"', '"PATH=/usr/bin:/bin"'],
        "not_conf": ["opcache.enable", "not a word"],
        "service": ["AppArmorProfile=nextcloud", "ReadWritePaths=-/srv/www/vhosts/nextcloud/sessions"],
        "socket": ["SocketUser=nginx", "SocketGroup=nginx"],
    },
    {
        "name": "a system user for each WordPress",
        "source": "SpinupWP documentation, Understanding PHP Pools",
        "files": """
            [dave]
            user = dave
            group = dave
            listen = /run/php/php8.2-dave.sock
            listen.owner = dave
            listen.group = www-data
            pm = dynamic
            pm.max_children = 130
            pm.min_spare_servers = 4
            """,
        "nginx": """
            server {
                server_name turnips.test *.turnips.test ~^cdn\\d+$ _;
                root /sites/turnips.test/files;
                index index.php;
                location / { try_files $uri $uri/ @wp; }
                location @wp { rewrite ^/(.*)$ /index.php?q=$1 last; }
                location ~ \\.php$ { try_files $uri =404; include fastcgi.conf; fastcgi_pass unix:/run/php/php8.2-dave.sock; }
            }
            """,
        "pool": "dave",
        "conf": ['root = "/sites/turnips.test/files";', '"turnips.test"', '"*.turnips.test"', 'front_controller = "/index.php";', "spare = 4;"],
        "not_conf": ["cdn", '"_"'],
        "service": ["LimitNPROC=276"],
    },
    {
        "name": "[global] beside the pool",
        "source": "noamanahmed/LEMP, templates/php/template.tpl",
        "files": """
            [erin]
            user = erin
            group = erin
            listen = /var/run/php/erin-php-fpm.sock
            pm = dynamic
            pm.max_children = 5
            pm.process_idle_timeout = 5s
            php_admin_value[post_max_size] = 258M
            [global]
            emergency_restart_threshold = 10
            emergency_restart_interval = 1m
            process_control_timeout = 90s
            error_log = /home/ERIN/logs/php-fpm-errors.log
            """,
        "pool": "erin",
        "conf": ['stop = "90s";', '"post_max_size=258M"'],
        "not_conf": ["idle_timeout"],
        "service": ["TimeoutStopSec=100"],
        "socket": ["ListenStream=/run/php/erin-php-fpm.sock"],
        "notes": [r"emergency_restart_threshold = 10: a worker that dies is replaced"],
    },
    {
        "name": "a chroot for each application",
        "source": "blog.alexanderkoch.net, Caching Pitfalls with Chrooted PHP-FPM",
        "files": """
            [webapp1]
            user = webapp1
            listen = /run/php/webapp1.sock
            listen.owner = http
            chroot = /var/www/webapp1
            chdir = /htdocs
            pm = ondemand
            pm.max_children = 3
            php_admin_value[session.save_path] = /session
            """,
        "nginx": """
            server {
                server_name one.test;
                root /var/www/webapp1/htdocs;
                location ~ \\.php$ { fastcgi_param SCRIPT_FILENAME /htdocs$fastcgi_script_name; fastcgi_pass unix:/run/php/webapp1.sock; }
            }
            """,
        "pool": "webapp1",
        "conf": ['root = "/htdocs";', '"one.test"'],
        "service": ["RootDirectory=/var/www/webapp1", "ReadWritePaths=-+/session", "NoExecPaths=-+/session", "ExecPaths=-/lib -/lib64", "BindReadOnlyPaths=/usr "],
        "notes": [r"chroot = /var/www/webapp1: it is RootDirectory= now; php-pool-proxy, .* cannot serve the site"],
    },
    {
        "name": "sites that share a pool",
        "source": "nginx documentation, server blocks; the one www.conf of a distribution",
        "files": """
            [www]
            user = www-data
            listen = /run/php/php8.2-fpm.sock
            listen.owner = www-data
            """,
        "nginx": """
            server { server_name one.test; root /srv/one/public/; location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.2-fpm.sock; } }
            server { server_name www.one.test one.test; root /srv/one/public; location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.2-fpm.sock; } }
            server { server_name two.test; root /home/TWO; location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.2-fpm.sock; } }
            server { server_name else.test; root /srv/else; location ~ \\.php$ { fastcgi_pass unix:/run/php/else.sock; } }
            server { server_name rel.test; root html; location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.2-fpm.sock; } }
            """,
        "pool": "www",
        "conf": ['root = "/srv/one";', 'docroot = "public";', '"www.one.test"', 'also = [\n                "/home/TWO"\n        ];'],
        "not_conf": ["two.test", "else", "rel.test"],
        "service": ["ReadWritePaths=-/srv/one", "ReadWritePaths=-/home/TWO", "NoExecPaths=-/home/TWO", "BindPaths=-/home/TWO", "ProtectHome=tmpfs"],
        "notes": [
            r"sites/site:3: '/home/TWO' is another root: the pool runs its scripts \(site.also\), php-pool-proxy cannot serve it",
            r"sites/site:5: root 'html' cannot be ours: not an absolute path",
        ],
    },
    {
        "name": "sessions in a home, the site elsewhere",
        "source": "PHP manual, session.save_path; systemd.exec(5), ProtectHome=",
        "files": """
            [stray]
            user = frank
            listen = 9010
            chdir = /srv/stray
            php_value[session.save_path] = "2;/home/FRANK/sessions"
            php_value[upload_tmp_dir] = /srv/stray/uploads
            """,
        "pool": "stray",
        "service": ["ProtectHome=tmpfs", "BindPaths=-/home/FRANK/sessions", "ReadWritePaths=-/home/FRANK/sessions"],
        "not_service": ["BindPaths=-/srv"],
    },
    {
        "name": "names that only a front end knows",
        "source": "nginx documentation, server_name; PHP manual, access.format",
        "files": """
            [names]
            user = grace
            listen = 9011
            access.log = /var/log/names.log
            access.format = "%{mili}d %{miliseconds}d"
            """,
        "nginx": """
            server { server_name .Dots.test www.dots.* "" *.dots.test star.test STAR.test; root /srv/names; location ~ \\.php$ { fastcgi_pass 127.0.0.1:9011; } }
            """,
        "pool": "names",
        "conf": ['hosts = [\n                "*.dots.test",\n                "dots.test",\n                "star.test"\n        ];', 'format = "%{mili}d %{miliseconds}d";'],
        "notes": [r"host name 'www.dots.\*' cannot be ours: not a host name", r"host name '' cannot be ours: it is empty"],
    },
    {
        "name": "a socket of the front end itself",
        "source": "Debian, php-fpm: /etc/php/8.2/fpm/pool.d/www.conf",
        "files": """
            [own]
            user = www-data
            listen = /run/php/own.sock
            listen.owner = www-data
            listen.group = www-data
            """,
        "nginx": """
            server { server_name own.test; root /srv/own; location ~ \\.php$ { fastcgi_pass unix:/run/php/own.sock; } }
            """,
        "pool": "own",
        "socket": ["SocketUser=www-data"],
        "not_socket": ["SocketGroup"],
    },
    {
        "name": "a socket that the front end reaches by its group",
        "source": "the same, with a pool's user as owner and group, and nginx in that group",
        "files": """
            [heidi]
            user = heidi
            listen = /run/php/heidi.sock
            listen.owner = heidi
            listen.group = heidi
            """,
        "nginx": """
            server { server_name heidi.test; root /srv/heidi; location ~ \\.php$ { fastcgi_pass unix:/run/php/heidi.sock; } }
            """,
        "pool": "heidi",
        "socket": ["SocketUser=heidi", "SocketGroup=heidi"],
        "notes": [r"listen.group = heidi: so php-pool-proxy, of the group php-pool, may not connect"],
    },
    {
        "name": "words of php.ini, with quotes and without",
        "source": "PHP manual, parse_ini_file: what words without quotes are",
        "files": """
            [words]
            listen = 9009
            chdir = /srv/words
            php_admin_value[error_reporting] = E_ALL & ~E_DEPRECATED
            php_value[mbstring.language] = none
            php_value[zlib.output_compression] = Off ; none at all
            php_value[session.use_strict_mode] = TRUE
            php_value[highlight.string] = "none"
            php_value[session.cookie_samesite] = "None"
            php_value[session.gc_divisor] = 5|2
            php_value[precision] = !5x
            php_value[sendmail_from] = "a|b@example.test"
            php_value[session.name] = ${SESSION_NAME}
            php_value[user_agent] = 'a${B}'
            env[DEBUG] = yes
            env[PLAIN] = "yes"
            env[CACHE] = /var/${NAME}/x
            """,
        "pool": "words",
        "conf": [
            '"error_reporting=E_ALL & ~E_DEPRECATED"', '"mbstring.language="', '"zlib.output_compression="', '"session.use_strict_mode=1"',
            '"highlight.string=\\"none\\""', '"session.cookie_samesite=\\"None\\""', '"sendmail_from=a|b@example.test"', '"DEBUG=1"', '"PLAIN=yes"',
            '"session.gc_divisor=5|2"',
        ],
        "not_conf": ["precision", "CACHE"],
        "notes": [
            r"php_value\[precision\] = !5x: PHP calculates that",
            r"php_value\[session.name\] = \$\{SESSION_NAME\}: \$\{...\} came from php-fpm's environment",
            r"env\[CACHE\] = /var/\$\{NAME\}/x: it came from php-fpm's environment",
            r"words has no user",
        ],
    },
    {
        "name": "a numbered pool, many children, Apache before it",
        "source": "pastebin.com/4wMahQep; Apache documentation, mod_proxy_fcgi",
        "files": """
            [16093978368343]
            user = example
            group = example
            listen = localhost:8000
            pm = dynamic
            pm.max_children = 300
            pm.start_servers = 120
            pm.min_spare_servers = 60
            pm.max_spare_servers = 120
            unheard_of = 5
            """,
        "apache": """
            <VirtualHost *:80>
                ServerName numbers.test
                ServerAlias www.numbers.test
                DocumentRoot "/srv/numbers/public"
                FallbackResource /front.php
                ProxyPassMatch "^/(.*\\.php)$" "fcgi://127.0.0.1:8000/srv/numbers/public/"
            </VirtualHost>
            """,
        "pool": "16093978368343",
        "conf": ['root = "/srv/numbers";', 'docroot = "public";', '"www.numbers.test"', 'front_controller = "/front.php";', "max = 300;", "spare = 60;"],
        "service": ["LimitNPROC=616", "TasksMax=616"],
        "socket": ["ListenStream=127.0.0.1:8000"],
        "notes": [r"unheard_of = 5: it is not known"],
    },
]


def dedent(text):
    return "\n".join(line.strip() for line in text.strip().splitlines()) + "\n"


def check(sentence, good, detail=""):
    global failed
    print(("ok      " if good else "NOT OK  ") + sentence)
    if not good:
        failed += 1
        print("        " + detail.replace("\n", "\n        "))


def run(directory, *arguments):
    return subprocess.run(
        [CTL, "--config-dir", directory + "/php-pool", "import", "--front-dir", directory, "--unit-dir", directory + "/units", *arguments],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def test_case(case):
    with tempfile.TemporaryDirectory() as d:
        write(d + "/nginx/nginx.conf", NGINX.format(directory=d))
        if "nginx" in case:
            write(d + "/nginx/sites/site", dedent(case["nginx"]))
        if "apache" in case:
            write(d + "/apache2/sites-enabled/site.conf", dedent(case["apache"]))
        write(d + "/pool.conf", dedent(case["files"]))
        result = run(d, d + "/pool.conf")
        what = case["name"]
        check(f"{what}: it is carried over", result.returncode == 0, result.stdout + result.stderr)
        texts = {
            "conf": read(f"{d}/php-pool/conf.d/{case['pool']}.conf"),
            "service": read(f"{d}/units/php-pool@{case['pool']}.service.d/php-fpm.conf"),
            "socket": read(f"{d}/units/php-pool@{case['pool']}.socket.d/php-fpm.conf"),
        }
        for part, text in texts.items():
            for wanted in case.get(part, []):
                check(f"{what}: {part} has {wanted}", wanted in text, text)
            for unwanted in case.get("not_" + part, []):
                check(f"{what}: {part} does not have {unwanted}", unwanted not in text, text)
        for note in case.get("notes", []):
            check(f"{what}: a line says {note}", re.search("not carried over: .*" + note, result.stdout) is not None, result.stdout)
        for note in re.findall("not carried over: .*", result.stdout):
            known = any(re.search(n, note) for n in case.get("notes", []))
            check(f"{what}: no other line", known or "is a guess" in note or "setfacl" in note or "access.log" in note
                  or "errors go to the journal" in note or "slow requests" in note or "emergency" in note or "so php-pool-proxy" in note
                  or "php_admin_value[sendmail" in note, note)
        again = run(d, d + "/pool.conf")
        check(f"{what}: nothing is written over", again.returncode == 1 and "--force would write over it" in again.stderr, again.stderr)
        check(f"{what}: with --force it is", run(d, "--force", d + "/pool.conf").returncode == 0)
        check(f"{what}: it comes out the same", read(f"{d}/php-pool/conf.d/{case['pool']}.conf") == texts["conf"])


def test_includes():
    """Relative patterns begin at php-fpm's prefix, as in docker-library/php: /usr/local/etc/php-fpm.conf has etc/php-fpm.d/*.conf."""
    with tempfile.TemporaryDirectory() as d:
        write(d + "/local/etc/php-fpm.conf", "[global]\ninclude=etc/php-fpm.d/*.conf\nunheard_of = 1\n")
        write(d + "/local/etc/php-fpm.d/www.conf", "[www]\n\n\n\nlisten = 9000\nchdir = /srv/one\n")
        result = run(d, "--print", d + "/local/etc/php-fpm.conf")
        check("a pattern from the prefix on is found", 'root = "/srv/one";' in result.stdout, result.stderr)
        check("lines behind an include have their numbers", "php-fpm.conf:3: unheard_of" in result.stderr, result.stderr)
        write(d + "/local/etc/php-fpm.d/www.conf", "[www]\nlisten = 9000\n\nnonsense\n")
        result = run(d, "--print", d + "/local/etc/php-fpm.conf")
        check("an error in it names it", "php-fpm.d/www.conf:4: this is no configuration of php-fpm" in result.stderr, result.stderr)
        os.remove(d + "/local/etc/php-fpm.d/www.conf")
        result = run(d, "--print", d + "/local/etc/php-fpm.conf")
        check("a pattern that matches nothing is told", "php-fpm.conf:2: include = etc/php-fpm.d/*.conf: nothing matches it" in result.stderr
              and "There is no pool" in result.stderr and result.returncode == 78, result.stderr)
        write(d + "/local/etc/php-fpm.conf", "include=/no/such/*.conf\n[www]\nlisten = 9000\nchdir = /srv/one\n")
        result = run(d, "--print", d + "/local/etc/php-fpm.conf")
        check("beside a pool it is a line", "not carried over: " + d + "/local/etc/php-fpm.conf:1: include = /no/such/*.conf: nothing matches it" in result.stderr, result.stderr)


def test_secrets():
    """A file that others may not read becomes one that everyone can: that gets a line, and no secret is in it."""
    text = ("[www]\nlisten = 9000\nenv[DB_PASSWORD] = hunter2\nenv[APP_ENV] = prod\nenv[API_KEY] = $API_KEY\n"
            'php_value[session.save_path] = "tcp://10.0.0.1:6379?auth=hunter2"\nphp_value[memory_limit] = 64M\n')
    with tempfile.TemporaryDirectory() as d:
        write(d + "/pool.conf", text)
        os.chmod(d + "/pool.conf", 0o640)
        result = run(d, "--print", d + "/pool.conf")
        check("a variable that looks like a secret", "pool.conf:3: env[DB_PASSWORD]: it looks like a secret" in result.stderr, result.stderr)
        check("a setting that holds one", "pool.conf:6: php_value[session.save_path]: it looks like a secret" in result.stderr, result.stderr)
        check("nothing else does", result.stderr.count("looks like a secret") == 2, result.stderr)
        check("the line does not tell it", "hunter2" not in result.stderr, result.stderr)
        os.chmod(d + "/pool.conf", 0o644)
        result = run(d, "--print", d + "/pool.conf")
        check("of a file that everyone could read nothing is said", "looks like a secret" not in result.stderr, result.stderr)


def test_chroot():
    """Where in a chroot the site is, chdir says, or the front end whose root is below it."""
    pools = ("[one]\nlisten = 9000\nchroot = /srv/jail/\nchdir = /\nuser = www-data\n"
             "[two]\nlisten = 9001\nchroot = /srv/jail\n[three]\nlisten = 9002\nchdir = /srv/three\n")
    with tempfile.TemporaryDirectory() as d:
        write(d + "/pool.conf", pools)
        write(d + "/nginx/nginx.conf", "server { server_name one.test; root /srv/jail/site/; location / { fastcgi_pass 127.0.0.1:9000; } }\n"
              "server { root /srv/jailed; location / { fastcgi_pass 127.0.0.1:9001; } }\n")
        result = run(d, d + "/pool.conf")
        one = read(d + "/php-pool/conf.d/one.conf")
        check("the root of the front end without the chroot", 'root = "/site";' in one and '"one.test"' in one, one)
        service = read(d + "/units/php-pool@one.service.d/php-fpm.conf")
        check("what can be written is inside of it", "ReadWritePaths=-+/site\n" in service and "\nNoExecPaths=-+/site\n" in service, service)
        check("a pool that nobody knows the place of is left out", "[two] cannot be carried over: where in its chroot the site is" in result.stderr
              and read(d + "/php-pool/conf.d/two.conf") == "", result.stderr)
        check("the others are not", 'root = "/srv/three";' in read(d + "/php-pool/conf.d/three.conf"), result.stdout)
        check("which is said in the end", "2 pools carried over, 1 left out." in result.stdout and "php-pool@two.socket" not in result.stdout, result.stdout)
        check("and by the exit status", result.returncode == 78, str(result.returncode))
        check("with --print too", run(d, "--print", d + "/pool.conf").returncode == 78)


def test_apache_for_all():
    """A handler for the whole server, as Debian's conf-available/php8.2-fpm.conf has it."""
    with tempfile.TemporaryDirectory() as d:
        write(d + "/pool.conf", "[www]\nlisten = /run/php/all.sock\n")
        write(d + "/apache2/conf-enabled/php.conf", 'SetHandler "proxy:unix:/run/php/all.sock|fcgi://localhost"\n')
        result = run(d, "--print", d + "/pool.conf")
        check("a front end without a root is named", re.search(r'root = "/var/www" is a guess: .*php.conf:1 speaks to it, and names no root', result.stderr) is not None, result.stderr)
        write(d + "/apache2/sites-enabled/site.conf", "<VirtualHost *:80>\nServerName a.test\nDocumentRoot /srv/a\n</VirtualHost>\n"
              "<VirtualHost *:80>\nServerName b.test\nDocumentRoot /srv/b\n</VirtualHost>\n")
        result = run(d, "--print", d + "/pool.conf")
        check("the roots are those of its virtual hosts", 'root = "/srv/a";' in result.stdout and '"/srv/b"' in result.stdout, result.stdout)
        check("with their names", '"a.test"' in result.stdout, result.stdout)
        check("and no root is guessed", "is a guess" not in result.stderr, result.stderr)


def test_disabled_functions():
    """What a pool disables comes on top of what php.ini does, line by line: the pool adds it up (test-fpm-scripts.py)."""
    with tempfile.TemporaryDirectory() as d:
        write(d + "/pool.conf", "[www]\nlisten = 9000\nphp_admin_value[disable_functions] = exec,system\n"
                                "php_value[disable_functions] = popen\nphp_admin_value[disable_classes] = Foo\n")
        result = run(d, "--print", d + "/pool.conf")
        for line in ("disable_functions=exec,system", "disable_functions=popen", "disable_classes=Foo"):
            check(line, f'"{line}"' in result.stdout, result.stdout)


def test_bad_input():
    with tempfile.TemporaryDirectory() as d:
        for name, text, status, message in [
            ("a file that is not there", None, 1, "No such file"),
            ("a file that is empty", "", 78, "There is no pool of php-fpm in it."),
            ("a file of something else", "<?php echo 1;\n", 78, "pool.conf:1: this is no configuration of php-fpm"),
            ("a section that does not end", "[www\n", 78, "pool.conf:1: "),
            ("a NUL", "[www]\n\0", 78, "this is no configuration"),
            ("a file that includes itself", "include = pool.conf\n[www]\nlisten = 9000\n", 1, "Argument list too long"),
        ]:
            if text is not None:
                write(d + "/pool.conf", text)
            result = run(d, d + "/pool.conf")
            check(f"{name}: {status} and one sentence", result.returncode == status and message in result.stderr
                  and result.stderr.count("\n") == 1, f"{result.returncode} {result.stdout}{result.stderr}")
            check(f"{name}: nothing is written", not os.path.exists(d + "/php-pool") and not os.path.exists(d + "/units"))
        write(d + "/pool.conf", "[a\x1b[31mb]\nlisten = /run/x.sock\nuser = root\nchdir = relative\n")
        result = run(d, d + "/pool.conf")
        check("escape sequences in a name come to nothing", "\x1b" not in result.stdout + result.stderr, result.stdout)
        os.mkdir(d + "/directory")
        check("a directory is refused", run(d, d + "/directory").returncode == 1)
        write(d + "/one.conf", "[x.y]\nlisten = 9000\nchdir = /a\n[x-y]\nlisten = 9001\nchdir = /b\n[pool]\nlisten = 9002\n")
        result = run(d, "--print", d + "/one.conf")
        check("names that would be the same are told apart", "x-y.conf" in result.stdout and "x-y-2.conf" in result.stdout, result.stdout)
        check("a reserved name becomes another", "fpm-pool.conf" in result.stdout, result.stdout)


for case in CASES:
    print(f"-- {case['name']} ({case['source']})")
    test_case(case)
test_includes()
test_secrets()
test_chroot()
test_apache_for_all()
test_disabled_functions()
test_bad_input()
sys.exit(1 if failed else 0)
