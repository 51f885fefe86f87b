# SPDX-License-Identifier: MIT
"""A small site, its pool, and the proxy before it, in a temporary directory; and a client that shows what came."""

import contextlib
import os
import shutil
import tempfile

import pool
import proxy

# A script that was given a file's name goes on when there is that file.
WAIT = "for ($i = 0; isset($_GET['wait']) && !file_exists($_GET['wait']) && $i < 2000; $i++) { usleep(5000); clearstatcache(); }"

FILES = {
    "index.php": "<?php header('Content-Type: text/plain'); echo 'front ', $_SERVER['REQUEST_URI'], ' [', $_SERVER['PATH_INFO'] ?? '', ']';",
    "info.php": "<?php header('Content-Type: application/json'); echo json_encode($_SERVER);",
    "echo.php": "<?php header('Content-Type: application/octet-stream'); $in = fopen('php://input', 'r');"
    " while (!feof($in)) echo fread($in, 65536);",
    "big.php": "<?php header('Content-Type: application/octet-stream');"
    " for ($i = 0; $i < 20 * 16; $i++) echo str_repeat(chr(65 + $i % 26), 65536);",
    "status.php": "<?php http_response_code((int)$_GET['code']); if (isset($_GET['to'])) header('Location: ' . $_GET['to']); echo 'body';",
    "short.php": "<?php header('Content-Length: 10'); echo 'short';",
    "long.php": "<?php header('Content-Length: 4'); echo 'long and longer';",
    "pieces.php": "<?php while (ob_get_level()) ob_end_clean(); echo 'one'; flush(); " + WAIT + " echo 'two';",
    "hints.php": "<?php header('Link: </a.css>; rel=preload'); $sent = headers_send(103); " + WAIT + " header('X-Later: b'); echo json_encode($sent);",
    "a.txt": "0123456789",
    "empty.html": "",
    "notes.txt~": "copy",
    "page.php.bak": "<?php secret();",
    "code.inc": "<?php secret();",
    "UPPER.PHP": "<?php secret();",
    "variant.php.txt": "<?php secret();",
    "old.PHP7": "<?php secret();",
    "lib.phtml": "<?php secret();",
    "pack.phar": "<?php secret();",
    "show.phps": "<?php secret();",
    "config.php-old": "<?php secret();",
    "config.php_": "<?php secret();",
    "swap.swp": "secret",
    "saved.orig": "secret",
    "photos.php.php/avatar.jpg": "jpg",
    "php/readme": "readme",
    "data.json": "{}",
    "picture.jpg/readme": "not a picture",
    ".env": "SECRET=1",
    ".git/config": "secret",
    ".well-known/token": "token",
    "dir/index.html": "index of dir",
    "app/index.php": "<?php echo 'app index';",
    "uploads/evil.php": "<?php echo 'evil';",
    "uploads/ok.txt": "ok",
    "private/x.txt": "private",
    "name with space/ü.txt": "umlaut",
}

CONFIG = {
    "site": """
root = "%(base)s/www";
workers: { max = 8; };
limits: { body = "64M"; };
site: {
        docroot = "public";
        hosts = [ "example.org", "*.example.org" ];
        deny = [ "/uploads/*.php", "/private" ];
        also = [ "%(base)s/also" ];
        rules = ( { match = "^/rule/([a-z]+)$"; script = "/$1.php"; } );
};
""",
    "front": """
root = "%(base)s/www";
site: { docroot = "public"; hosts = [ "front.test" ]; front_controller = "/index.php"; };
""",
    "fake": """
root = "%(base)s/www";
timeouts: { request = "1s"; kill = "1s"; queue = "1s"; };
limits: { body = "1K"; };
site: { docroot = "public"; hosts = [ "fake.test" ]; };
""",
    "gone": """
root = "%(base)s/www";
site: { docroot = "public"; hosts = [ "gone.test" ]; };
""",
}

PROXY_CONFIG = """
socket_dir = "%(base)s/run";
processes = %(processes)d;
timeouts: { header = "2s"; body = "2s"; keep = "5s"; send = "5s"; };
"""


