# SPDX-License-Identifier: MIT
"""Raw bytes to php-pool-proxy: what is answered, and whether the connection ends with it.

The framing cases are those by which requests were smuggled past other fronts;
after each refusal nothing that follows may be taken for a request.
"""

import json
import os
import re
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import Client, Closed, Front, ask  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
FRONT = Front(PROGRAM)

H = b"Host: example.org\r\n"
GET = b"GET /a.txt HTTP/1.1\r\n"
POST = b"POST /a.txt HTTP/1.1\r\n" + H
NEXT = b"GET /dir/ HTTP/1.1\r\nHost: example.org\r\n\r\n"
END = b"\r\n"


def setUpModule():
    FRONT.start()


def tearDownModule():
    status = FRONT.stop()
    text = FRONT.proxy.messages_text()
    FRONT.remove()
    assert status == 0, f"the proxy ended with {status}: {text}"
    assert "Sanitizer" not in text and "runtime error" not in text, text


# bytes, status
REFUSED = (
    # request line
    (b"\r\r\n\r\n", 400),
    (b"GET\r\n\r\n", 400),
    (b"GET /a.txt\r\n\r\n", 400),
    (b"GET  /a.txt HTTP/1.1\r\n" + H + END, 400),
    (b"GET /a.txt  HTTP/1.1\r\n" + H + END, 400),
    (b"GET\t/a.txt HTTP/1.1\r\n" + H + END, 400),
    (b" GET /a.txt HTTP/1.1\r\n" + H + END, 400),
    (b"\tGET /a.txt HTTP/1.1\r\n" + H + END, 400),
    (b"M" * 33 + b" /a.txt HTTP/1.1\r\n" + H + END, 501),
    (b"GET /a.txt HTTP/1.10\r\n" + H + END, 400),
    (b"GET /a.txt HTTP/01.1\r\n" + H + END, 400),
    (b"GET /a.txt HTTP/0.9\r\n" + H + END, 505),
    (b"GET //example.org/a.txt\r\n" + H + END, 400),
    (b"GET http:///a.txt HTTP/1.1\r\n" + H + END, 400),
    (b"GET http://a@b/a.txt HTTP/1.1\r\n" + H + END, 400),
    (b"GET ftp://example.org/ HTTP/1.1\r\n" + H + END, 400),
    (b"GET /a b HTTP/1.1\r\n" + H + END, 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    (b"GET /a.txt HTTP/1.1 \r\n" + H + END, 400),
    (b"GET a.txt HTTP/1.1\r\n" + H + END, 400),
    (b"GET /a\\b HTTP/1.1\r\n" + H + END, 400),
    (b"GET /a#b HTTP/1.1\r\n" + H + END, 400),
    (b"GET /a\x7f HTTP/1.1\r\n" + H + END, 400),
    (b"GET /a\x00 HTTP/1.1\r\n" + H + END, 400),
    (b"G(T /a.txt HTTP/1.1\r\n" + H + END, 400),
    (b"GET /a.txt HTTP/2.0\r\n" + H + END, 505),
    (b"GET /a.txt HTTP/1.2\r\n" + H + END, 505),
    (b"GET /a.txt http/1.1\r\n" + H + END, 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"CONNECT example.org:80 HTTP/1.1\r\n" + H + END, 405),
    (b"TRACE /a.txt HTTP/1.1\r\n" + H + END, 405),
    (b"GET * HTTP/1.1\r\n" + H + END, 400),
    # line ends
    (b"GET /a.txt HTTP/1.1\nHost: example.org\n\n", 400),
    (GET + b"Host: example.org\n\r\n", 400),
    (GET + H + b"A: b\rC: d\r\n\r\n", 400),
    (GET + H + b"\rX\r\n\r\n", 400),
    # fields
    (GET + END, 400),
    (GET + H + H + END, 400),
    (GET + b"Host: a b\r\n\r\n", 400),
    (GET + b"Host: a@b\r\n\r\n", 400),
    (GET + b"Host: a/b\r\n\r\n", 400),
    (GET + b"Host: a:b\r\n\r\n", 400),
    (GET + b"Host: a:99999\r\n\r\n", 400),
    (GET + b"Host: a,b\r\n\r\n", 400),
    (GET + b"Host: a\\b\r\n\r\n", 400),
    (GET + b"Host: [::1\r\n\r\n", 400),
    (GET + b"Host: [::g]\r\n\r\n", 400),
    (GET + b"Host: ::1\r\n\r\n", 400),
    (GET + b"Host: a:0\r\n\r\n", 400),
    (GET + b"Host: a:65536\r\n\r\n", 400),
    (GET + b"Host: a:+80\r\n\r\n", 400),
    (GET + b"Host: " + b"a." * 130 + b"\r\n\r\n", 400),
    (GET + b"Host: a..b\r\n\r\n", 400),
    (GET + b"Host: a%2eb\r\n\r\n", 400),
    (GET + H + b"A : b\r\n\r\n", 400),
    (GET + H + b" A: b\r\n\r\n", 400),
    (GET + H + b"A: b\r\n folded\r\n\r\n", 400),
    (GET + H + b": b\r\n\r\n", 400),
    (GET + H + b"A\r\n\r\n", 400),
    (GET + H + b"A: b\0\r\n\r\n", 400),
    (GET + H + b"A(: b\r\n\r\n", 400),
    (GET + H + b"A\0: b\r\n\r\n", 400),
    (GET + H + b"A\rB: b\r\n\r\n", 400),
    (GET + H + b"A\nB: b\r\n\r\n", 400),
    (GET + H + b"A\xa0: b\r\n\r\n", 400),
    (GET + H + b"A: b\x7f\r\n\r\n", 400),
    (GET + H + b"Connection: " + b"a, " * 20 + b"close\r\n\r\n", 400),
    (GET + H + b"Expect: 200-ok\r\n\r\n", 417),
    (GET + H + b"A: " + b"x" * 40000 + b"\r\n\r\n", 431),
    (GET + H + b"A: b\r\n" * 200 + END, 431),
    (b"GET /" + b"x" * 40000 + b" HTTP/1.1\r\n" + H + END, 414),
    (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n" + H + b"Connection: close\r\n" + END, 414),
    # lengths
    (POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (POST + b"Content-Length: +1\r\n\r\nx", 400),
    (POST + b"Content-Length: -1\r\n\r\nx", 400),
    (POST + b"Content-Length: 0x1\r\n\r\nx", 400),
    (POST + b"Content-Length: 1,1\r\n\r\nx", 400),
    (POST + b"Content-Length: 1 1\r\n\r\nx", 400),
    (POST + b"Content-Length: 1_0\r\n\r\nx", 400),
    (POST + b"Content-Length:\r\n\r\nx", 400),
    (POST + b"Content-Length:  \r\n\r\nx", 400),
    (POST + b"Content-Length: 1 \r\n\r\nx", 400),
    (POST + b"Content-Length: \t1\r\n\r\nx", 400),
    (POST + b"Content-Length: 1\t\r\n\r\nx", 400),
    (POST + b"Content-Length : 1\r\n\r\nx", 400),
    (POST + b"Content-Length: 1e0\r\n\r\nx", 400),
    (POST + b"Content-Length: 9223372036854775808\r\n\r\nx", 400),
    (POST + b"Content-Length: 18446744073709551617\r\n\r\nx", 400),
    (POST + b"Content-Length: 99999999999999999999\r\n\r\nx", 400),
    (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
)

# Transfer-Encoding values: none of them is chunked, and nothing that follows is a request
CODINGS = (b"identity", b"chunked, chunked", b"gzip, chunked", b",chunked", b"chunked,", b"x", b"", b"\xa0chunked", b"chunked\x85", b"chunked;q=1",
           b"\tchunked", b"chunked\t", b"chunked ", b"\x0bchunked", b"CHUNKED,", b"chunked, identity", b"deflate", b"'chunked'", b"chun ked")

# bodies of a chunked POST to a script
CHUNKS = (
    b"g\r\n", b"-1\r\n", b"0x1\r\nx\r\n", b" 1\r\nx\r\n", b"1 \r\nx\r\n", b"1\nx\r\n", b"1\r\nxy\r\n", b"1\r\nx\n", b"\r\n",
    b"10000000000000000\r\n", b"00000000000000001\r\nx\r\n", b"ffffffffffffffff\r\nx\r\n", b"8000000000000000\r\nx\r\n", b"1\r\nx\r\r\n",
    b"1\rx\r\n", b"1\r\nx0\r\n\r\n", b"1;a\rb\r\nx\r\n", b"1;a\0\r\nx\r\n", b"1\t\r\nx\r\n", b"0\r\nA\r\n\r\n", b"0\r\nA : b\r\n\r\n", b"0\r\n: b\r\n\r\n", b"0\r\n\rX", b"1;a\nb\r\nx\r\n", b"1;" + b"a" * 1000 + b"\r\nx\r\n", b"0\r\nA: b\n\r\n", b"0\r\n a\r\n\r\n",
    b"0\r\n" + b"A: b\r\n" * 2000 + b"\r\n",
)


class Refusals(unittest.TestCase):
    def refuse(self, data, statuses):
        client = Client(FRONT, 5)
        try:
            client.send(data + NEXT)
            response = client.read("HEAD" if data.startswith(b"HEAD") else "GET")
            self.assertIn(response.status, statuses)
            self.assertEqual(response.headers.get("connection"), "close")
            self.assertTrue(client.ended(), "the connection ends")
            self.assertNotIn(b"index of dir", response.rest)
        finally:
            client.close()

    def test_each_is_refused_and_ends_the_connection(self):
        for data, status in REFUSED:
            with self.subTest(data=data[:100]):
                self.refuse(data, (status,))

    def test_transfer_codings_other_than_chunked_are_refused(self):
        for coding in CODINGS:
            with self.subTest(coding=coding):
                self.refuse(POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n", (400, 501))
        self.refuse(POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n", (400, 501))
        self.refuse(b"POST /a.txt HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400, 501))

    def test_broken_chunks_are_refused(self):
        head = b"POST /index.php HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n"
        for chunk in CHUNKS:
            with self.subTest(chunk=chunk[:40]):
                self.refuse(head + chunk, (400,))

    def test_an_unread_body_is_not_taken_for_a_request(self):
        self.refuse(POST + b"Content-Length: %d\r\n\r\n" % len(NEXT), (405,))
        self.refuse(b"GET /none HTTP/1.1\r\n" + H + b"Content-Length: %d\r\n\r\n" % len(NEXT), (404,))
        self.refuse(b"GET /dir HTTP/1.1\r\n" + H + b"Content-Length: %d\r\n\r\n" % len(NEXT), (301,))
        self.refuse(b"GET /a.txt HTTP/1.1\r\n" + H + b"Content-Length: %d\r\n\r\n" % len(NEXT), (200,))


class Acceptance(unittest.TestCase):
    def variables(self, data):
        client = Client(FRONT)
        client.send(data)
        response = client.read()
        client.close()
        self.assertEqual(response.status, 200)
        return json.loads(response.body)

    def test_the_host_of_the_target_is_the_one_that_scripts_see(self):
        v = self.variables(b"GET http://Example.org:8080/info.php?a=b HTTP/1.1\r\nHost: other.org\r\n\r\n")
        self.assertEqual((v["HTTP_HOST"], v["SERVER_NAME"], v["REQUEST_URI"]), ("Example.org:8080", "example.org", "/info.php?a=b"))

    def test_what_belongs_to_the_connection_is_no_variable(self):
        v = self.variables(
            b"POST /info.php HTTP/1.1\r\n" + H + b"Connection: close, X-Listed, te\r\nX-Listed: 1\r\nTE: trailers\r\nTrailer: X-T\r\nUpgrade: h2c\r\n"
            b"Keep-Alive: 5\r\nProxy-Connection: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\nContent-Type: a/b\r\n\r\n"
            b"0\r\nX-Trailing: 1\r\nContent-Length: 5\r\n\r\n"
        )
        for name in ("CONNECTION", "X_LISTED", "TE", "TRAILER", "UPGRADE", "KEEP_ALIVE", "PROXY_CONNECTION", "EXPECT", "TRANSFER_ENCODING",
                     "CONTENT_TYPE", "CONTENT_LENGTH", "X_TRAILING"):
            self.assertNotIn("HTTP_" + name, v)
        self.assertEqual((v["CONTENT_TYPE"], v["CONTENT_LENGTH"]), ("a/b", "0"))

    def test_no_field_becomes_a_variable_that_is_not_its(self):
        names = ("PHP_VALUE", "PHP-VALUE", "PHP_ADMIN_VALUE", "PHP-ADMIN-VALUE", "SCRIPT-FILENAME", "Script_Filename", "REQUEST-BODY-FILE",
                 "REDIRECT-STATUS", "REDIRECT-URL", "DOCUMENT-ROOT", "Remote_User", "Remote-User", "HTTP-PROXY", "Proxy", "Path-Info", "X.Y", "X!Y")
        fields = "".join(f"{name}: memory_limit=1G\r\n" for name in names).encode()
        v = self.variables(b"GET /info.php HTTP/1.1\r\n" + H + fields + b"\r\n")
        wrong = {name for name, value in v.items() if value == "memory_limit=1G" and not name.startswith("HTTP_")}
        self.assertEqual(wrong, set())
        for name in ("PHP_VALUE", "PHP_ADMIN_VALUE", "REQUEST_BODY_FILE", "REDIRECT_URL", "REMOTE_USER", "HTTP_PROXY", "HTTP_X.Y"):
            self.assertNotIn(name, v)

    def test_a_body_that_was_announced_and_a_client_that_half_closes(self):
        client = Client(FRONT)
        client.send(b"POST /echo.php HTTP/1.1\r\n" + H + b"Content-Length: 10\r\n\r\nhalf")
        client.socket.shutdown(1)
        self.assertTrue(client.ended())
        client.close()

    def test_the_authority_of_the_target_beats_host(self):
        client = Client(FRONT)
        client.send(b"GET http://example.org/a.txt HTTP/1.1\r\nHost: other.org\r\n\r\n")
        self.assertEqual(client.read().body, b"0123456789")
        client.send(b"GET http://other.org/a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
        self.assertEqual(client.read().status, 404)
        client.close()

    def test_options_of_the_server(self):
        client = Client(FRONT)
        client.send(b"OPTIONS * HTTP/1.1\r\n" + H + END + NEXT)
        self.assertEqual(client.read().status, 204)
        self.assertEqual(client.read().body, b"index of dir")
        client.close()

    def test_a_refusal_of_the_path_keeps_the_connection(self):
        client = Client(FRONT)
        client.send(b"GET /%zz HTTP/1.1\r\n" + H + END + b"GET /none HTTP/1.1\r\n" + H + END + NEXT)
        self.assertEqual([client.read().status for _ in range(3)], [400, 404, 200])
        client.close()

    def test_a_request_in_single_bytes(self):
        client = Client(FRONT)
        for byte in GET + H + b"If-None-Match: x\r\n" + END:
            client.send(bytes([byte]))
        self.assertEqual(client.read().body, b"0123456789")
        client.close()

    def test_chunked_requests_that_are_sent_ahead(self):
        bodies = [os.urandom(size) for size in (1, 0, 5000, 70000, 3, 140000, 66000)]
        data = NEXT
        for body in bodies:
            data += b"POST /echo.php HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\nX-Fill: " + b"f" * 3000 + b"\r\n\r\n"
            for at in range(0, len(body), 40000):
                data += b"%x\r\n%s\r\n" % (len(body[at : at + 40000]), body[at : at + 40000])
            data += b"0\r\nX-Trailer: t\r\n\r\n" + NEXT
        for size in (len(data), 65536, 4096, 777):
            with self.subTest(size=size):
                client = Client(FRONT)
                self.addCleanup(client.close)
                sender = threading.Thread(target=lambda: [client.send(data[at : at + size]) for at in range(0, len(data), size)])
                sender.start()
                self.assertEqual(client.read().body, b"index of dir")
                for body in bodies:
                    self.assertEqual(client.read().body, body)
                    self.assertEqual(client.read().body, b"index of dir")
                sender.join()
                self.assertEqual(client.bytes, b"")

    def memory(self):
        """Bytes that the proxy's processes have for themselves."""
        total = 0
        for pid in FRONT.proxy.pids():
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                total += int(re.search(r"RssAnon:\s+(\d+) kB", f.read())[1]) * 1024
        return total

    def test_a_connection_that_waits_keeps_no_buffers(self):
        with open(PROGRAM, "rb") as f:
            if b"__asan_init" in f.read():
                self.skipTest("a sanitizer keeps what is freed")
        request = b"GET /info.php HTTP/1.1\r\n" + H + b"X-Fill: " + b"f" * 20000 + b"\r\n\r\n"
        clients = []

        def more(n):
            for _ in range(n):
                client = Client(FRONT)
                self.addCleanup(client.close)
                client.send(request)
                self.assertGreater(len(client.read().body), 20000)
                clients.append(client)

        more(20)
        before = self.memory()
        more(150)
        grown = (self.memory() - before) / 150
        for client in clients[20:]:  # all were there
            client.send(NEXT)
            self.assertEqual(client.read().body, b"index of dir")
        self.assertLess(grown, 4096)

    def test_silence_ends_the_connection_without_a_word(self):
        client = Client(FRONT)
        begin = time.monotonic()
        self.assertTrue(client.ended())
        self.assertLess(time.monotonic() - begin, 10)
        client.close()

    def test_garbage_harms_nobody(self):
        for data in (os.urandom(100000), b"\0" * 100000, b"\r\n" * 50000, b"\x16\x03\x01" + os.urandom(500)):
            client = Client(FRONT, 10)
            try:
                client.send(data)
                client.read()
            except (Closed, OSError):
                pass
            client.close()
        self.assertEqual(ask(FRONT, "/a.txt").status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=1)
