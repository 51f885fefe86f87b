# SPDX-License-Identifier: MIT
"""What a site may ask of php-pool-proxy beside files and scripts: redirects, access, headers, pages, files sent by order, other pools."""

import json
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakepool import FakePool, answer  # noqa: E402
from front import Client, Front, ask  # noqa: E402
from ports import free_port  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
FRONT = Front(PROGRAM)
PORT = free_port()
VSOCK_PORT = 100000 + os.getpid() % 100000

CONFIG = r"""
root = "%(base)s/www";
site: {
        docroot = "public";
        hosts = [ "extra.test" ];
        front_controller = "/index.php";
        rules = (
                { match = "^/info$"; script = "/info.php"; },
                { match = "^/old/(.*)$"; redirect = "/new/$1"; status = "301"; },
                { match = "^/away(/.*)$"; redirect = "https://a.example$1"; },
                { match = "^/search/(.*)$"; redirect = "/find?q=$1"; status = "303"; },
                { match = "^/double(/.*)$"; redirect = "/$1"; status = "307"; },
                { match = "^/(.*\\.php(/.*)?)$"; script = "/$1"; },
                { match = "^/nopool$"; script = "/info.php"; pool = "nobody"; }
        );
        access = (
                { path = "/admin/public"; from = "0.0.0.0/0"; },
                { path = "/admin"; from = "127.0.0.5 10.0.0.0/8"; }
        );
        headers = [ "X-Frame-Options: DENY", "X-From: proxy" ];
        error_pages = [ "404 /errors/404.html", "403 /errors/403.html", "503 /errors/503.html", "400 /errors/missing.html", "502 /errors/404.html" ];
        cache_control = ( { extensions = ".css .js"; value = "public, max-age=3600"; }, { extensions = ".txt"; value = "no-cache"; } );
        precompressed = true;
        maintenance = "maintenance";
        internal = ( { path = "/protected"; root = "%(base)s/files"; }, { path = "/other"; root = "%(base)s/also"; } );
};
"""
MORE = {
    "secure": 'root = "%(base)s/www"; site: { docroot = "public"; hosts = [ "secure.test" ]; https = "redirect"; };',
    "tcp": 'root = "%(base)s/www"; timeouts: { queue = "2s"; }; site: { docroot = "public"; hosts = [ "tcp.test" ]; upstream = "tcp:127.0.0.1:%(port)d"; };',
    "vsock": 'root = "%(base)s/www"; timeouts: { queue = "2s"; }; site: { docroot = "public"; hosts = [ "vsock.test" ]; upstream = "vsock:1:%(vsock)d"; };',
    "path": 'root = "%(base)s/www"; site: { docroot = "public"; hosts = [ "path.test" ]; upstream = "%(base)s/run/site.sock"; };',
}
FILES = {
    "www/public/admin/index.html": "admin",
    "www/public/admin/run.php": "<?php echo 'admin runs';",
    "www/public/admin/public/a.txt": "public",
    "www/public/errors/404.html": "<p>own 404</p>",
    "www/public/errors/403.html": "<p>own 403</p>",
    "www/public/errors/503.html": "<p>own 503</p>",
    "www/public/style.css": "body { }",
    "www/public/style.css.gz": "gzip bytes",
    "www/public/style.css.br": "brotli bytes",
    "www/public/app.js": "app",
    "www/public/app.js.zst": "zstd bytes",
    "www/public/app.js.gz": "old gzip",
    "www/public/trap.js": "trap",
    "www/public/head.php": "<?php header('X-From: script'); echo 'x';",
    "www/public/hidden.php": "<?php http_response_code(404); echo 'the script says 404';",
    "www/public/send.php": "<?php foreach (explode('|', $_GET['h']) as $h) header($h); echo 'never seen';",
    "files/a.txt": "protected text",
    "files/sub/b c.bin": "binary",
    "files/page.php": "<?php source",
    "files/later.html": "html",
}


