# SPDX-License-Identifier: MIT
"""Raw bytes to php-pool-proxy: what is answered, and whether the connection ends with it.

The framing cases are those by which requests were smuggled past other fronts;
after each refusal nothing that follows may be taken for a request.
"""

import os
import sys
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
    FRONT.proxy.start()


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
    (GET + H + b"A : b\r\n\r\n", 400),
    (GET + H + b" A: b\r\n\r\n", 400),
    (GET + H + b"A: b\r\n folded\r\n\r\n", 400),
    (GET + H + b": b\r\n\r\n", 400),
    (GET + H + b"A\r\n\r\n", 400),
    (GET + H + b"A: b\0\r\n\r\n", 400),
    (GET + H + b"A(: b\r\n\r\n", 400),
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
    (POST + b"Content-Length: 99999999999999999999\r\n\r\nx", 400),
    (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
)

# Transfer-Encoding values: none of them is chunked, and nothing that follows is a request
CODINGS = (b"identity", b"chunked, chunked", b"gzip, chunked", b",chunked", b"chunked,", b"x", b"", b"\xa0chunked", b"chunked\x85", b"chunked;q=1")

# bodies of a chunked POST to a script
CHUNKS = (
    b"g\r\n", b"-1\r\n", b"0x1\r\nx\r\n", b" 1\r\nx\r\n", b"1 \r\nx\r\n", b"1\nx\r\n", b"1\r\nxy\r\n", b"1\r\nx\n", b"\r\n",
    b"10000000000000000\r\n", b"1;a\nb\r\nx\r\n", b"1;" + b"a" * 1000 + b"\r\nx\r\n", b"0\r\nA: b\n\r\n", b"0\r\n a\r\n\r\n",
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

    def test_silence_ends_the_connection_without_a_word(self):
        client = Client(FRONT)
        begin = time.monotonic()
        self.assertTrue(client.ended())
        self.assertLess(time.monotonic() - begin, 5)
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
