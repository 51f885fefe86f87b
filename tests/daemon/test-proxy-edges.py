# SPDX-License-Identifier: MIT
"""php-pool-proxy where two of its rules meet: access and front controllers, files sent by scripts and conditions, links and document
roots that are moved, reloads and busy pools.

All memory is filled before it is used: what was not initialised shows.
"""

import ctypes
import json
import os
import re
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakepool import FakePool, answer  # noqa: E402
from front import Client, Front, ask  # noqa: E402
from ports import free_port  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
FRONT = Front(PROGRAM, processes=1)  # each has its own connections to a pool
PORT = free_port()

SITES = {
    "edge": """site: {
        docroot = "public"; hosts = [ "edge.test" ]; front_controller = "/index.php";
        access = ( { path = "/admin"; from = "127.0.0.5"; }, { path = "/app/admin"; from = "127.0.0.5"; } );
        internal = ( { path = "/protected"; root = "%(base)s/files"; } );
};""",
    "tcp": 'timeouts: { request = "5s"; queue = "1s"; }; site: { docroot = "public"; hosts = [ "tcp.test" ]; upstream = "tcp:127.0.0.1:%(port)d"; };',
}
MOVED = 'root = "%(base)s/www"; site: { docroot = "public"; hosts = [ "moved.test" ]; upstream = "%(address)s"; };'
RULE = 'root = "%(base)s/www"; site: { docroot = "public"; hosts = [ "rule.test" ]; rules = ( { match = "^/"; script = "/info.php"; pool = "only-here"; } ); };'


def configure(access="off", run="run"):
    FRONT.write("conf/proxy.conf", f'socket_dir = "{FRONT.base}/{run}"; processes = 1; timeouts: {{ header = "1s"; }};\n'
                f'log: {{ access = "{access}"; format = "combined"; }};\n')


def setUpModule():
    FRONT.write("files/a.txt", "protected text")
    FRONT.write("www/public/send.php", "<?php http_response_code((int)$_GET['code']); header('Content-Type: application/x-y');"
                " header('X-Accel-Redirect: /protected/a.txt'); echo 'never seen';")
    for name, text in SITES.items():
        FRONT.write(f"conf/conf.d/{name}.conf", 'root = "%(base)s/www";\n' % {"base": FRONT.base} + text % {"base": FRONT.base, "port": PORT})
    configure()
    os.environ["MALLOC_PERTURB_"] = "205"
    FRONT.start()
    del os.environ["MALLOC_PERTURB_"]
    os.symlink("site.sock", os.path.join(FRONT.socket_dir, "edge.sock"))


def tearDownModule():
    status = FRONT.stop()
    text = FRONT.proxy.messages_text()
    FRONT.remove()
    assert status == 0, f"the proxy ended with {status}: {text}"
    assert "Sanitizer" not in text and "runtime error" not in text, text


def get(path, host="edge.test", **more):
    return ask(FRONT, path, host=host, **more)


class Refused(unittest.TestCase):
    """What was no request has no fields."""

    def tearDown(self):
        configure()
        FRONT.proxy.reload()

    def refuse(self, data, status):
        client = Client(FRONT)
        self.addCleanup(client.close)
        client.send(data)
        self.assertEqual(client.read().status, status)
        self.assertTrue(client.ended())
        pattern = re.compile(rf'^127\.0\.0\.1 - - \[[^]]+\] "-" {status} \d+ "-" "-"$', re.MULTILINE)
        deadline = time.monotonic() + 5
        while not (found := pattern.search(FRONT.proxy.messages_text())) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertTrue(found, FRONT.proxy.messages_text()[-500:])

    def test_errors(self):
        configure("errors")
        FRONT.proxy.reload()
        self.refuse(b"GET / HTTP/2.0\r\nHost: edge.test\r\n\r\n", 505)

    def test_all(self):
        configure("all")
        FRONT.proxy.reload()
        self.refuse(b"GET / HTTP/1.1\r\nHost: edge.test\r\n: x\r\n\r\n", 400)
        self.refuse(b"GET / HTTP/1.1\r\nHost: edge.t", 408)