def setUpModule():
    values = {"base": FRONT.base, "port": PORT, "vsock": VSOCK_PORT}
    for path, text in FILES.items():
        FRONT.write(path, text)
    os.symlink("../.env", os.path.join(FRONT.docroot, "admin/link.txt"))
    for name, leads_to in {
        "side-door.html": "admin/index.html", "side-door.php": "admin/run.php", "passage": "admin",
        "admin/public/inner.txt": "../index.html", "open.txt": "admin/public/a.txt",
    }.items():
        os.symlink(leads_to, os.path.join(FRONT.docroot, name))
    os.symlink(".env", os.path.join(FRONT.docroot, "trap.js.gz"))
    os.symlink("/etc/passwd", os.path.join(FRONT.base, "files/out"))
    os.utime(os.path.join(FRONT.docroot, "app.js.gz"), (1, 1))
    FRONT.write("conf/conf.d/extra.conf", CONFIG % values)
    for name, text in MORE.items():
        FRONT.write(f"conf/conf.d/{name}.conf", text % values + "\n")
    FRONT.write("conf/proxy.conf", f'socket_dir = "{FRONT.socket_dir}"; processes = 2; trusted = [ "127.0.0.8" ];\n')
    FRONT.start()
    os.symlink("site.sock", os.path.join(FRONT.socket_dir, "extra.sock"))


def tearDownModule():
    status = FRONT.stop()
    text = FRONT.proxy.messages_text()
    FRONT.remove()
    assert status == 0, f"the proxy ended with {status}: {text}"
    assert "Sanitizer" not in text and "runtime error" not in text, text


def get(path, host="extra.test", **more):
    return ask(FRONT, path, host=host, **more)


class Rules(unittest.TestCase):
    def test_redirects(self):
        for path, status, location in (
            ("/old/a%20b/c?d=e", 301, "/new/a%20b/c?d=e"),
            ("/away/x%C3%BC", 302, "https://a.example/x%C3%BC"),
            ("/search/a&b%3F", 303, "/find?q=a%26b%3F"),
            ("/search/x?y=z", 303, "/find?q=x"),
            ("/double/evil.example/x", 307, "/evil.example/x"),
            ("/double//evil.example", 307, "/evil.example"),
        ):
            with self.subTest(path=path):
                response = get(path)
                self.assertEqual((response.status, response.headers["location"], response.body), (status, location, b""))

    def test_no_byte_of_a_client_ends_the_line_of_a_location(self):
        for path in ("/old/%0d%0aX-Evil:1", "/old/a%0ab", "/old/%00"):
            self.assertEqual(get(path).status, 400)
        self.assertEqual(get('/old/"<>').headers["location"], "/new/%22%3C%3E")

    def test_the_rules_of_2014(self):
        self.assertEqual(json.loads(get("/info").body)["SCRIPT_NAME"], "/info.php")
        response = get("/info.php/x/y.php/z")
        v = json.loads(ask(FRONT, "/info.php/x/y.php/z").body)
        self.assertEqual((v["SCRIPT_NAME"], v["PATH_INFO"]), ("/info.php", "/x/y.php/z"))
        self.assertEqual(response.status, 404)  # a rule names one script, PATH_INFO included

    def test_a_pool_that_is_not_there(self):
        self.assertEqual(get("/nopool").status, 503)


