# SPDX-License-Identifier: MIT
"""php-pool-proxy before a real pool: routes, files, bodies, connections, reload."""

import hashlib
import json
import os
import select
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import Client, Closed, Front, ask  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
FRONT = Front(PROGRAM)


def setUpModule():
    FRONT.start()


def tearDownModule():
    status = FRONT.stop()
    text = FRONT.proxy.messages_text()
    FRONT.remove()
    assert status == 0, f"the proxy ended with {status}: {text}"
    assert "Sanitizer" not in text and "runtime error" not in text, text


class Routes(unittest.TestCase):
    # path, status, what the body contains
    TABLE = (
        ("/a.txt", 200, b"0123456789"),
        ("/./dir/../a.txt", 200, b"0123456789"),
        ("//a.txt", 200, b"0123456789"),
        ("/%61.txt", 200, b"0123456789"),
        ("/name%20with%20space/%C3%BC.txt", 200, b"umlaut"),
        ("/", 200, b"front / []"),
        ("/dir/", 200, b"index of dir"),
        ("/app/", 200, b"app index"),
        ("/app/index.php", 200, b"app index"),
        ("/nothing", 404, b""),
        ("/a.txt/", 404, b""),
        ("/a.txt/info.php", 404, b""),
        ("/nothing.php", 404, b""),
        ("/nothing.php/x", 404, b""),
        ("/../a.txt", 400, b""),
        ("/%2e%2e/a.txt", 400, b""),
        ("/dir/%2e%2e/%2e%2e/outside.txt", 400, b""),
        ("/dir%2f..%2fa.txt", 404, b""),
        ("/a.txt%00.php", 400, b""),
        ("/%zz", 400, b""),
        ("/..%5ca.txt", 400, b""),
        ("/%", 400, b""),
        ("/%2", 400, b""),
        ("/%%32%65%%32%65/a.txt", 400, b""),
        ("/%25%32%65%25%32%65/a.txt", 404, b""),
        ("/%252e%252e/a.txt", 404, b""),
        ("/.%2e/a.txt", 400, b""),
        ("/dir/.%2E/a.txt", 200, b"0123456789"),
        ("/dir/..;/a.txt", 404, b""),
        ("/a.txt%0a", 400, b""),
        ("/a.txt%20", 404, b""),
        ("/a.txt.", 404, b""),
        ("/A.TXT", 404, b""),
        ("/%c0%ae%c0%ae/a.txt", 404, b""),
        # links
        ("/inside.txt", 200, b"0123456789"),
        ("/out.txt", 403, b""),
        ("/far.txt", 403, b""),
        ("/linked/shared.txt", 200, b"shared"),
        ("/linked/run.php", 200, b"also runs"),
        ("/linked/../../outside.txt", 400, b""),
        ("/source.txt", 403, b""),
        ("/picture.php", 403, b""),
        ("/shown.txt", 404, b""),
        ("/loop", 403, b""),
        ("/fifo.txt", 403, b""),
        # hidden, copies, source
        ("/.env", 404, b""),
        ("/.git/config", 404, b""),
        ("/%2egit/config", 404, b""),
        ("/.well-known/token", 200, b"token"),
        ("/notes.txt~", 404, b""),
        ("/page.php.bak", 404, b""),
        ("/code.inc", 403, b""),
        ("/UPPER.PHP", 403, b""),
        ("/variant.php.txt", 403, b""),
        ("/old.PHP7", 403, b""),
        ("/lib.phtml", 403, b""),
        ("/pack.phar", 403, b""),
        ("/show.phps", 403, b""),
        ("/config.php-old", 403, b""),
        ("/config.php_", 403, b""),
        ("/swap.swp", 404, b""),
        ("/saved.orig", 404, b""),
        # only the end of a segment makes a script, in ASCII and with its case
        ("/photos.php.php/avatar.jpg", 200, b"jpg"),
        ("/php/readme", 200, b"readme"),
        ("/a.txt/x.php", 404, b""),
        ("/inside.txt/x.php/y", 404, b""),
        ("/index.%EF%BD%90hp", 404, b""),
        ("/index.PHP", 404, b""),
        ("/index.php%20", 404, b""),
        ("/index.php.", 404, b""),
        ("/index.php;x", 404, b""),
        ("/index.php/.hidden", 200, b"[/.hidden]"),
        # denied
        ("/uploads/ok.txt", 200, b"ok"),
        ("/uploads/evil.php", 403, b""),
        ("/uploads/evil.php/x", 403, b""),
        ("/uploads/%65vil.php", 403, b""),
        ("/private", 403, b""),
        ("/private/x.txt", 403, b""),
        ("/private/none", 403, b""),
        # PATH_INFO and rules
        ("/index.php/a/b%20c", 200, b"[/a/b c]"),
        ("/index.php/", 200, b"[/]"),
        ("/index.php/x.php", 200, b"[/x.php]"),
        ("/rule/index", 200, b"front /rule/index []"),
        ("/rule/none", 404, b""),
    )

    def test_each_path_is_answered_as_the_table_says(self):
        for path, status, part in self.TABLE:
            with self.subTest(path=path):
                response = ask(FRONT, path)
                self.assertEqual(response.status, status)
                self.assertIn(part, response.body)
                self.assertNotIn(b"<?php", response.body)
                self.assertNotIn(b"secret", response.body.lower())
                self.assertRegex(response.headers["x-request-id"], "^[0-9a-f]{16}$")

    def test_a_directory_without_its_slash_is_redirected_by_path_alone(self):
        response = ask(FRONT, "/dir?a=b")
        self.assertEqual((response.status, response.headers["location"]), (301, "/dir/?a=b"))
        response = ask(FRONT, "//name%20with%20space")
        self.assertEqual((response.status, response.headers["location"]), (301, "/name%20with%20space/"))

    def test_a_front_controller_answers_what_no_file_does(self):
        for path, part in (("/wiki/page?x=1", b"front /wiki/page?x=1 []"), ("/dir/", b"index of dir"), ("/a.txt", b"0123456789"),
                           ("/app/", b"app index"), ("/uploads/", b"front /uploads/ []"), ("/dir/none", b"front /dir/none []")):
            self.assertIn(part, ask(FRONT, path, host="front.test").body)
        self.assertEqual(ask(FRONT, "/.env", host="front.test").status, 404)

    def test_hosts_choose_the_site(self):
        for host, status in (
            ("example.org", 200), ("EXAMPLE.org:80", 200), ("example.org.", 200), ("a.b.example.org", 200),
            ("other.org", 404), ("badexample.org", 404), ("gone.test", 200),
        ):
            with self.subTest(host=host):
                self.assertEqual(ask(FRONT, "/a.txt", host=host).status, status)

    def test_a_pool_that_is_not_there_is_a_503_that_says_when_to_retry(self):
        response = ask(FRONT, "/info.php", host="gone.test")
        self.assertEqual(response.status, 503)
        self.assertIn("retry-after", response.headers)
        self.assertIn(response.headers["x-request-id"].encode(), response.body)
        self.assertIn(response.headers["x-request-id"], FRONT.proxy.messages_text())