class Access(unittest.TestCase):
    def test_what_a_front_controller_finds_in_path_info(self):
        for path in ("/index.php/admin", "/index.php/admin/x", "/index.php/%61dmin", "/index.php//admin", "/info.php/admin", "/app/index.php/admin"):
            with self.subTest(path=path):
                self.assertEqual(get(path, source="127.0.0.6").status, 403)
                self.assertEqual(get(path, source="127.0.0.5").status, 200)
        self.assertEqual(get("/index.php/administrator", source="127.0.0.6").body, b"front /index.php/administrator [/administrator]")

    def test_what_it_finds_in_request_uri(self):
        for path in ("/admin/x/../../y", "/admin/../y", "/admin/%2e%2E/y", "/./y", "/y/."):
            with self.subTest(path=path):
                self.assertEqual(get(path, source="127.0.0.6").status, 400)
                self.assertEqual(get(path, source="127.0.0.5").status, 400)
        self.assertEqual(get("/y/...", source="127.0.0.6").status, 404)  # hidden, as ever
        self.assertEqual(get("/y/x..", source="127.0.0.6").status, 200)

    def test_a_site_without_rules_serves_dots(self):
        self.assertEqual(get("/admin/x/../../y", host="front.test").body, b"front /admin/x/../../y []")
        self.assertEqual(get("/x/%2e%2e/a.txt", host="front.test").body, b"0123456789")


class Moved(unittest.TestCase):
    """Document roots, while they are open."""

    def make_site(self, name, docroot, *trees):
        for tree in trees:
            FRONT.write(f"www/{tree}/v.txt", tree)
            FRONT.write(f"www/{tree}/info.php", "<?php echo json_encode($_SERVER);")
            for i in range(20):
                os.symlink("v.txt", os.path.join(FRONT.base, f"www/{tree}/link{i}.txt"))
        os.symlink("site.sock", os.path.join(FRONT.socket_dir, f"{name}.sock"))
        FRONT.write(f"conf/conf.d/{name}.conf", f'root = "{FRONT.base}/www"; site: {{ docroot = "{docroot}"; hosts = [ "{name}.test" ]; }};\n')

    def test_a_directory_whose_link_follows_it(self):
        www = os.path.join(FRONT.base, "www")
        self.make_site("followed", "followed", "release1")
        os.symlink("release1", www + "/followed")
        FRONT.proxy.reload()
        self.assertEqual(json.loads(get("/info.php", host="followed.test").body)["DOCUMENT_ROOT"], www + "/release1")
        os.rename(www + "/release1", www + "/release2")
        os.symlink("release2", www + "/followed.new")
        os.replace(www + "/followed.new", www + "/followed")
        time.sleep(0.2)
        v = json.loads(get("/info.php", host="followed.test").body)
        self.assertEqual((v["DOCUMENT_ROOT"], v["SCRIPT_FILENAME"]), (www + "/release2", www + "/release2/info.php"))
        self.assertEqual(get("/link1.txt", host="followed.test").body, b"release1")

    def test_directories_that_are_exchanged(self):
        one, two = (os.path.join(FRONT.base, "www", name).encode() for name in ("site1", "site2"))
        self.make_site("exchanged", "site1", "site1", "site2")
        FRONT.proxy.reload()
        for i in range(20):
            self.assertEqual(get("/v.txt", host="exchanged.test").status, 200)
            self.assertEqual(ctypes.CDLL(None).renameat2(-100, one, -100, two, 2), 0)  # AT_FDCWD, RENAME_EXCHANGE
            response = get(f"/link{i}.txt", host="exchanged.test")
            self.assertEqual(response.status, 200)
            self.assertIn(response.body, (b"site1", b"site2"))