class Access(unittest.TestCase):
    def test_by_address(self):
        for path, source, status in (
            ("/admin/", "127.0.0.5", 200),
            ("/admin/", "127.0.0.6", 403),
            ("/admin", "127.0.0.6", 403),
            ("/admin/run.php", "127.0.0.6", 403),
            ("/admin/run.php/x", "127.0.0.6", 403),
            ("/admin/none", "127.0.0.6", 403),
            ("/%61dmin/", "127.0.0.6", 403),
            ("//admin/", "127.0.0.6", 403),
            ("/x/../admin/", "127.0.0.6", 400),
            ("/side-door.html", "127.0.0.5", 200),
            ("/side-door.html", "127.0.0.6", 403),
            ("/side-door.php", "127.0.0.6", 403),
            ("/side-door.php", "127.0.0.5", 200),
            ("/passage/index.html", "127.0.0.6", 403),
            ("/passage/", "127.0.0.6", 403),
            ("/admin/public/inner.txt", "127.0.0.6", 403),
            ("/open.txt", "127.0.0.6", 200),
            ("/admin/public/a.txt", "127.0.0.6", 200),
            ("/a.txt", "127.0.0.6", 200),
        ):
            with self.subTest(path=path, source=source):
                self.assertEqual(get(path, source=source).status, status)

    def test_of_a_trusted_proxy_the_client_counts(self):
        self.assertEqual(get("/admin/", source="127.0.0.8").status, 403)
        self.assertEqual(get("/admin/", source="127.0.0.8", headers=("X-Forwarded-For: 10.1.2.3",)).status, 200)
        self.assertEqual(get("/admin/", source="127.0.0.6", headers=("X-Forwarded-For: 10.1.2.3",)).status, 403)


class Headers(unittest.TestCase):
    def test_they_are_added_to_all_answers(self):
        for path in ("/a.txt", "/none.txt/", "/info", "/old/x", "/dir"):
            self.assertEqual(get(path).headers["x-frame-options"], "DENY", path)
        self.assertEqual(get("/a.txt", headers=("If-None-Match: *",)).headers["x-frame-options"], "DENY")
        self.assertNotIn("x-frame-options", ask(FRONT, "/a.txt").headers)

    def test_but_not_where_the_script_has_said_it(self):
        self.assertEqual(get("/head.php").headers["x-from"], "script")
        self.assertEqual(get("/info.php").headers["x-from"], "proxy")


class Pages(unittest.TestCase):
    def test_the_proxys_errors_have_the_sites_pages(self):
        response = get("/.env")
        self.assertEqual((response.status, response.body), (404, b"<p>own 404</p>"))
        self.assertEqual(response.headers["content-type"], "text/html; charset=utf-8")
        self.assertNotIn("etag", response.headers)
        response = get("/admin/", source="127.0.0.6")
        self.assertEqual((response.status, response.body), (403, b"<p>own 403</p>"))
        response = get("/.env", method="HEAD")
        self.assertEqual((response.status, response.headers["content-length"]), (404, "14"))

    def test_a_page_that_is_missing_is_no_new_error(self):
        response = get("/%zz")
        self.assertEqual(response.status, 400)
        self.assertIn(response.headers["x-request-id"].encode(), response.body)

    def test_what_a_script_answers_is_its_own(self):
        response = get("/hidden.php")
        self.assertEqual((response.status, response.body), (404, b"the script says 404"))

    def test_a_conditional_request_for_what_is_not_there(self):
        self.assertEqual(get("/.env", headers=("If-None-Match: *", "Range: bytes=0-1")).body, b"<p>own 404</p>")


class Maintenance(unittest.TestCase):
    def test_while_the_file_exists(self):
        flag = os.path.join(FRONT.base, "www/maintenance")
        FRONT.write("www/maintenance", "")
        try:
            time.sleep(0.2)
            for path in ("/a.txt", "/info", "/none"):
                response = get(path)
                self.assertEqual((response.status, response.body), (503, b"<p>own 503</p>"))
                self.assertIn("retry-after", response.headers)
            self.assertEqual(ask(FRONT, "/a.txt").status, 200)
        finally:
            os.unlink(flag)
        time.sleep(0.2)
        self.assertEqual(get("/a.txt").status, 200)


