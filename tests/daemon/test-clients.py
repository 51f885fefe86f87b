# SPDX-License-Identifier: MIT
"""The pool behind real web servers, and beside it php-fpm behind the same ones: scripts must see the same."""

import hashlib
import http.client
import json
import os
import random
import socket
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fpm  # noqa: E402
from engine import Engine, until  # noqa: E402
from frontends import Apache, Caddy, HAProxy, Lighttpd, Nginx, program  # noqa: E402

SCRIPTS = {
    "vars.php": "<?php header('Content-Type: application/json'); echo json_encode($_SERVER, JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_UNESCAPED_SLASHES);",
    "a b/vars.php": "<?php header('Content-Type: application/json'); echo json_encode($_SERVER, JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_UNESCAPED_SLASHES);",
    "post.php": '<?php echo json_encode([$_POST, md5(file_get_contents("php://input")), $_SERVER["CONTENT_LENGTH"] ?? "none"]);',
    "sum.php": '<?php $h = hash_init("md5"); $f = fopen("php://input", "r"); $n = 0; while (!feof($f)) { $s = fread($f, 65536); $n += strlen($s); '
               'hash_update($h, $s); } echo $n, " ", hash_final($h);',
    "big.php": '<?php header("Content-Type: application/octet-stream"); for ($i = 0; $i < 320; $i++) echo str_repeat(chr(32 + $i % 90), 65536);',
    "hello.php": '<?php echo "hello ", getmypid();',
    "gone.php": '<?php while (ob_get_level()) ob_end_flush(); $i = 0; register_shutdown_function(function () { global $i; '
                'file_put_contents(__DIR__ . "/gone-" . $_GET["id"], (connection_aborted() ? "noticed" : "ended") . " $i"); }); '
                'for (; $i < 100; $i++) { echo str_repeat("x", 65536); flush(); usleep(20000); }',
}

SIZE = 20 << 20
PATHS = ["SCRIPT_NAME", "SCRIPT_FILENAME", "PATH_INFO", "PATH_TRANSLATED", "PHP_SELF", "QUERY_STRING", "REQUEST_URI", "DOCUMENT_ROOT",
         "ORIG_SCRIPT_NAME", "ORIG_SCRIPT_FILENAME", "ORIG_PATH_INFO", "ORIG_PATH_TRANSLATED"]

# What a process has from its service manager, not from the front end.
ENVIRONMENT = {"USER", "HOME", "LOGNAME", "SHELL", "PATH", "TERM", "LANG", "INVOCATION_ID", "STATE_DIRECTORY", "CACHE_DIRECTORY",
               "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY", "ASAN_OPTIONS", "UBSAN_OPTIONS"}

# Requests whose paths are compared.
TARGETS = {
    "plain": "/vars.php",
    "query": "/vars.php?a=b&c=%41&d=x+y",
    "path info": "/vars.php/foo/bar?a=b",
    "encoded path info": "/vars.php/foo/b%20r/%C3%A9%2B%25?a=b&c=%41",
    "encoded script": "/a%20b/vars.php?x=1",
    "encoded script and path info": "/a%20b/vars.php/f%20o?x=1",
}

# Where we are better than php-fpm 8.2, which looks for the encoded name with ProxyPassMatch and answers 404:
# for a front end and a target, what scripts see here: SCRIPT_NAME, PATH_INFO.
BETTER = {
    (name, target): seen
    for name in ("ApachePassMatch", "ApachePassMatchReuse")
    for target, seen in {
        "encoded script": ("/a b/vars.php", None),
        "encoded script and path info": ("/a b/vars.php", "/f o"),
        "encoded path info": ("/vars.php", "/foo/b r/\u00e9+%"),
    }.items()
}


