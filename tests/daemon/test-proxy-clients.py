# SPDX-License-Identifier: MIT
"""Who php-pool-proxy says that a client is: directly, behind trusted proxies, by the PROXY protocol; and how many it may have."""

import json
import os
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import Client, Closed, Front, ask  # noqa: E402
from ports import free_port  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
FRONT = Front(PROGRAM)
PORT = free_port()  # where the PROXY protocol is spoken
PATH = os.path.join(FRONT.base, "http.sock")
UNIX_PROXIED = os.path.join(FRONT.base, "proxied.sock")

CONFIG = 'socket_dir = "%s"; trusted = [ %s ]; trusted_header = "%s"; processes = 2; limits: { connections_per_client = %d; };\n'
X = ("X-Forwarded-For: 9.9.9.9, 203.0.113.5", "X-Forwarded-Proto: https", "X-Forwarded-Host: Other.Example.org:8443")
RFC7239 = ('Forwarded: for=9.9.9.9, for="[2001:db8::7]:1234";proto=https;host=b.example.org',)


def configure(trusted="", header="x-forwarded", per_client=0):
    names = ", ".join(f'"{name}"' for name in trusted.split())
    FRONT.write("conf/proxy.conf", CONFIG % (FRONT.socket_dir, names, header, per_client))


def reconfigure(*arguments, **more):
    configure(*arguments, **more)
    FRONT.proxy.reload()


def setUpModule():
    FRONT.proxy.listeners += [(f"127.0.0.1:{PORT}", "proxy-protocol"), (PATH, "http"), (UNIX_PROXIED, "proxy-protocol")]
    configure()
    FRONT.start()


def tearDownModule():
    status = FRONT.stop()
    text = FRONT.proxy.messages_text()
    FRONT.remove()
    assert status == 0, f"the proxy ended with {status}: {text}"
    assert "Sanitizer" not in text and "runtime error" not in text, text


def variables(**more):
    return json.loads(ask(FRONT, "/info.php", **more).body)