class Https(unittest.TestCase):
    def test_the_clear_is_redirected(self):
        response = get("/a%20b?c=d", host="secure.test")
        self.assertEqual((response.status, response.headers["location"]), (308, "https://secure.test/a%20b?c=d"))
        response = get("//evil.example/x", host="Secure.test:8080")
        self.assertEqual(response.headers["location"], "https://secure.test//evil.example/x")
        self.assertEqual(get("/a.txt", host="secure.test", source="127.0.0.8", headers=("X-Forwarded-Proto: https",)).status, 200)
        self.assertEqual(get("/a.txt", host="secure.test", headers=("X-Forwarded-Proto: https",)).status, 308)
        self.assertEqual(get("/a.txt", host="secure.test", source="127.0.0.8", headers=("X-Forwarded-Proto: http",)).status, 308)


class Compressed(unittest.TestCase):
    def test_the_best_that_the_client_takes(self):
        for accept, coding, body in (
            ("", None, b"body { }"),
            ("Accept-Encoding: gzip", "gzip", b"gzip bytes"),
            ("Accept-Encoding: gzip, br;q=0.5", "br", b"brotli bytes"),
            ("Accept-Encoding: br;q=0, gzip;q=0.001", "gzip", b"gzip bytes"),
            ("Accept-Encoding: br;q=0.000, gzip; q=0", None, b"body { }"),
            ("Accept-Encoding: identity, *", None, b"body { }"),
            ("Accept-Encoding: GZIP", "gzip", b"gzip bytes"),
            ("Accept-Encoding: zstd", None, b"body { }"),
        ):
            with self.subTest(accept=accept):
                response = get("/style.css", headers=(accept,) if accept else ())
                self.assertEqual((response.headers.get("content-encoding"), response.body), (coding, body))
                self.assertEqual(response.headers["vary"], "Accept-Encoding")
                self.assertEqual(response.headers["content-type"], "text/css; charset=utf-8")

    def test_each_has_its_own_validator(self):
        plain, packed = get("/style.css"), get("/style.css", headers=("Accept-Encoding: br",))
        self.assertNotEqual(plain.headers["etag"], packed.headers["etag"])
        self.assertEqual(get("/style.css", headers=("Accept-Encoding: br", "If-None-Match: " + packed.headers["etag"])).status, 304)
        self.assertEqual(get("/style.css", headers=("Accept-Encoding: br", "If-None-Match: " + plain.headers["etag"])).status, 200)

    def test_not_what_is_older_or_lies_elsewhere(self):
        response = get("/app.js", headers=("Accept-Encoding: gzip, zstd",))
        self.assertEqual((response.headers["content-encoding"], response.body), ("zstd", b"zstd bytes"))
        self.assertEqual(get("/app.js", headers=("Accept-Encoding: gzip",)).body, b"app")
        self.assertEqual(get("/trap.js", headers=("Accept-Encoding: gzip",)).body, b"trap")

    def test_only_if_the_site_wants_it(self):
        response = ask(FRONT, "/style.css", headers=("Accept-Encoding: br",))
        self.assertEqual(response.body, b"body { }")
        self.assertNotIn("vary", response.headers)


class CacheControl(unittest.TestCase):
    def test_by_extension(self):
        for path, value in (("/style.css", "public, max-age=3600"), ("/app.js", "public, max-age=3600"), ("/a.txt", "no-cache"), ("/dir/", None)):
            self.assertEqual(get(path).headers.get("cache-control"), value, path)
        self.assertEqual(get("/a.txt", headers=("If-None-Match: *",)).headers["cache-control"], "no-cache")