class Variables(unittest.TestCase):
    def test_the_script_sees_the_closed_set(self):
        headers = (
            "Proxy: http://evil", "X_Under: 1", "PHP_VALUE: a=b", "X-Two: 1", "x-two: 2", "Cookie: a=1", "Cookie: b=2",
            "Authorization: Basic dTpw", "X-Request-Id: mine", "Content-Type: text/x-y",
        )
        response = ask(FRONT, "/info.php/p%61th?q=%41&b", "POST", headers, b"12345")
        v = json.loads(response.body)
        for name, value in {
            "REQUEST_METHOD": "POST", "REQUEST_URI": "/info.php/p%61th?q=%41&b", "QUERY_STRING": "q=%41&b",
            "SCRIPT_NAME": "/info.php", "PATH_INFO": "/path", "CONTENT_LENGTH": "5", "CONTENT_TYPE": "text/x-y",
            "SCRIPT_FILENAME": FRONT.docroot + "/info.php", "DOCUMENT_ROOT": FRONT.docroot,
            "PATH_TRANSLATED": FRONT.docroot + "/path", "SERVER_NAME": "example.org", "HTTP_HOST": "example.org",
            "SERVER_PORT": str(FRONT.proxy.port), "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
            "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_SCHEME": "http", "HTTP_X_TWO": "1, 2", "HTTP_COOKIE": "a=1; b=2",
            "HTTP_AUTHORIZATION": "Basic dTpw", "HTTP_X_REQUEST_ID": response.headers["x-request-id"],
        }.items():
            self.assertEqual(v.get(name), value, name)
        for name in ("HTTP_PROXY", "HTTP_X_UNDER", "PHP_VALUE", "HTTP_PHP_VALUE", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"):
            self.assertNotIn(name, v)

    def test_a_switched_link_takes_effect_after_a_moment(self):
        for name in ("one", "two"):
            FRONT.write(f"releases/{name}/v.txt", name)
        current = os.path.join(FRONT.base, "current")
        os.symlink("releases/one", current)
        FRONT.write("conf/conf.d/deploy.conf", f'root = "{current}"; site: {{ hosts = [ "deploy.test" ]; }};\n')
        FRONT.proxy.reload()
        self.assertEqual(ask(FRONT, "/v.txt", host="deploy.test").body, b"one")
        os.symlink("releases/two", current + ".new")
        os.replace(current + ".new", current)
        time.sleep(0.2)
        self.assertEqual(ask(FRONT, "/v.txt", host="deploy.test").body, b"two")


    def test_a_link_that_is_switched_under_load_costs_no_request(self):
        for name in ("one", "two"):
            FRONT.write(f"www/releases/{name}/v.txt", name)
            FRONT.write(f"www/releases/{name}/v.php", f"<?php echo '{name}';")
        live = os.path.join(FRONT.base, "www/live")
        os.symlink("releases/one", live)
        os.symlink("site.sock", os.path.join(FRONT.socket_dir, "live.sock"))
        FRONT.write("conf/conf.d/live.conf", f'root = "{FRONT.base}/www"; site: {{ docroot = "live"; hosts = [ "live.test" ]; }};\n')
        FRONT.proxy.reload()
        wrong, n, stop = [], [0], threading.Event()

        def visit(path):
            client = Client(FRONT)
            while not stop.is_set():
                client.send(f"GET {path} HTTP/1.1\r\nHost: live.test\r\n\r\n".encode())
                response = client.read()
                n[0] += 1
                if (response.status, response.body) not in ((200, b"one"), (200, b"two")):
                    wrong.append((path, response.status, response.body))
            client.close()

        threads = [threading.Thread(target=visit, args=(path,)) for path in ("/v.txt", "/v.php") * 3]
        for thread in threads:
            thread.start()
        for i in range(20):
            name = ("two", "one")[i % 2]
            os.symlink("releases/" + name, live + ".new")
            os.replace(live + ".new", live)
            time.sleep(0.15)
            self.assertEqual(ask(FRONT, "/v.txt", host="live.test").body, name.encode())
            self.assertEqual(ask(FRONT, "/v.php", host="live.test").body, name.encode())
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertGreater(n[0], 100)


class Files(unittest.TestCase):
    def test_validators_give_304(self):
        first = ask(FRONT, "/a.txt")
        etag, date = first.headers["etag"], first.headers["last-modified"]
        self.assertEqual(first.headers["x-content-type-options"], "nosniff")
        self.assertEqual(first.headers["content-type"], "text/plain; charset=utf-8")
        for header, status in (
            (f"If-None-Match: {etag}", 304), (f'If-None-Match: "x", W/{etag}', 304), ("If-None-Match: *", 304),
            ('If-None-Match: "x"', 200), (f"If-Modified-Since: {date}", 304),
            ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 200), ("If-Modified-Since: yesterday", 200),
            (f'If-None-Match: "x"\r\nIf-Modified-Since: {date}', 200),
        ):
            with self.subTest(header=header):
                response = ask(FRONT, "/a.txt", headers=(header,))
                self.assertEqual((response.status, response.body), (status, b"" if status == 304 else b"0123456789"))

    def test_one_range_is_served(self):
        etag = ask(FRONT, "/a.txt").headers["etag"]
        for header, status, body in (
            ("Range: bytes=2-4", 206, b"234"), ("Range: bytes=7-", 206, b"789"), ("Range: bytes=-3", 206, b"789"),
            ("Range: bytes=0-99", 206, b"0123456789"), ("Range: bytes=10-", 416, b""), ("Range: bytes=-0", 416, b""),
            ("Range: bytes=4-2", 200, b"0123456789"),
            ("Range: lines=1-2", 200, b"0123456789"), (f"Range: bytes=2-4\r\nIf-Range: {etag}", 206, b"234"),
            ('Range: bytes=2-4\r\nIf-Range: "other"', 200, b"0123456789"),
        ):
            with self.subTest(header=header):
                response = ask(FRONT, "/a.txt", headers=(header,))
                self.assertEqual((response.status, response.body), (status, body))

    def test_a_date_is_no_reason_for_a_range_before_its_second_is_over(self):
        for name, seconds, status in (("aged.txt", -10, 206), ("fresh.txt", 1000, 200)):
            FRONT.write("www/public/" + name, "0123456789")
            when = int(time.time()) + seconds
            os.utime(os.path.join(FRONT.docroot, name), (when, when))
            date = ask(FRONT, "/" + name).headers["last-modified"]
            self.assertEqual(ask(FRONT, "/" + name, headers=("Range: bytes=2-4", f"If-Range: {date}")).status, status)

    def parts(self, header):
        response = ask(FRONT, "/a.txt", headers=("Range: bytes=" + header,))
        self.assertEqual(response.status, 206)
        kind, boundary = response.headers["content-type"].split("; boundary=")
        self.assertEqual(kind, "multipart/byteranges")
        pieces = response.body.split(b"\r\n--" + boundary.encode())
        self.assertEqual((pieces[0], pieces[-1]), (b"", b"--\r\n"))
        found = []
        for piece in pieces[1:-1]:
            head, body = piece.split(b"\r\n\r\n")
            self.assertIn(b"\r\nContent-Type: text/plain; charset=utf-8", head)
            found.append((head.split(b"Content-Range: bytes ")[1], body))
        return found

    def test_a_few_ranges_are_served_in_parts(self):
        self.assertEqual(self.parts("0-1,3-4"), [(b"0-1/10", b"01"), (b"3-4/10", b"34")])
        self.assertEqual(self.parts("-1, 2-2 ,0-0"), [(b"9-9/10", b"9"), (b"2-2/10", b"2"), (b"0-0/10", b"0")])
        # those that do not exist are left out
        self.assertEqual(self.parts("0-0,10-,5-5"), [(b"0-0/10", b"0"), (b"5-5/10", b"5")])
        response = ask(FRONT, "/a.txt", headers=("Range: bytes=0-0,20-",))
        self.assertEqual((response.status, response.headers["content-range"], response.body), (206, "bytes 0-0/10", b"0"))
        self.assertEqual(ask(FRONT, "/a.txt", headers=("Range: bytes=10-,20-30",)).status, 416)

    def test_too_many_ranges_or_too_much_give_the_whole_file(self):
        for header in (",".join(["0-0"] * 17), "0-9,0-9", "0-7,2-9", "0-1,x", "0-1,3-2", ",".join(["0-"] * 9), "", ","):
            with self.subTest(header=header):
                response = ask(FRONT, "/a.txt", headers=("Range: bytes=" + header,))
                self.assertEqual((response.status, response.body), (200, b"0123456789"))

    def test_head_has_the_length_and_no_body(self):
        response = ask(FRONT, "/a.txt", "HEAD")
        self.assertEqual((response.status, response.headers["content-length"], response.rest), (200, "10", b""))
        self.assertEqual(ask(FRONT, "/empty.html").body, b"")

    def test_a_file_that_shrinks_while_it_is_sent_ends_the_connection(self):
        path = os.path.join(FRONT.docroot, "shrinks.bin")
        with open(path, "wb") as f:
            f.truncate(64 << 20)
        client = Client(FRONT)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(b"GET /shrinks.bin HTTP/1.1\r\nHost: example.org\r\n\r\n")
        client.more()  # it is open
        os.truncate(path, 1 << 20)
        with self.assertRaises(Closed):
            client.read()
        client.close()
        os.unlink(path)
        self.assertEqual(ask(FRONT, "/a.txt").status, 200)

    def test_a_range_that_does_not_exist_says_how_long_the_file_is(self):
        response = ask(FRONT, "/a.txt", headers=("Range: bytes=10-",))
        self.assertEqual((response.status, response.headers["content-range"]), (416, "bytes */10"))

    def test_devices_sockets_and_fifos_are_refused(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(os.path.join(FRONT.docroot, "socket.txt"))
            for path in ("/socket.txt", "/fifo.txt", "/fifo.txt/x"):
                self.assertIn(ask(FRONT, path).status, (403, 404))

    def test_other_methods_are_refused_for_a_file(self):
        response = ask(FRONT, "/a.txt", "POST", body=b"x")
        self.assertEqual((response.status, response.headers["allow"]), (405, "GET, HEAD"))

    def test_a_large_file_comes_whole(self):
        data = os.urandom(1 << 20) * 20
        with open(os.path.join(FRONT.docroot, "large.bin"), "wb") as f:
            f.write(data)
        self.assertEqual(ask(FRONT, "/large.bin").body, data)


class Bodies(unittest.TestCase):
    def test_an_upload_comes_back(self):
        data = os.urandom(1 << 20) * 20
        for size in (0, 1, 65535, 65536, 65537, len(data)):
            self.assertEqual(ask(FRONT, "/echo.php", "POST", ("X: y",), data[:size]).body, data[:size])

    def test_a_chunked_body_gets_a_real_length(self):
        client = Client(FRONT)
        client.send(b"POST /echo.php HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n")
        pieces = [os.urandom(n) for n in (1, 10, 70000, 300000)]
        for piece in pieces:
            client.send(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece))
        # the next request comes in the same segment as the end of the body
        client.send(b"0\r\nTrailer: x\r\n\r\nGET /info.php HTTP/1.1\r\nHost: example.org\r\nX-Next: yes\r\n\r\n")
        self.assertEqual(client.read().body, b"".join(pieces))
        v = json.loads(client.read().body)
        self.assertEqual(v["HTTP_X_NEXT"], "yes")
        self.assertNotIn("HTTP_TRAILER", v)
        client.close()

    def test_a_download_comes_whole_for_a_slow_client(self):
        client = Client(FRONT)
        client.send(b"GET /big.php HTTP/1.1\r\nHost: example.org\r\n\r\n")
        time.sleep(0.5)
        self.assertEqual(ask(FRONT, "/index.php").status, 200)
        wanted = b"".join(bytes([65 + i % 26]) * 65536 for i in range(20 * 16))
        self.assertEqual(hashlib.sha1(client.read().body).hexdigest(), hashlib.sha1(wanted).hexdigest())
        client.close()

    def test_100_continue_comes_before_the_body_and_not_for_what_is_refused(self):
        client = Client(FRONT)
        head = "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
        client.send((head % ("/echo.php", "example.org", 5)).encode())
        self.assertEqual(client.line(), b"HTTP/1.1 100 Continue")
        self.assertEqual(client.line(), b"")
        client.send(b"hello")
        self.assertEqual(client.read().body, b"hello")
        client.close()
        for path, host, status in (("/none", "example.org", 404), ("/echo.php", "fake.test", 413)):
            client = Client(FRONT)
            client.send((head % (path, host, 5000)).encode())
            self.assertTrue(client.line().startswith(b"HTTP/1.1 %d" % status))
            client.close()

    def test_a_body_over_the_limit_is_refused_while_it_comes(self):
        client = Client(FRONT)
        client.send(b"POST /echo.php HTTP/1.1\r\nHost: fake.test\r\nTransfer-Encoding: chunked\r\n\r\n" + b"800\r\n" + b"x" * 2048)
        response = client.read()
        self.assertEqual((response.status, response.headers["connection"]), (413, "close"))
        client.close()


