# SPDX-License-Identifier: MIT
"""Whole stacks: a front end on a port of the loopback, and what runs PHP for it.

A stack has start() and stop(); .name; .groups, a table of its processes by their part ("front", "php").
"""

import os
import shutil
import socket

from pools import FPM, POLICY, USER, PhpFpm, PhpPool, wait_for_socket

MODULES = "/usr/lib/apache2/modules"

NGINX = """worker_processes auto;
user {user};
pid {dir}/nginx.pid;
error_log {dir}/nginx.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    sendfile on;
    tcp_nopush on;
    types {{ text/css css; text/javascript js; image/png png; }}
    default_type text/plain;
    client_max_body_size 16m;
    client_body_temp_path {dir}/nginx-body; fastcgi_temp_path {dir}/nginx-fcgi; proxy_temp_path {dir}/nginx-proxy;
    uwsgi_temp_path {dir}/nginx-uwsgi; scgi_temp_path {dir}/nginx-scgi;
    upstream php {{ server unix:{socket}; {keepalive} }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {root};
        index index.php index.html;
        location / {{ try_files $uri $uri/ /index.php$is_args$args; }}
        location ~ \\.php$ {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_keep_conn {keep};
            fastcgi_pass php;
        }}
    }}
}}
"""

APACHE = """ServerRoot {dir}
ServerName localhost
PidFile {dir}/apache.pid
DefaultRuntimeDir {dir}
ErrorLog {dir}/apache.log
LoadModule mpm_{mpm}_module {modules}/mod_mpm_{mpm}.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule mime_module {modules}/mod_mime.so
LoadModule dir_module {modules}/mod_dir.so
TypesConfig /etc/mime.types
Listen 127.0.0.1:{port}
ListenBacklog 4096
KeepAlive On
MaxKeepAliveRequests 0
User {user}
Group {user}
DocumentRoot {root}
DirectoryIndex /index.php index.php index.html
<Directory {root}>
    AllowOverride None
    Require all granted
</Directory>
"""
APACHE_FCGI = APACHE + """
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_fcgi_module {modules}/mod_proxy_fcgi.so
ThreadsPerChild 64
ServerLimit 8
MaxRequestWorkers 512
ProxyPassMatch "^/(.*\\.php(/.*)?)$" "unix:{socket}|fcgi://localhost{root}/"
"""
APACHE_PHP = APACHE + """
LoadModule php_module {modules}/libphp8.2.so
StartServers {workers}
ServerLimit 300
MaxRequestWorkers 300
<FilesMatch "\\.php$">
    SetHandler application/x-httpd-php
</FilesMatch>
"""

HAPROXY = """global
    maxconn 8192
defaults
    mode http
    timeout connect 60s
    timeout client 60s
    timeout server 60s
fcgi-app php
    docroot {root}
    index index.php
    path-info ^(/.+\\.php)(/.*)?$
    option keep-conn
frontend front
    bind 127.0.0.1:{port}
    default_backend php
backend php
    use-fcgi-app php
    server php {socket} proto fcgi
"""

CADDY = """{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    root * {root}
    php_fastcgi unix/{socket}
    file_server
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Pool:
    """FastCGI alone."""

    def __init__(self, name, pool):
        self.name = name
        self.pool = pool
        self.start = pool.start
        self.stop = pool.stop

    @property
    def groups(self):
        return {"php": self.pool.pids}


class Front:
    """One of the tables below. @pool may be None: the front end runs PHP itself."""

    def __init__(self, bench, name, directory, pool, text, command, **values):
        self.bench = bench
        self.name = name
        self.dir = directory
        self.pool = pool
        self.port = free_port()
        self.command = [part.format(dir=directory) for part in command]
        with open(f"{directory}/front.conf", "w", encoding="ascii") as f:
            f.write(text.format(dir=directory, port=self.port, user=USER, modules=MODULES, socket=pool and pool.socket, **values))

    def start(self):
        if self.pool:
            self.pool.start()
        log = f"{self.dir}/front.log"
        self.process = self.bench.processes.start(self.command, log=log, environment={"HOME": self.dir, "XDG_DATA_HOME": self.dir})
        wait_for_socket(("127.0.0.1", self.port), log)

    def stop(self):
        self.bench.processes.stop(self.process)
        if self.pool:
            self.pool.stop()

    @property
    def groups(self):
        return {"front": [self.process.pid], "php": self.pool.pids} if self.pool else {"php": [self.process.pid]}


class PhpPoolStack(Front):
    def __init__(self, bench, name, directory, root, workers, site, proxy_conf=""):
        pool = PhpPool(bench, directory, root, workers, site=site)
        with open(f"{directory}/proxy.conf", "w", encoding="ascii") as f:
            f.write(f'socket_dir = "{directory}";\n{proxy_conf}\n')
        command = [*POLICY, "systemd-socket-activate", "-l", "127.0.0.1:PORT", "--fdname=http", bench.proxy, "--config-dir", directory]
        super().__init__(bench, name, directory, pool, "", command)
        self.command = [part.replace("PORT", str(self.port)) for part in self.command]


def make(bench, name, directory, root, workers=16, site="", proxy_conf=""):
    """The stack of this name, or None when a program of it is not installed."""
    os.makedirs(directory)
    os.chmod(directory, 0o777)

    def fpm():
        return PhpFpm(bench, directory, root, workers)

    if name == "php-pool":
        return PhpPoolStack(bench, name, directory, root, workers, site, proxy_conf)
    if name == "apache mod_php":
        if not os.path.exists(f"{MODULES}/libphp8.2.so"):
            return None
        return Front(bench, name, directory, None, APACHE_PHP, ["apache2", "-D", "FOREGROUND", "-f", "{dir}/front.conf"],
                     mpm="prefork", root=root, workers=workers)
    if not FPM or not shutil.which(name.split(",")[0].replace("apache", "apache2").split()[0]):
        return None
    if name == "nginx, php-fpm" or name == "nginx kept, php-fpm":
        kept = "kept" in name
        return Front(bench, name, directory, fpm(), NGINX, ["nginx", "-g", "daemon off;", "-c", "{dir}/front.conf"],
                     root=root, keep="on" if kept else "off", keepalive="keepalive 4;" if kept else "")
    if name == "apache, php-fpm":
        return Front(bench, name, directory, fpm(), APACHE_FCGI, ["apache2", "-D", "FOREGROUND", "-f", "{dir}/front.conf"],
                     mpm="event", root=root)
    if name == "haproxy, php-fpm":
        return Front(bench, name, directory, fpm(), HAPROXY, ["haproxy", "-db", "-f", "{dir}/front.conf"], root=root)
    if name == "caddy, php-fpm":
        return Front(bench, name, directory, fpm(), CADDY,
                     ["caddy", "run", "--adapter", "caddyfile", "--config", "{dir}/front.conf"], root=root)
    raise ValueError(name)


NAMES = ["php-pool", "nginx kept, php-fpm", "nginx, php-fpm", "apache, php-fpm", "apache mod_php", "haproxy, php-fpm", "caddy, php-fpm"]
