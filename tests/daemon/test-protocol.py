# SPDX-License-Identifier: MIT
"""FastCGI 1.0 as peers speak and misspeak it: raw records in, records out."""

import os
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import Engine, parameters, until  # noqa: E402
from fcgi_client import pair  # noqa: E402

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = range(1, 12)
COMPLETE, CANT_MPX, OVERLOADED, UNKNOWN_ROLE = range(4)


def record(kind, content=b"", request=1, padding=0, version=1, reserved=0):
    return (struct.pack("!BBHHBB", version, kind, request, len(content), padding, reserved) + content
            + b"\xee" * padding)


def begin(role=1, keep=True, request=1):
    return record(BEGIN, struct.pack("!HB5x", role, 1 if keep else 0), request)


class Peer:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        self.socket.connect(path)
        self.data = b""

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))
        return self

    def record(self):
        """(type, id, content), or None at the end."""
        while len(self.data) < 8 or len(self.data) < 8 + sum(struct.unpack("!HB", self.data[4:7])):
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.data += more
        version, kind, request, size, padding, reserved = struct.unpack("!BBHHBB", self.data[:8])
        assert version == 1 and reserved == 0
        content, self.data = self.data[8:8 + size], self.data[8 + size + padding:]
        return kind, request, content

    def answer(self, request=1):
        """(body, application status, protocol status) of one request."""
        out = b""
        while True:
            got = self.record()
            if got is None:
                return None
            kind, number, content = got
            assert number == request, got
            if kind == STDOUT:
                out += content
            elif kind == END:
                app, protocol, reserved = struct.unpack("!IB3s", content)
                assert reserved == b"\0\0\0", "reserved bytes of END_REQUEST are zero"
                return out.partition(b"\r\n\r\n")[2], app, protocol


class ProtocolTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pool = Engine('workers: { max = 2; min = 1; spare = 1; }; limits: { head_time = "2s"; body_time = "2s"; };')
        cls.addClassCleanup(cls.pool.remove)
        cls.pool.write("hello.php", '<?php echo "hello";')
        cls.pool.write("echo.php", '<?php echo file_get_contents("php://input");')
        cls.pool.write("long.php", '<?php echo strlen($_SERVER["LONG"] ?? "");')
        cls.pool.write("unread.php", '<?php echo "unread";')
        cls.pool.start()

    def peer(self):
        peer = Peer(self.pool.socket)
        self.addCleanup(peer.socket.close)
        return peer

    def params(self, script="hello.php", method="GET", extra=None, length=0):
        given = parameters(os.path.join(self.pool.root, script), "", method, length, extra)
        return b"".join(pair(k, v) for k, v in given.items())

    def request(self, script="hello.php", request=1, keep=True, **arguments):
        return (begin(keep=keep, request=request) + record(PARAMS, self.params(script, **arguments), request)
                + record(PARAMS, request=request) + record(STDIN, request=request))

    def assert_serves(self):
        self.assertEqual(self.pool.ask("hello.php").body, b"hello")

    def test_plain_request_and_close(self):
        peer = self.peer().send(self.request(keep=False))
        self.assertEqual(peer.answer(), (b"hello", 0, COMPLETE))
        self.assertIsNone(peer.record())

    def test_two_pipelined_requests_in_order(self):
        peer = self.peer().send(self.request(request=1), self.request(request=2))
        self.assertEqual(peer.answer(1), (b"hello", 0, COMPLETE))
        self.assertEqual(peer.answer(2), (b"hello", 0, COMPLETE))

    def test_every_byte_by_itself(self):
        data = begin() + record(PARAMS, self.params("echo.php", "POST", length=5)) + record(PARAMS) + record(STDIN, b"12345", padding=3) + record(STDIN)
        peer = self.peer()
        for byte in data:
            peer.send(bytes([byte]))
            if byte % 16 == 0:
                time.sleep(0.002)
        self.assertEqual(peer.answer(), (b"12345", 0, COMPLETE))

    def test_get_values(self):
        peer = self.peer().send(record(GET_VALUES, pair("FCGI_MPXS_CONNS", "") + pair("FCGI_UNKNOWN", ""), 0))
        kind, request, content = peer.record()
        self.assertEqual((kind, request), (GET_VALUES_RESULT, 0))
        self.assertEqual(content, pair("FCGI_MPXS_CONNS", "0"))
        self.assertEqual(peer.send(self.request()).answer()[0], b"hello")

    def test_unknown_management_type(self):
        peer = self.peer().send(record(77, b"xyz", 0))
        kind, request, content = peer.record()
        self.assertEqual((kind, request, content[0]), (UNKNOWN_TYPE, 0, 77))
        self.assertEqual(peer.send(self.request()).answer()[0], b"hello")

    def test_unknown_application_type_and_data_are_skipped(self):
        peer = self.peer().send(begin(), record(99, b"?"), record(DATA, b"?"), record(PARAMS, self.params()), record(PARAMS), record(STDIN))
        self.assertEqual(peer.answer()[0], b"hello")

    def test_unknown_roles(self):
        for role in (2, 3, 9):
            peer = self.peer().send(begin(role), record(PARAMS, self.params()), record(PARAMS), record(STDIN))
            self.assertEqual(peer.answer(), (b"", 0, UNKNOWN_ROLE))
            self.assertEqual(peer.send(self.request(request=2)).answer(2)[0], b"hello")

    def test_the_id_is_echoed(self):
        self.assertEqual(self.peer().send(self.request(request=258)).answer(258)[0], b"hello")
        self.assertEqual(self.peer().send(self.request(request=65535)).answer(65535)[0], b"hello")

    def test_records_of_other_ids_are_ignored(self):
        peer = self.peer().send(begin(), record(PARAMS, b"\xff\xff\xff", 5), record(PARAMS, self.params()), record(STDIN, b"x", 9),
                                record(PARAMS), record(STDIN))
        self.assertEqual(peer.answer()[0], b"hello")

    def test_a_pair_may_be_cut_anywhere(self):
        params = self.params()
        for cut in range(1, len(params), 7):
            peer = self.peer().send(begin(), record(PARAMS, params[:cut]), record(PARAMS, params[cut:]), record(PARAMS), record(STDIN))
            self.assertEqual(peer.answer()[0], b"hello")

    def test_a_long_pair(self):
        params = self.params("long.php", extra={"LONG": "x" * 70000})
        parts = [record(PARAMS, params[i:i + 65535], padding=255) for i in range(0, len(params), 65535)]
        self.assertEqual(self.peer().send(begin(), *parts, record(PARAMS), record(STDIN)).answer()[0], b"70000")

    def test_full_records_with_padding(self):
        body = bytes(range(256)) * 1024
        parts = [record(STDIN, body[i:i + 65535], padding=255) for i in range(0, len(body), 65535)]
        peer = self.peer().send(begin(), record(PARAMS, self.params("echo.php", "POST", length=len(body)), padding=1), record(PARAMS, padding=7),
                                *parts, record(STDIN, padding=255))
        self.assertEqual(peer.answer()[0], body)

    def test_violations_close_the_connection_and_nothing_else(self):
        for name, data in {
            "BEGIN of 7 bytes": record(BEGIN, b"\0\1\0\0\0\0\0"),
            "version 0": record(BEGIN, struct.pack("!HB5x", 1, 0), version=0),
            "version 2": record(BEGIN, struct.pack("!HB5x", 1, 0), version=2),
            "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "a truncated pair": begin() + record(PARAMS, b"\x05\x05abc") + record(PARAMS) + record(STDIN),
            "a length of two gigabytes": begin() + record(PARAMS, b"\xff\xff\xff\xff\x00") + record(PARAMS),
            "too many parameters": begin() + record(PARAMS, pair("A", "") * 5000) + record(PARAMS),
            "the same id twice": begin() + begin(),
        }.items():
            with self.subTest(name):
                self.assertIsNone(self.peer().send(data).record())
                self.assert_serves()

    def test_parameters_without_end(self):
        peer = self.peer().send(begin())
        try:
            for _ in range(200):
                peer.send(record(PARAMS, pair("A" * 100, "x" * 60000)))
            self.assertIsNone(peer.record())
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assert_serves()

    def test_what_stands_behind_the_body_is_no_request(self):
        forged = begin(request=1) + record(PARAMS, self.params("echo.php")) + record(PARAMS) + record(STDIN)
        body = b"x" * 5 + forged
        peer = self.peer().send(begin(), record(PARAMS, self.params("unread.php", "POST", length=5)), record(PARAMS), record(STDIN, body),
                                record(STDIN))
        self.assertEqual(peer.answer(), (b"unread", 0, COMPLETE))
        peer.send(self.request(request=2))
        self.assertEqual(peer.answer(2)[0], b"hello")

    def test_abort_before_the_end_of_the_body(self):
        peer = self.peer().send(begin(), record(PARAMS, self.params("echo.php", "POST", length=9)), record(PARAMS), record(STDIN, b"part"),
                                record(ABORT))
        body, app, protocol = peer.answer()
        self.assertEqual((body, protocol), (b"", COMPLETE))
        self.assertNotEqual(app, 0)
        self.assertEqual(peer.send(self.request(request=2)).answer(2)[0], b"hello")

    def test_a_second_begin_of_another_id(self):
        peer = self.peer().send(begin(request=1), begin(request=2))
        kind, request, content = peer.record()
        self.assertEqual((kind, request, content[4]), (END, 2, CANT_MPX))
        peer.send(record(PARAMS, self.params()), record(PARAMS), record(STDIN))
        self.assertEqual(peer.answer(1)[0], b"hello")

    def test_the_last_of_two_values_wins(self):
        params = pair("SCRIPT_FILENAME", "/nonexistent.php") + self.params()
        self.assertEqual(self.peer().send(begin(), record(PARAMS, params), record(PARAMS), record(STDIN)).answer()[0], b"hello")

    def test_empty_names_and_values(self):
        params = pair("", "") + pair("", "x") + pair("EMPTY", "") + self.params()
        self.assertEqual(self.peer().send(begin(), record(PARAMS, params), record(PARAMS), record(STDIN)).answer()[0], b"hello")

    def test_no_method_is_a_bad_request(self):
        body, _, protocol = self.peer().send(begin(), record(PARAMS, pair("SCRIPT_FILENAME", "/x.php")), record(PARAMS), record(STDIN)).answer()
        self.assertIn(b"REQUEST_METHOD", body)
        self.assertEqual(protocol, COMPLETE)

    def test_half_a_header_is_cut_off_after_its_time(self):
        for part in (b"", b"\x01\x01\x00", begin()[:12], begin() + record(PARAMS, self.params())):
            peer = self.peer().send(part)
            begin_time = time.monotonic()
            self.assert_serves()
            self.assert_serves()
            peer.socket.settimeout(10)
            if part:
                self.assertIsNone(peer.record())
                self.assertLess(time.monotonic() - begin_time, 8)

    def test_a_trickled_body_is_served(self):
        body = b"0123456789" * 5
        peer = self.peer().send(begin(), record(PARAMS, self.params("echo.php", "POST", length=len(body))), record(PARAMS))
        for i in range(0, len(body), 10):
            time.sleep(0.05)
            peer.send(record(STDIN, body[i:i + 10]))
            self.assert_serves()
        peer.send(record(STDIN))
        self.assertEqual(peer.answer()[0], body)