class Answers(unittest.TestCase):
    def test_status_and_framing(self):
        for code in (200, 201, 404, 500):
            response = ask(FRONT, f"/status.php?code={code}")
            self.assertEqual((response.status, response.body), (code, b"body"))
        for code in (204, 304):
            response = ask(FRONT, f"/status.php?code={code}")
            self.assertEqual((response.status, response.rest), (code, b""))
        response = ask(FRONT, "/status.php?code=205")
        self.assertEqual((response.status, response.headers["content-length"], response.rest), (205, "0", b""))
        self.assertEqual(ask(FRONT, "/status.php?code=302&to=/x").headers["location"], "/x")

    def test_head_of_a_script_has_no_body(self):
        client = Client(FRONT)
        client.send(b"HEAD /index.php HTTP/1.1\r\nHost: example.org\r\n\r\nGET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
        self.assertEqual(client.read("HEAD").status, 200)
        self.assertEqual(client.read().body, b"0123456789")
        client.close()

    def test_a_flush_arrives_at_once(self):
        client = Client(FRONT)
        client.send(f"GET /pieces.php?wait={FRONT.base}/go-on HTTP/1.1\r\nHost: example.org\r\n\r\n".encode())
        while b"one" not in client.bytes:
            client.more()
        FRONT.write("go-on", "")
        self.assertEqual(client.read().body, b"onetwo")
        client.close()

    @unittest.skipUnless("PHP_POOLD" in os.environ, "php-fpm has no headers_send()")
    def test_early_hints_of_a_script_arrive_at_once_if_the_client_can_take_them(self):
        client = Client(FRONT)
        client.send(f"GET /hints.php?wait={FRONT.base}/go-on-then HTTP/1.1\r\nHost: example.org\r\n\r\n".encode())
        self.assertEqual(client.line(), b"HTTP/1.1 103 Early Hints")
        self.assertEqual((client.line(), client.line()), (b"Link: </a.css>; rel=preload", b""))
        FRONT.write("go-on-then", "")
        response = client.read()
        self.assertEqual((response.status, response.body, response.headers["x-later"]), (200, b"1", "b"))
        self.assertEqual(response.headers["link"], "</a.css>; rel=preload")
        client.send(b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
        self.assertEqual(client.read().body, b"0123456789", "the connection goes on")
        client.send(b"GET /hints.php HTTP/1.0\r\nHost: example.org\r\n\r\n")
        response = client.read()
        self.assertEqual((client.interim, response.status, response.body), ([], 200, b"0"))
        client.close()

    def test_more_than_the_promised_length_is_cut_and_less_ends_the_connection(self):
        self.assertEqual(ask(FRONT, "/long.php").body, b"long")
        try:
            self.assertEqual(ask(FRONT, "/short.php").status, 502)
        except Closed:
            pass  # its head had been sent before

    def test_http_1_0(self):
        client = Client(FRONT)
        client.send(b"GET /pieces.php HTTP/1.0\r\nHost: example.org\r\n\r\n")
        response = client.read()
        self.assertEqual(response.body, b"onetwo")
        self.assertNotIn("transfer-encoding", response.headers)
        client.close()
        client = Client(FRONT)
        client.send(b"GET /a.txt HTTP/1.0\r\nHost: example.org\r\nConnection: keep-alive\r\n\r\n" * 2)
        self.assertEqual(client.read().headers["connection"], "keep-alive")
        self.assertEqual(client.read().body, b"0123456789")
        client.close()


class Connections(unittest.TestCase):
    def test_a_connection_serves_many_requests_and_pipelined_ones_in_order(self):
        client = Client(FRONT)
        for i in range(50):
            client.send(b"GET /index.php?%d HTTP/1.1\r\nHost: example.org\r\n\r\n" % i)
            self.assertIn(b"?%d " % i, client.read().body)
        client.send(b"".join(b"GET /%s?%d HTTP/1.1\r\nHost: example.org\r\n\r\n" % ((b"index.php", b"a.txt")[i % 2], i) for i in range(40)))
        for i in range(40):
            body = client.read().body
            self.assertEqual(body, b"0123456789" if i % 2 else b"front /index.php?%d []" % i)
        client.close()

    def trickle(self, client):
        """Sends bytes until the proxy has had enough; whether it ever has."""
        begin = time.monotonic()
        while time.monotonic() - begin < 15:
            if select.select([client.socket], [], [], 0.1)[0]:
                return True
            client.send(b"p")
        return False

    def test_slow_heads_are_cut_off_while_others_are_served(self):
        slow = [Client(FRONT) for _ in range(50)]
        for client in slow:
            client.send(b"GET /index.php HTTP/1.1\r\nHost: exam")
        for _ in range(10):
            self.assertEqual(ask(FRONT, "/index.php").status, 200)
        self.assertTrue(self.trickle(slow[0]), "a trickle does not prolong it")
        for client in slow:
            self.assertEqual(client.read().status, 408)
            client.close()

    def test_a_body_that_trickles_is_cut_off(self):
        client = Client(FRONT)
        client.send(b"POST /echo.php HTTP/1.1\r\nHost: example.org\r\nContent-Length: 1000\r\n\r\n")
        self.assertTrue(self.trickle(client))
        self.assertEqual(client.read().status, 408)
        client.close()

    def test_a_silent_body_is_cut_off_and_reaches_no_pool(self):
        client = Client(FRONT)
        client.send(b"POST /echo.php HTTP/1.1\r\nHost: example.org\r\nContent-Length: 10\r\n\r\nhalf")
        self.assertEqual(client.read().status, 408)
        client.close()

    def test_many_clients_at_once(self):
        failures = []

        def work(n):
            try:
                client = Client(FRONT)
                for i in range(30):
                    body = b"%d-%d-" % (n, i) * 100
                    client.send(b"POST /echo.php HTTP/1.1\r\nHost: example.org\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                    if client.read().body != body:
                        failures.append((n, i))
                client.close()
            except Exception as e:  # noqa: BLE001
                failures.append((n, repr(e)))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_clients_that_leave_in_the_middle_do_no_harm(self):
        for data in (
            b"", b"GET", b"GET /pieces.php HTTP/1.1\r\nHost: example.org\r\n\r\n", b"GET /big.php HTTP/1.1\r\nHost: example.org\r\n\r\n",
            b"POST /echo.php HTTP/1.1\r\nHost: example.org\r\nContent-Length: 100\r\n\r\nx",
        ):
            for linger in (False, True):
                client = Client(FRONT)
                client.send(data)
                time.sleep(0.05)
                if linger:  # reset instead of an orderly end
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()
        self.assertEqual(ask(FRONT, "/index.php").status, 200)


class Reload(unittest.TestCase):
    def test_a_broken_file_refuses_the_reload_and_the_old_configuration_serves(self):
        FRONT.write("conf/conf.d/bad.conf", "root = ;\n")
        self.assertIn("refused", FRONT.proxy.reload())
        self.assertEqual(ask(FRONT, "/a.txt").status, 200)
        FRONT.write("conf/conf.d/bad.conf", f'root = "{FRONT.base}/www"; site: {{ hosts = [ "new.test" ]; docroot = "public"; }};\n')
        self.assertNotIn("refused", FRONT.proxy.reload())
        self.assertEqual(ask(FRONT, "/a.txt", host="new.test").status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=1)
