# SPDX-License-Identifier: MIT
"""Real web servers before a FastCGI server, each with its own configuration in a directory of its own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile

from engine import die_with_test, until
from ports import free_port


def program(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")


class FrontEnd:
    """@server: what it passes requests to; .port is where it listens."""

    program = None

    def __init__(self, server, **options):
        self.server, self.options = server, options
        self.directory = tempfile.mkdtemp(prefix="php-pool-test-")
        os.chmod(self.directory, 0o755)
        self.port = free_port()
        self.log_path = os.path.join(self.directory, "log")
        self.process = None

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def command(self):
        raise NotImplementedError

    def start(self):
        os.chmod(self.server.socket, 0o666)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                                            env=dict(os.environ, HOME=self.directory, XDG_DATA_HOME=self.directory,
                                                     XDG_CONFIG_HOME=self.directory), start_new_session=True,
                                            preexec_fn=die_with_test)
        try:
            until(f"{self.program} listens", self.listens)
        except AssertionError as error:
            self.remove()
            raise AssertionError(f"{error}\n{self.log()}") from error
        return self

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.program} ended with {self.process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def remove(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                pass
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None
        shutil.rmtree(self.directory, ignore_errors=True)


class Nginx(FrontEnd):
    """@keepalive: kept connections of each of its worker processes; 0: none is kept."""

    program = "nginx"

    def command(self):
        keepalive = self.options.get("keepalive", 0)
        config = self.write("nginx.conf", f"""
daemon off;
pid {self.directory}/pid;
error_log stderr warn;
worker_processes {self.options.get("processes", 1)};
{"user root;" if os.getuid() == 0 else ""}
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_max_body_size 64m;
    {"".join(f"{kind}_temp_path {self.directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))}
    upstream pool {{ server unix:{self.server.socket}; {f"keepalive {keepalive}; keepalive_requests 1000000;" if keepalive else ""} }}
    server {{
        listen 127.0.0.1:{self.port} reuseport;
        root {self.server.root};
        location ~ ^(.+?\\.php)(/.*)?$ {{
            fastcgi_split_path_info ^(.+?\\.php)(/.*)?$;
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_param PATH_INFO $fastcgi_path_info;
            {"fastcgi_keep_conn on;" if keepalive else ""}
            fastcgi_pass pool;
        }}
    }}
}}
""")
        return [program("nginx"), "-c", config, "-p", self.directory]


class Apache(FrontEnd):
    """@handler: by SetHandler and the unix socket, else by ProxyPassMatch and TCP. @reuse: with enablereuse=on."""

    program = "apache2"

    def command(self):
        modules = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
                          for name in ("mpm_event", "authz_core", "proxy", "proxy_fcgi"))
        reuse = "enablereuse=on max=16" if self.options.get("reuse") else ""
        if self.options.get("handler"):
            passing = (f'<FilesMatch "\\.php$">\nSetHandler "proxy:unix:{self.server.socket}|fcgi://pool/"\n</FilesMatch>\n'
                       + (f'<Proxy "fcgi://pool/">\nProxySet {reuse}\n</Proxy>' if reuse else ""))
        else:
            passing = f'ProxyPassMatch "^/(.*\\.php(/.*)?)$" "fcgi://127.0.0.1:{self.server.port}{self.server.root}/$1" {reuse}'
        config = self.write("httpd.conf", f"""
ServerRoot {self.directory}
DefaultRuntimeDir {self.directory}
PidFile {self.directory}/pid
ErrorLog /dev/stderr
ServerName localhost
Listen 127.0.0.1:{self.port}
{modules}
{"User www-data" if os.getuid() == 0 else ""}
{"Group www-data" if os.getuid() == 0 else ""}
DocumentRoot {self.server.root}
<Directory {self.server.root}>
    Require all granted
</Directory>
{passing}
""")
        return [program("apache2"), "-f", config, "-DFOREGROUND"]


class HAProxy(FrontEnd):
    """Asks for the pool's values first (option get-values) and multiplexes where it may."""

    program = "haproxy"

    def command(self):
        config = self.write("haproxy.cfg", f"""
global
    log stderr local0 warning
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
fcgi-app php
    docroot {self.server.root}
    path-info ^(/.+\\.php)(/.*)?$
    option get-values
    log-stderr global
frontend web
    bind 127.0.0.1:{self.port}
    option http-buffer-request
    default_backend pool
backend pool
    use-fcgi-app php
    http-reuse always
    server pool unix@{self.server.socket} proto fcgi
""")
        return [program("haproxy"), "-db", "-f", config]


class Lighttpd(FrontEnd):
    program = "lighttpd"

    def command(self):
        config = self.write("lighttpd.conf", f"""
server.modules = ( "mod_fastcgi" )
server.document-root = "{self.server.root}"
server.bind = "127.0.0.1"
server.port = {self.port}
server.upload-dirs = ( "{self.directory}" )
fastcgi.server = ( ".php" => (( "socket" => "{self.server.socket}" )) )
""")
        return [program("lighttpd"), "-D", "-f", config]


class Caddy(FrontEnd):
    program = "caddy"

    def command(self):
        config = self.write("Caddyfile", f"""
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{self.port} {{
    root * {self.server.root}
    php_fastcgi unix/{self.server.socket}
}}
""")
        return [program("caddy"), "run", "--adapter", "caddyfile", "--config", config]