class HazardTest(unittest.TestCase):
    def pool(self, config, **scripts):
        pool = Engine(config)
        self.addCleanup(pool.remove)
        pool.write("hello.php", '<?php echo "hello";')
        pool.write("sleep.php", '<?php usleep((int) ($_GET["ms"] ?? 1000) * 1000); echo "slept";')
        for name, text in scripts.items():
            pool.write(name + ".php", text)
        pool.start()
        return pool

    def request(self, pool, script="hello.php", query="", keep=True):
        params = parameters(os.path.join(pool.root, script), query)
        return (begin(keep=keep) + record(PARAMS, b"".join(pair(k, v) for k, v in params.items())) + record(PARAMS)
                + record(STDIN))

    def peers(self, pool, n):
        peers = [Peer(pool.socket) for _ in range(n)]
        for peer in peers:
            self.addCleanup(peer.socket.close)
        return peers

    def test_many_kept_connections_and_few_workers(self):
        pool = self.pool("workers: { max = 4; };")
        peers = self.peers(pool, 64)
        for _ in range(3):
            for peer in peers:
                peer.send(self.request(pool))
            for peer in peers:
                self.assertEqual(peer.answer()[0], b"hello")
        begin_time = time.monotonic()
        for _ in range(50):
            self.assertEqual(pool.ask("hello.php").body, b"hello")
        self.assertLess(time.monotonic() - begin_time, 5)

    def test_ten_slow_requests_run_at_once(self):
        pool = self.pool("workers: { max = 10; };")
        best = 99
        for _ in range(3):  # the first round starts nine workers; a machine under load gets another chance
            begin_time = time.monotonic()
            peers = self.peers(pool, 10)
            for peer in peers:
                peer.send(self.request(pool, "sleep.php", keep=False))
            for peer in peers:
                self.assertEqual(peer.answer()[0], b"slept")
            best = min(best, time.monotonic() - begin_time)
            if best < 1.2:
                break
        self.assertLess(best, 1.2)

    def test_what_waits_too_long_is_refused_in_time(self):
        pool = self.pool('workers: { max = 1; }; timeouts: { queue = "1s"; };')
        peers = self.peers(pool, 3)
        begin_time = time.monotonic()
        for peer in peers:
            peer.send(self.request(pool, "sleep.php", "ms=2500"))
            time.sleep(0.1)
        self.assertEqual(peers[1].answer(), (b"", 0, OVERLOADED))
        self.assertEqual(peers[2].answer(), (b"", 0, OVERLOADED))
        self.assertLess(time.monotonic() - begin_time, 2)
        self.assertEqual(peers[0].answer()[0], b"slept")

    def test_a_request_over_its_time_is_interrupted(self):
        pool = self.pool('workers: { max = 2; }; timeouts: { request = "1s"; kill = "1s"; stop = "5s"; };',
                         loop='<?php register_shutdown_function(function () { error_log("shutdown ran"); }); while (true);')
        begin_time = time.monotonic()
        response = pool.ask("loop.php")
        self.assertEqual(response.status, 500)
        self.assertLess(time.monotonic() - begin_time, 4)
        until("the shutdown function", lambda: "shutdown ran" in pool.log())
        self.assertIn("timeouts.request", pool.log())
        self.assertEqual(pool.ask("hello.php").body, b"hello")

    def test_a_request_that_does_not_notice_is_killed(self):
        pool = self.pool('workers: { max = 2; }; timeouts: { request = "1s"; kill = "1s"; stop = "5s"; };',
                         block='<?php $s = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); fread($s[0], 1);')
        begin_time = time.monotonic()
        peer = self.peers(pool, 1)[0].send(self.request(pool, "block.php"))
        peer.socket.settimeout(15)
        self.assertIsNone(peer.answer())
        self.assertLess(time.monotonic() - begin_time, 6)
        until("the log", lambda: "timeouts.kill" in pool.log())
        self.assertEqual(pool.ask("hello.php").body, b"hello")

    def test_a_url_that_kills_its_worker_slows_nobody_else(self):
        pool = self.pool("workers: { max = 4; min = 2; };", die='<?php posix_kill(getmypid(), 9);')
        worst = 0
        for _ in range(20):
            peer = self.peers(pool, 1)[0].send(self.request(pool, "die.php"))
            begin_time = time.monotonic()
            self.assertEqual(pool.ask("hello.php").body, b"hello")
            worst = max(worst, time.monotonic() - begin_time)
            self.assertIsNone(peer.answer())
        self.assertLess(worst, 1)
        self.assertIn("SIGKILL while it ran GET /die.php", pool.log())


if __name__ == "__main__":
    unittest.main()