class Sent(unittest.TestCase):
    """By a script, in place of its body."""

    def test_statuses_without_a_body_have_none(self):
        for status in (304, 204, 205):
            with self.subTest(status=status):
                client = Client(FRONT)
                self.addCleanup(client.close)
                for _ in range(2):
                    client.send(f"GET /send.php?code={status} HTTP/1.1\r\nHost: edge.test\r\n\r\n".encode())
                    response = client.read()
                    self.assertEqual((response.status, response.body, response.rest), (status, b"", b""))
                    self.assertNotIn("x-accel-redirect", response.headers)
                client.send(b"GET /a.txt HTTP/1.1\r\nHost: edge.test\r\n\r\n")
                self.assertEqual(client.read().body, b"0123456789")

    def test_parts_have_the_type_of_the_script(self):
        response = get("/send.php?code=200", headers=("Range: bytes=0-1,4-5",))
        self.assertEqual(response.status, 206)
        self.assertRegex(response.headers["content-type"], r"^multipart/byteranges; boundary=\w+$")
        boundary = response.headers["content-type"].partition("=")[2]
        parts = [f"\r\n--{boundary}\r\nContent-Type: application/x-y\r\nContent-Range: bytes {r}/14\r\n\r\n{text}" for r, text in (("0-1", "pr"), ("4-5", "ec"))]
        self.assertEqual(response.body.decode().lstrip(), "".join([*parts, f"\r\n--{boundary}--\r\n"]).lstrip())

    def test_preconditions(self):
        for path in ("/send.php?code=200", "/a.txt"):
            plain = get(path)
            etag, date = plain.headers["etag"], plain.headers["last-modified"]
            for field, status in (
                ('If-Match: "other"', 412),
                ("If-Match: W/" + etag, 412),
                ("If-Match: " + etag, 200),
                ('If-Match: "other", ' + etag, 200),
                ("If-Match: *", 200),
                ("If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT", 412),
                ("If-Unmodified-Since: " + date, 200),
                ("If-Unmodified-Since: nonsense", 200),
            ):
                with self.subTest(path=path, field=field):
                    response = get(path, headers=(field,))
                    self.assertEqual((response.status, response.body), (status, plain.body if status == 200 else b""))
                    response = get(path, headers=(field, "Range: bytes=0-1"))
                    self.assertEqual((response.status, response.body), (412, b"") if status == 412 else (206, plain.body[:2]))
            self.assertEqual(get(path, headers=(f"If-Match: {etag}", f"If-None-Match: {etag}")).status, 304)
            self.assertEqual(get(path, headers=(f"If-Match: {etag}", "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT")).status, 200)


class Pools(unittest.TestCase):
    def start_pool(self, path, script, family=socket.AF_UNIX):
        pool = FakePool(path, script, family)
        self.addCleanup(pool.stop)
        return pool

    def start_named(self, name, release=None):
        """A pool that answers with its name; with the first request it waits for @release."""

        def script(pool, connection, number):
            while pool.read_request(connection) is not None:
                if release and pool.requests == 1:
                    release.wait(10)
                connection.sendall(answer(name.encode()))

        return self.start_pool(os.path.join(FRONT.base, name + ".sock"), script)

    def test_over_tcp_a_script_may_be_silent_for_longer_than_one_waits_for_a_place(self):
        def script(pool, connection, number):
            while pool.read_request(connection) is not None:
                time.sleep(1.5)
                connection.sendall(answer(b"late"))

        self.start_pool(("127.0.0.1", PORT), script, socket.AF_INET)
        for method, body in (("GET", b""), ("POST", b"x" * 300000)):
            response = get("/info.php", "tcp.test", method=method, body=body)
            self.assertEqual((response.status, response.body), (200, b"late"))

    def move(self, name):
        FRONT.write("conf/conf.d/moved.conf", MOVED % {"base": FRONT.base, "address": os.path.join(FRONT.base, name + ".sock")})
        FRONT.proxy.reload()

    def test_a_reload_leaves_the_old_address(self):
        release = threading.Event()
        self.addCleanup(release.set)
        old, new = self.start_named("old", release), self.start_named("new")
        self.move("old")
        busy = Client(FRONT)
        self.addCleanup(busy.close)
        busy.send(b"GET /info.php HTTP/1.1\r\nHost: moved.test\r\n\r\n")
        deadline = time.monotonic() + 5
        while old.requests < 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        self.move("new")
        self.assertEqual(get("/info.php", "moved.test").body, b"new")
        release.set()
        self.assertEqual(busy.read().body, b"old")  # what had begun there ends there
        for _ in range(5):
            self.assertEqual(get("/info.php", "moved.test").body, b"new")
        self.assertEqual((old.requests, new.requests), (1, 6))

    def test_also_for_a_pool_that_only_a_rule_names(self):
        for directory in ("before", "after"):
            os.makedirs(os.path.join(FRONT.base, directory))
            self.start_named(directory + "/only-here")
        try:
            for directory in ("before", "after", "before"):
                configure(run=directory)
                FRONT.proxy.reload()  # without the rule
                FRONT.write("conf/conf.d/rule.conf", RULE % {"base": FRONT.base})
                FRONT.proxy.reload()
                for _ in range(3):
                    self.assertEqual(get("/", "rule.test").body.decode(), directory + "/only-here")
                os.unlink(os.path.join(FRONT.config_dir, "conf.d/rule.conf"))
        finally:
            configure()
            FRONT.proxy.reload()


if __name__ == "__main__":
    unittest.main(verbosity=1)