class ClientTest:
    """What each front end has to pass; a subclass for each front end."""

    front = None
    options = {}
    notices = True  # tells the pool when its client has gone
    whole_chunks = True  # passes on a chunked body larger than its buffer

    @classmethod
    def setUpClass(cls):
        if not program(cls.front.program):
            raise unittest.SkipTest(f"{cls.front.program} is not installed")
        cls.ours = cls.front(POOL, **cls.options).start()
        cls.addClassCleanup(cls.ours.remove)
        cls.theirs = None
        if OTHER:
            cls.theirs = cls.front(OTHER, **cls.options).start()
            cls.addClassCleanup(cls.theirs.remove)

    def connect(self, front):
        connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
        self.addCleanup(connection.close)
        return connection

    def ask(self, front, target, method="GET", body=None, headers=None, chunked=False):
        connection = self.connect(front)
        connection.request(method, target, body, headers or {}, encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, response.read()

    def seen(self, front, target, **arguments):
        """$_SERVER, or the status."""
        status, body = self.ask(front, target, **arguments)
        try:
            return json.loads(body) if status == 200 else {"status": status}
        except ValueError:
            return {"no JSON": body[:200]}

    def test_paths(self):
        for name, target in TARGETS.items():
            ours = self.seen(self.ours, target)
            theirs = self.seen(self.theirs, target) if self.theirs else {}
            chosen = [{key: seen[key] for key in [*PATHS, "status", "no JSON"] if key in seen} for seen in (ours, theirs)]
            better = BETTER.get((type(self).__name__, name))
            print(f"\n{name}: {target}\n    ours:    {chosen[0]}\n    php-fpm: {chosen[1] if chosen[1] != chosen[0] else 'the same'}"
                  + (" (ours is better)" if better and chosen[1] != chosen[0] else ""), end="")
            with self.subTest(name):
                if better:
                    script, info = better
                    self.assertEqual((ours.get("SCRIPT_NAME"), ours.get("PATH_INFO")), better)
                    self.assertEqual((ours["SCRIPT_FILENAME"], ours["PHP_SELF"]), (POOL.root + script, script + (info or "")))
                elif self.theirs:
                    self.assertEqual(chosen[0], chosen[1])
                else:
                    self.assertTrue(ours["SCRIPT_FILENAME"].endswith("/vars.php"))
        print(flush=True)

    def test_the_names_in_server(self):
        headers = {"X-One": "1", "Cookie": "a=b", "Authorization": "Basic dXNlcjpwYXNz", "Accept": "*/*"}
        for target in ("/vars.php?a=b", "/vars.php/x"):
            ours = self.seen(self.ours, target, headers=headers)
            for name in ("REQUEST_METHOD", "SCRIPT_NAME", "SCRIPT_FILENAME", "REQUEST_URI", "REMOTE_ADDR", "SERVER_PROTOCOL", "HTTP_X_ONE",
                         "HTTP_COOKIE", "PHP_SELF", "REQUEST_TIME", "FCGI_ROLE"):
                self.assertIn(name, ours)
            if self.theirs:
                theirs = self.seen(self.theirs, target, headers=headers)
                self.assertEqual(sorted(set(ours) - ENVIRONMENT), sorted(set(theirs) - ENVIRONMENT))
                for name in ("HTTP_COOKIE", "HTTP_X_ONE", "PHP_AUTH_USER", "AUTH_TYPE", "REMOTE_USER", "SERVER_SOFTWARE", "FCGI_ROLE"):
                    self.assertEqual(ours.get(name), theirs.get(name), name)

    def test_posts(self):
        form = b"x=1&y%5Bk%5D=%41"
        expected = [{"x": "1", "y": {"k": "A"}}, hashlib.md5(form).hexdigest()]
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        status, body = self.ask(self.ours, "/post.php", "POST", form, kind)
        self.assertEqual((status, json.loads(body)), (200, expected + [str(len(form))]))
        # without a length, in chunks
        status, body = self.ask(self.ours, "/post.php", "POST", iter([form[:7], form[7:]]), kind, chunked=True)
        said = json.loads(body) if status == 200 else [body]
        print(f"\nchunked: {status}, CONTENT_LENGTH {said[-1]}", end="")
        if self.theirs:
            theirs = self.chunked_to_php_fpm(form, kind)
            print(f"; php-fpm: {theirs}", end="")
        print(flush=True)
        self.assertEqual((status, said[:2]), (200, expected))
        self.assertEqual(self.ask(self.ours, "/post.php", "POST", b"", kind)[0], 200)

    def chunked_to_php_fpm(self, form, kind):
        connection = http.client.HTTPConnection("127.0.0.1", self.theirs.port, timeout=2)
        try:
            connection.request("POST", "/post.php", iter([form[:7], form[7:]]), kind, encode_chunked=True)
            response = connection.getresponse()
            return f"{response.status}, {response.read()[:100]}"
        except (OSError, http.client.HTTPException) as error:
            return f"no answer ({error!r})"
        finally:
            connection.close()

    def test_a_large_upload(self):
        data = random.Random(3).randbytes(SIZE)
        status, body = self.ask(self.ours, "/sum.php", "POST", data, {"Content-Type": "application/octet-stream"})
        self.assertEqual((status, body.decode()), (200, f"{SIZE} {hashlib.md5(data).hexdigest()}"))

    def test_a_large_upload_in_chunks(self):
        data = random.Random(4).randbytes(2 << 20)
        pieces = (data[i:i + 10000] for i in range(0, len(data), 10000))
        try:
            status, body = self.ask(self.ours, "/sum.php", "POST", pieces, {"Content-Type": "application/octet-stream"}, chunked=True)
        except OSError as error:
            status, body = 0, repr(error).encode()
        if self.whole_chunks:
            self.assertEqual((status, body.decode()), (200, f"{len(data)} {hashlib.md5(data).hexdigest()}"))
        else:
            print(f"\n{self.front.program} does not pass it on: {status} {body[:60]}")
            self.assertTrue(self.ask(self.ours, "/hello.php")[1].startswith(b"hello "))

    def test_a_large_answer(self):
        expected = hashlib.md5(b"".join(bytes([32 + i % 90]) * 65536 for i in range(320))).hexdigest()
        for _ in range(2):
            status, body = self.ask(self.ours, "/big.php")
            self.assertEqual((status, len(body), hashlib.md5(body).hexdigest()), (200, SIZE, expected))

    def test_kept_connections(self):
        """More of them than workers, with and without requests under way."""
        failures = []

        def client():
            connection = self.connect(self.ours)
            for _ in range(15):
                connection.request("GET", "/hello.php")
                response = connection.getresponse()
                body = response.read()
                if response.status != 200 or not body.startswith(b"hello "):
                    failures.append((response.status, body))
        threads = [threading.Thread(target=client) for _ in range(8)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertLess(time.monotonic() - start, 10)
        self.assertTrue(POOL.ask("hello.php").body.startswith(b"hello "), "and one that has none")

    def leave(self, front, name):
        """A client that goes in the middle of its answer; what the script says of it."""
        with socket.create_connection(("127.0.0.1", front.port), 10) as s:
            s.sendall(f"GET /gone.php?id={name} HTTP/1.1\r\nHost: 127.0.0.1:{front.port}\r\n\r\n".encode())
            got = 0
            while got < 100000:
                data = s.recv(65536)
                self.assertTrue(data, "the answer begins")
                got += len(data)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        path = os.path.join(POOL.root, f"gone-{name}")
        until("the script ends", lambda: os.path.exists(path) and os.path.getsize(path) > 0)
        with open(path, encoding="ascii") as f:
            return f.read()

    def test_a_client_that_goes(self):
        said = self.leave(self.ours, f"ours-{type(self).__name__}")
        theirs = self.leave(self.theirs, f"theirs-{type(self).__name__}") if self.theirs else "(not asked)"
        print(f"\nthe client goes after 100 KB of 6400: the script {said} blocks; php-fpm: {theirs}", flush=True)
        if self.notices:
            self.assertTrue(said.startswith("noticed"), said)
        status, body = self.ask(self.ours, "/hello.php")
        self.assertEqual((status, body[:6]), (200, b"hello "))


def front_end(name, front, notices=True, whole_chunks=True, **options):
    globals()[name] = type(name, (ClientTest, unittest.TestCase),
                           {"front": front, "options": options, "notices": notices, "whole_chunks": whole_chunks})


front_end("Nginx1Plain", Nginx)
front_end("Nginx2Kept", Nginx, keepalive=8)
front_end("ApachePassMatch", Apache)
front_end("ApachePassMatchReuse", Apache, reuse=True)
front_end("ApacheSetHandler", Apache, handler=True)
front_end("ApacheSetHandlerReuse", Apache, handler=True, reuse=True)
front_end("HAProxyGetValues", HAProxy, whole_chunks=False)  # announces what it has buffered, as the length of all
front_end("Lighttpd14", Lighttpd, notices=False)  # reads the whole answer, whether its client is there or not
front_end("Caddy2", Caddy)

POOL = OTHER = None


def setUpModule():
    global POOL, OTHER
    POOL = Engine('workers: { max = 4; }; php: { values = [ "post_max_size=64M" ]; };', tcp=True)
    unittest.addModuleCleanup(POOL.remove)
    os.chmod(POOL.root, 0o755)
    for name, text in SCRIPTS.items():
        POOL.write(name, text)
    POOL.start()
    if fpm.AVAILABLE:
        OTHER = fpm.Fpm(POOL.root, children=16, lines=["php_value[post_max_size] = 64M"], tcp=True)
        unittest.addModuleCleanup(OTHER.remove)
        OTHER.start()


if __name__ == "__main__":
    unittest.main(verbosity=2)