class Internal(unittest.TestCase):
    def order(self, header, *headers, method="GET", more=""):
        return get("/send.php?h=" + (header + more).replace(" ", "%20").replace("%2F", "%252F"), headers=headers, method=method)

    def test_a_file_is_sent_in_place_of_the_body(self):
        for header, body in (
            ("X-Accel-Redirect: /protected/a.txt", b"protected text"),
            ("X-Accel-Redirect: /other/shared.txt", b"shared"),
            (f"X-Sendfile: {FRONT.base}/files/a.txt", b"protected text"),
            (f"X-Sendfile: {FRONT.base}/files/sub/b c.bin", b"binary"),
            ("X-Accel-Redirect: /protected/page.php", b"<?php source"),
        ):
            with self.subTest(header=header):
                response = self.order(header)
                self.assertEqual((response.status, response.body), (200, body))
                self.assertNotIn("x-accel-redirect", response.headers)
                self.assertNotIn("x-sendfile", response.headers)
                self.assertIn("etag", response.headers)

    def test_an_encoded_name_is_decoded_once(self):
        response = get("/send.php?h=X-Accel-Redirect:%20/protected/sub/b%2520c.bin")
        self.assertEqual(response.body, b"binary")

    def test_the_scripts_fields_stay(self):
        response = self.order("X-Accel-Redirect: /protected/a.txt", more="|Content-Type: application/x-y|Content-Disposition: attachment|Set-Cookie: a=b|ETag: \"mine\"")
        self.assertEqual(response.headers["content-type"], "application/x-y")
        self.assertEqual((response.headers["content-disposition"], response.headers["set-cookie"]), ("attachment", "a=b"))
        self.assertNotEqual(response.headers["etag"], '"mine"')

    def test_ranges_conditions_and_head_work(self):
        response = self.order("X-Accel-Redirect: /protected/a.txt", "Range: bytes=0-3")
        self.assertEqual((response.status, response.body), (206, b"prot"))
        self.assertEqual(self.order("X-Accel-Redirect: /protected/a.txt", "If-None-Match: *").status, 304)
        response = self.order("X-Accel-Redirect: /protected/a.txt", method="HEAD")
        self.assertEqual((response.status, response.headers["content-length"]), (200, "14"))
        for method in ("PUT", "FOO", "POST", "HEAD"):
            response = self.order("X-Accel-Redirect: /protected/a.txt", "Range: bytes=0-3", method=method)
            self.assertEqual((response.status, response.body), (200, b"" if method == "HEAD" else b"protected text"))

    def test_nothing_else_can_be_had(self):
        for header, status in (
            ("X-Accel-Redirect: /protected/none", 404),
            ("X-Accel-Redirect: /protected/sub", 404),
            ("X-Accel-Redirect: /protected/out", 403),
            ("X-Accel-Redirect: /protected", 500),
            ("X-Accel-Redirect: /protectedness/a.txt", 500),
            ("X-Accel-Redirect: /etc/passwd", 500),
            ("X-Accel-Redirect: /protected/../conf/proxy.conf", 500),
            ("X-Accel-Redirect: http://a/", 500),
            ("X-Sendfile: /etc/passwd", 500),
            (f"X-Sendfile: {FRONT.base}/files/../conf/proxy.conf", 403),
            (f"X-Sendfile: {FRONT.base}/conf/proxy.conf", 500),
            ("X-Sendfile: a.txt", 500),
        ):
            with self.subTest(header=header):
                response = self.order(header)
                self.assertEqual(response.status, status)
                self.assertNotIn(b"root:", response.body)
                self.assertNotIn(b"socket_dir", response.body)
        self.assertIn("site.internal", FRONT.proxy.messages_text())

    def test_a_client_cannot_ask_for_it(self):
        self.assertIn(b"front ", get("/protected/a.txt").body)

    def test_a_site_without_internal_directories_drops_the_order(self):
        response = ask(FRONT, "/send.php?h=X-Accel-Redirect:/protected/a.txt")
        self.assertEqual(response.body, b"never seen")

    def test_the_connection_to_the_pool_is_kept(self):
        client = Client(FRONT)
        for _ in range(20):
            client.send(b"GET /send.php?h=X-Accel-Redirect:/protected/a.txt HTTP/1.1\r\nHost: extra.test\r\n\r\n")
            self.assertEqual(client.read().body, b"protected text")
        client.close()