class Forwarding(unittest.TestCase):
    def test_from_strangers_nothing_is_believed(self):
        reconfigure("10.0.0.0/8")
        v = variables(headers=X + RFC7239 + ("X-Real-IP: 9.9.9.9", "X-Request-Id: mine"))
        self.assertEqual((v["REMOTE_ADDR"], v["REQUEST_SCHEME"], v["SERVER_NAME"]), ("127.0.0.1", "http", "example.org"))
        self.assertNotIn("HTTPS", v)
        self.assertFalse([name for name in v if "FORWARDED" in name or name == "HTTP_X_REAL_IP"])
        self.assertNotEqual(v["HTTP_X_REQUEST_ID"], "mine")

    def test_a_trusted_proxy_names_its_client(self):
        reconfigure("127.0.0.0/8")
        response = ask(FRONT, "/info.php", headers=X + RFC7239 + ("X-Request-Id: front-1.a_b",))
        v = json.loads(response.body)
        self.assertEqual((v["REMOTE_ADDR"], v["HTTPS"], v["REQUEST_SCHEME"]), ("203.0.113.5", "on", "https"))
        self.assertEqual((v["HTTP_HOST"], v["SERVER_NAME"], v["SERVER_PORT"]), ("Other.Example.org:8443", "other.example.org", "8443"))
        self.assertEqual(v["HTTP_X_FORWARDED_FOR"], "9.9.9.9, 203.0.113.5")
        self.assertNotIn("HTTP_FORWARDED", v)
        self.assertNotIn("REMOTE_PORT", v)
        self.assertEqual((v["HTTP_X_REQUEST_ID"], response.headers["x-request-id"]), ("front-1.a_b", "front-1.a_b"))

    def test_the_addresses_of_trusted_proxies_are_passed_over(self):
        reconfigure("127.0.0.1 203.0.113.0/24 2001:db8::/32")
        for header, expected in (
            ("1.1.1.1, 8.8.8.8, 203.0.113.5, 203.0.113.6", "8.8.8.8"),
            ("203.0.113.5", "203.0.113.5"),
            ("8.8.8.8, 2001:db8::1", "8.8.8.8"),
            ("8.8.8.8, unknown, 203.0.113.6", "203.0.113.6"),
            ("garbage", "127.0.0.1"),
        ):
            with self.subTest(header=header):
                self.assertEqual(variables(headers=("X-Forwarded-For: " + header,))["REMOTE_ADDR"], expected)

    def test_the_standard_header_if_it_is_the_configured_one(self):
        reconfigure("127.0.0.1", "forwarded")
        v = variables(headers=X + RFC7239)
        self.assertEqual((v["REMOTE_ADDR"], v["HTTPS"], v["SERVER_NAME"]), ("2001:db8::7", "on", "b.example.org"))
        self.assertFalse([name for name in v if "X_FORWARDED" in name])

    def test_unix_sockets_are_trusted_by_name(self):
        reconfigure("10.0.0.0/8")
        self.assertEqual(variables(to=PATH, headers=X)["REMOTE_ADDR"], "unix:")
        reconfigure("unix")
        v = variables(to=PATH, headers=X)
        self.assertEqual((v["REMOTE_ADDR"], v["HTTPS"]), ("203.0.113.5", "on"))
        self.assertEqual(variables(headers=X)["REMOTE_ADDR"], "127.0.0.1")

    def test_words_that_could_break_a_log_are_not_taken_for_an_id(self):
        reconfigure("127.0.0.1")
        for word in ("a b", "x" * 65, "a\tb", "<x>", "a;b"):
            response = ask(FRONT, "/a.txt", headers=("X-Request-Id: " + word,))
            self.assertRegex(response.headers["x-request-id"], "^[0-9a-f]{16}$")

    def test_a_host_that_is_none_is_not_taken(self):
        reconfigure("127.0.0.1")
        for word in ("a b", "x/y", "a@b", ""):
            self.assertEqual(variables(headers=("X-Forwarded-Host: " + word,))["SERVER_NAME"], "example.org")

    def test_behind_a_body_that_moves_the_head_the_client_is_the_same(self):
        reconfigure("127.0.0.1")
        client = Client(FRONT)
        head = "\r\n".join(("POST /info.php HTTP/1.1", "Host: example.org", "Transfer-Encoding: chunked", *X)) + "\r\n\r\n"
        client.send(head.encode() + b"5\r\nhello\r\n")
        time.sleep(0.1)
        client.send(b"0\r\n\r\n" + b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\nX-Fill: " + b"f" * 20000 + b"\r\n\r\n")
        v = json.loads(client.read().body)
        self.assertEqual((v["REMOTE_ADDR"], v["SERVER_NAME"], v["CONTENT_LENGTH"]), ("203.0.113.5", "other.example.org", "5"))
        self.assertEqual(client.read().body, b"0123456789")
        client.close()


V1 = b"PROXY TCP4 198.51.100.7 192.0.2.1 40001 443\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x21]) + struct.pack(">H", 44) + socket.inet_pton(socket.AF_INET6, "2001:db8::9")
V2 += socket.inet_pton(socket.AF_INET6, "2001:db8::1") + struct.pack(">HH", 40002, 80) + bytes([0x20, 0, 5, 1, 0, 0, 0, 0])


class ProxyProtocol(unittest.TestCase):
    def test_the_header_names_the_client(self):
        reconfigure("127.0.0.1 unix")
        for to in (PORT, UNIX_PROXIED):
            v = variables(to=to, before=V1, headers=X)
            self.assertEqual((v["REMOTE_ADDR"], v["REMOTE_PORT"], v["SERVER_ADDR"], v["SERVER_PORT"]), ("198.51.100.7", "40001", "192.0.2.1", "443"))
            # what the client itself says is not believed
            self.assertFalse([name for name in v if "FORWARDED" in name])
            v = variables(to=to, before=V2)
            self.assertEqual((v["REMOTE_ADDR"], v["SERVER_ADDR"], v["HTTPS"]), ("2001:db8::9", "2001:db8::1", "on"))

    @unittest.skipUnless("PHP_POOLD" in os.environ, "php-fpm has no headers_send()")
    def test_early_hints_pass_byte_proxies_but_not_those_that_could_take_them_for_the_answer(self):
        reconfigure("127.0.0.1 unix")
        for to, before, hints in ((None, b"", 0), (UNIX_PROXIED, V1, 1)):
            client = Client(FRONT, to=to)
            client.send(before + b"GET /hints.php HTTP/1.1\r\nHost: example.org\r\n\r\n")
            self.assertEqual((client.read().body, len(client.interim)), (str(hints).encode(), hints))
            client.close()

    def test_in_single_bytes_as_well_and_for_all_requests_of_the_connection(self):
        reconfigure("127.0.0.1")
        client = Client(FRONT, to=PORT)
        for byte in V1 + b"GET /info.php HTTP/1.1\r\nHost: example.org\r\n\r\n":
            client.send(bytes([byte]))
        self.assertEqual(json.loads(client.read().body)["REMOTE_ADDR"], "198.51.100.7")
        client.send(b"GET /info.php HTTP/1.1\r\nHost: example.org\r\n\r\n")
        self.assertEqual(json.loads(client.read().body)["REMOTE_ADDR"], "198.51.100.7")
        client.close()

    def test_a_health_check_speaks_for_the_proxy_itself(self):
        reconfigure("127.0.0.1")
        local = V2[:12] + b"\x20\0\0\0"
        self.assertEqual(variables(to=PORT, before=local)["REMOTE_ADDR"], "127.0.0.1")
        v = variables(to=PORT, before=local, headers=X)
        self.assertEqual((v["REMOTE_ADDR"], v["HTTPS"]), ("203.0.113.5", "on"))

    def test_a_client_without_an_address_is_not_the_proxy(self):
        reconfigure("127.0.0.1")
        for before in (b"PROXY UNKNOWN\r\n", V2[:12] + b"\x21\0\0\0", V2[:12] + b"\x21\x31\0\3abc", V2[:12] + b"\x21\x12\0\x0c" + b"a" * 12):
            with self.subTest(before=before):
                response = ask(FRONT, "/info.php", to=PORT, before=before, headers=X + ("X-Request-Id: mine",))
                v = json.loads(response.body)
                self.assertEqual((v["REMOTE_ADDR"], v["REQUEST_SCHEME"], v["SERVER_NAME"]), ("127.0.0.1", "http", "example.org"))
                self.assertFalse([name for name in v if "FORWARDED" in name])
                self.assertNotEqual(response.headers["x-request-id"], "mine")

    def closed(self, data, to=PORT):
        client = Client(FRONT, 5, to=to)
        try:
            client.send(data)
            self.assertTrue(client.ended(), data[:60])
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            client.close()

    def test_without_a_good_header_there_is_no_answer(self):
        reconfigure("127.0.0.1")
        request = b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n"
        for data in (
            request, b"PROXY TCP4 1.2.3.4\r\n" + request, b"PROXY TCP4 " + b"1" * 200 + request, V2[:12] + b"\x31\x11\0\0" + request,
            V2[:14] + b"\xff\xff" + b"x" * 1000, V2[:14] + b"\0\2xx" + request,
        ):
            self.closed(data)

    def test_from_strangers_there_is_no_answer(self):
        reconfigure("10.0.0.0/8")
        self.closed(V1 + b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")

    def test_on_a_usual_socket_it_is_a_bad_request(self):
        reconfigure("127.0.0.1")
        self.assertEqual(ask(FRONT, "/a.txt", before=V1).status, 400)


class PerClient(unittest.TestCase):
    def test_one_client_has_no_more_than_its_limit(self):
        reconfigure(per_client=5)
        clients = [Client(FRONT, source="127.0.0.9") for _ in range(40)]
        time.sleep(0.3)
        served = 0
        for client in clients:
            try:
                client.send(b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
                served += client.read().status == 200
            except (Closed, OSError):
                pass
            self.addCleanup(client.close)
        self.assertIn(served, range(5, 11))  # two processes, between which they are spread evenly or nearly
        self.assertEqual(ask(FRONT, "/a.txt", source="127.0.0.10").status, 200)
        for client in clients:
            client.close()
        time.sleep(0.2)
        self.assertEqual(ask(FRONT, "/a.txt", source="127.0.0.9").status, 200)
        self.assertIn("127.0.0.9 has 5 connections", FRONT.proxy.messages_text())

    def test_whom_the_proxy_protocol_names_has_no_more_either(self):
        reconfigure("127.0.0.1", per_client=5)
        clients = [Client(FRONT, to=PORT) for _ in range(40)]
        served = 0
        for client in clients:
            self.addCleanup(client.close)
            try:
                client.send(V1 + b"GET /info.php HTTP/1.1\r\nHost: example.org\r\n\r\n")
                served += client.read().status == 200
            except (Closed, OSError):
                pass
        self.assertIn(served, range(5, 11))
        self.assertEqual(variables(to=PORT, before=V2)["REMOTE_ADDR"], "2001:db8::9")
        for client in clients:
            client.close()
        time.sleep(0.2)
        # and when they are gone the count is what it was, for the named one and for the proxy
        for _ in range(12):
            self.assertEqual(variables(to=PORT, before=V1)["REMOTE_ADDR"], "198.51.100.7")

    def test_a_trusted_proxy_is_exempt(self):
        reconfigure("127.0.0.9", per_client=5)
        clients = [Client(FRONT, source="127.0.0.9") for _ in range(40)]
        for client in clients:
            client.send(b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
            self.assertEqual(client.read().status, 200)
            client.close()


if __name__ == "__main__":
    unittest.main(verbosity=1)