class Front:
    def __init__(self, program, processes=2):
        self.base = tempfile.mkdtemp(prefix="php-pool-test-")
        os.chmod(self.base, 0o755)
        self.docroot = os.path.join(self.base, "www/public")
        self.config_dir = os.path.join(self.base, "conf")
        self.socket_dir = os.path.join(self.base, "run")
        os.makedirs(self.socket_dir)
        self.make_tree()
        self.write("conf/proxy.conf", PROXY_CONFIG % {"base": self.base, "processes": processes})
        for name, text in CONFIG.items():
            self.write(f"conf/conf.d/{name}.conf", text % {"base": self.base})
        self.pool = pool.Pool("site", self.config_dir, self.socket_dir)
        self.proxy = proxy.Proxy(program, self.config_dir, self.base)

    def write(self, path, text):
        path = os.path.join(self.base, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def make_tree(self):
        for path, text in FILES.items():
            self.write("www/public/" + path, text)
        self.write("www/outside.txt", "outside")
        self.write("also/shared.txt", "shared")
        self.write("also/run.php", "<?php echo 'also runs';")
        self.write("elsewhere/secret.txt", "secret")
        links = {
            "inside.txt": "a.txt",
            "out.txt": "../outside.txt",
            "far.txt": os.path.join(self.base, "elsewhere/secret.txt"),
            "linked": os.path.join(self.base, "also"),
            "source.txt": "info.php",
            "picture.php": "a.txt",
            "shown.txt": ".env",
            "loop": "loop",
        }
        for name, target in links.items():
            os.symlink(target, os.path.join(self.docroot, name))
        os.mkfifo(os.path.join(self.docroot, "fifo.txt"))

    def start(self):
        self.pool.start()
        # one pool serves two sites here: the second finds it by its own name
        os.symlink("site.sock", os.path.join(self.socket_dir, "front.sock"))
        self.proxy.start()

    def stop(self):
        try:
            return self.proxy.stop()
        finally:
            self.pool.stop()

    def remove(self):
        shutil.rmtree(self.base)


class Response:
    def __init__(self, status, headers, body, rest=b""):
        self.status = status
        self.headers = headers  # lower-case names; repeated ones joined by ", "
        self.body = body
        self.rest = rest  # bytes behind it


class Closed(Exception):
    """The connection ended before the answer was complete."""


class Client:
    """Reads answers strictly, one after the other."""

    def __init__(self, front, timeout=20, source="127.0.0.1", to=None):
        self.socket = front.proxy.connect(timeout, source, to)
        self.bytes = b""
        self.interim = []  # answers 1xx that came before the real ones: (status, headers)

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(self.bytes)
        self.bytes += data

    def take(self, size):
        pieces, have = [self.bytes], len(self.bytes)
        while have < size:
            data = self.socket.recv(1 << 18)
            if not data:
                raise Closed()
            pieces.append(data)
            have += len(data)
        everything = b"".join(pieces)
        self.bytes = everything[size:]
        return everything[:size]

    def line(self):
        while b"\r\n" not in self.bytes:
            self.more()
        line, self.bytes = self.bytes.split(b"\r\n", 1)
        return line

    def read_chunked(self):
        body = []
        while True:
            size = int(self.line(), 16)
            if size == 0:
                assert self.line() == b""
                return b"".join(body)
            body.append(self.take(size))
            assert self.take(2) == b"\r\n"

    def read(self, method="GET"):
        while True:
            version, status, _ = self.line().split(b" ", 2)
            assert version == b"HTTP/1.1", version
            headers = {}
            while line := self.line():
                name, value = line.decode("latin-1").split(": ", 1)
                name = name.lower()
                headers[name] = headers[name] + ", " + value if name in headers else value
            if not status.startswith(b"1"):
                break
            self.interim.append((int(status), headers))
        status = int(status)
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif "content-length" in headers:
            body = self.take(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            body = self.read_chunked()
        else:
            with contextlib.suppress(Closed):
                while True:
                    self.more()
            body, self.bytes = self.bytes, b""
        return Response(status, headers, body, self.bytes)

    def ended(self):
        """Whether the proxy closes now."""
        try:
            return not self.bytes and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()


def ask(front, path, method="GET", headers=(), body=b"", host="example.org", source="127.0.0.1", to=None, before=b""):
    """One request on its own connection; @before: bytes that come first."""
    client = Client(front, source=source, to=to)
    client.send(before)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    client.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
    try:
        return client.read(method)
    finally:
        client.close()