class UnknownHosts(unittest.TestCase):
    def test_as_configured(self):
        for word, status in (("404", 404), ("421", 421)):
            FRONT.write("conf/proxy.conf", f'socket_dir = "{FRONT.socket_dir}"; trusted = [ "127.0.0.8" ]; unknown_host = "{word}";\n')
            FRONT.proxy.reload()
            self.assertEqual(get("/a.txt", host="nobody.test").status, status)
        FRONT.write("conf/proxy.conf", f'socket_dir = "{FRONT.socket_dir}"; trusted = [ "127.0.0.8" ]; unknown_host = "close";\n')
        FRONT.proxy.reload()
        client = Client(FRONT, 5)
        client.send(b"GET /a.txt HTTP/1.1\r\nHost: nobody.test\r\n\r\n")
        self.assertTrue(client.ended())
        client.close()


class OtherUpstreams(unittest.TestCase):
    def start_pool(self, family, address):
        def script(pool, connection, number):
            while pool.read_request(connection) is not None:
                connection.sendall(answer(b"over there"))

        pool = FakePool(address, script, family)
        self.addCleanup(pool.stop)
        return pool

    def test_tcp(self):
        pool = self.start_pool(socket.AF_INET, ("127.0.0.1", PORT))
        for _ in range(3):
            self.assertEqual(get("/info.php", host="tcp.test").body, b"over there")
        self.assertEqual(get("/info.php", host="tcp.test", method="POST", body=b"x" * 300000).body, b"over there")
        self.assertLessEqual(pool.connections, 2)

    def test_tcp_that_is_not_there_or_comes_late(self):
        begin = time.monotonic()
        self.assertEqual(get("/info.php", host="tcp.test").status, 503)
        self.assertLess(time.monotonic() - begin, 12)
        self.start_pool(socket.AF_INET, ("127.0.0.1", PORT))
        self.assertEqual(get("/info.php", host="tcp.test").body, b"over there")

    def test_a_kept_tcp_connection_that_was_closed_costs_no_get(self):
        def script(pool, connection, number):
            pool.read_request(connection)
            connection.sendall(answer(b"once"))
            time.sleep(0.02)

        pool = FakePool(("127.0.0.1", PORT), script, socket.AF_INET)
        self.addCleanup(pool.stop)
        client = Client(FRONT)
        for _ in range(30):
            client.send(b"GET /info.php HTTP/1.1\r\nHost: tcp.test\r\n\r\n")
            self.assertEqual(client.read().body, b"once")
            time.sleep(0.015)
        client.close()

    def test_a_kept_tcp_connection_that_ends_may_have_run_what_is_no_get(self):
        def script(pool, connection, number):
            while pool.read_request(connection) is not None:
                if pool.requests in (2, 5):
                    return
                connection.sendall(answer(b"once"))

        pool = FakePool(("127.0.0.1", PORT), script, socket.AF_INET)
        self.addCleanup(pool.stop)
        client = Client(FRONT)
        for method, statuses in (("GET", (200, 200)), ("POST", (200, 502))):
            for status in statuses:
                client.send(f"{method} /info.php HTTP/1.1\r\nHost: tcp.test\r\nContent-Length: 0\r\n\r\n".encode())
                self.assertEqual(client.read().status, status, (method, pool.requests, pool.connections))
        client.close()

    @unittest.skipUnless(os.path.exists("/dev/vsock"), "no vsock here")
    def test_vsock(self):
        try:
            self.start_pool(socket.AF_VSOCK, (1, VSOCK_PORT))
        except OSError as e:
            self.skipTest(f"vsock: {e}")
        try:
            probe = socket.socket(socket.AF_VSOCK)
            probe.connect((1, VSOCK_PORT))
            probe.close()
        except OSError as e:
            self.skipTest(f"vsock has no loopback here: {e}")
        self.assertEqual(get("/info.php", host="vsock.test").body, b"over there")

    def test_a_path(self):
        self.assertEqual(json.loads(get("/info.php", host="path.test").body)["SCRIPT_NAME"], "/info.php")


if __name__ == "__main__":
    unittest.main(verbosity=1)
