# SPDX-License-Identifier: MIT
"""FastCGI 1.0 as peers speak and misspeak it, beyond the rows of test-conformance.py."""

import contextlib
import os
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import Engine  # noqa: E402
from fcgi import ABORT, COMPLETE, PARAMS, STDIN, Peer, begin, encoded, pair, record, whole  # noqa: E402


class ProtocolTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pool = Engine('workers: { max = 2; min = 1; spare = 1; }; limits: { head_time = "2s"; body_time = "2s"; '
                          'body = "1M"; };')
        cls.addClassCleanup(cls.pool.remove)
        cls.pool.write("hello.php", '<?php echo "hello";')
        cls.pool.write("echo.php", '<?php echo file_get_contents("php://input");')
        cls.pool.write("size.php", '<?php echo strlen(file_get_contents("php://input"));')
        cls.pool.write("sleep.php", '<?php usleep(300000); echo "slept";')
        cls.pool.write("endless.php", '<?php for ($i = 0; $i < 50; $i++) { echo str_repeat("x", 100000); flush(); usleep(20000); } '
                                      'touch(__DIR__ . "/never");')
        cls.pool.start()

    def peer(self):
        peer = Peer(self.pool.socket)
        self.addCleanup(peer.socket.close)
        return peer

    def params(self, script="hello.php", method="GET", extra=None, length=0):
        return encoded(os.path.join(self.pool.root, script), "", method, length, extra)

    def request(self, script="hello.php", request=1, keep=True, **arguments):
        return whole(self.params(script, **arguments), request=request, keep=keep)

    def assert_serves(self):
        self.assertEqual(self.pool.ask("hello.php").body, b"hello")

    def test_every_byte_by_itself(self):
        data = begin() + record(PARAMS, self.params("echo.php", "POST", length=5)) + record(PARAMS) + record(STDIN, b"12345", padding=3) + record(STDIN)
        peer = self.peer()
        for byte in data:
            peer.send(bytes([byte]))
            if byte % 16 == 0:
                time.sleep(0.002)
        self.assertEqual(peer.answer(), (b"12345", 0, COMPLETE))

    def test_full_records_with_padding(self):
        body = bytes(range(256)) * 1024
        parts = [record(STDIN, body[i:i + 65535], padding=255) for i in range(0, len(body), 65535)]
        peer = self.peer().send(begin(), record(PARAMS, self.params("echo.php", "POST", length=len(body)), padding=1), record(PARAMS, padding=7),
                                *parts, record(STDIN, padding=255))
        self.assertEqual(peer.answer()[0], body)

    def test_violations_close_the_connection_and_nothing_else(self):
        for name, data in {
            "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "the same id twice": begin() + begin(),
        }.items():
            with self.subTest(name):
                self.assertIsNone(self.peer().send(data).record())
                self.assert_serves()

    def test_too_many_parameters_are_answered(self):
        peer = self.peer().send(begin() + record(PARAMS, pair("A", "") * 5000) + record(PARAMS))
        self.assertEqual(peer.reply().status, 431)
        self.assertIsNone(peer.record())
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

    def trickle(self, first, more):
        """In a process of its own, which waits for nobody else's: a pause would give the worker a chance that it must not need."""
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(OSError):  # closed: at the latest when it has sent too much
                with contextlib.suppress(PermissionError):
                    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
                peer = self.peer().send(*first)
                peer.socket.setblocking(False)
                for _ in range(6000):
                    time.sleep(0.0005)
                    with contextlib.suppress(BlockingIOError):
                        peer.send(more)
                        peer.socket.recv(65536)
            os._exit(0)
        return pid

    def test_a_fast_trickle_keeps_no_worker(self):
        """However soon the next byte comes: the worker that reads it counts as idle."""
        head = begin(), record(PARAMS, self.params("echo.php", "POST", length=1 << 20)), record(PARAMS)
        for name, first, more in (("body", head, record(STDIN, b"x")), ("padded", head, record(STDIN, b"x", padding=255)),
                                  ("head", (begin(),), record(PARAMS, pair("A", "x"))), ("management", (), record(9, request=0))):
            with self.subTest(name):
                pids = [self.trickle(first, more) for _ in range(2)]  # as many as the pool may have workers
                try:
                    time.sleep(0.1)
                    for _ in range(10):
                        start = time.monotonic()
                        self.assert_serves()
                        self.assertLess(time.monotonic() - start, 0.5)
                finally:
                    for pid in pids:
                        os.kill(pid, signal.SIGKILL)
                        os.waitpid(pid, 0)

    def test_abort_in_a_body_that_lies_in_a_file(self):
        params = self.params("size.php", "POST", length=900000)
        peer = self.peer().send(begin(), record(PARAMS, params), record(PARAMS), *[record(STDIN, b"x" * 60000)] * 5)
        time.sleep(0.1)  # from here on the manager reads
        peer.send(record(ABORT, padding=9), *[self.request(request=i) for i in range(1, 101)])
        self.assertNotEqual(peer.answer(1)[1], 0)
        for i in range(1, 101):
            self.assertEqual(peer.answer(i), (b"hello", 0, COMPLETE))

    def test_strays_between_two_requests(self):
        peer = self.peer().send(self.request(), record(STDIN, b"late"), record(PARAMS, b"late"), record(ABORT), record(STDIN),
                                self.request())
        self.assertEqual(peer.answer(), (b"hello", 0, COMPLETE))
        self.assertEqual(peer.answer(), (b"hello", 0, COMPLETE))

    def test_padding_counts_against_the_limit_in_the_end(self):
        """What is read is kept as it came: with 255 bytes of padding for one it would take 264 times the limit."""
        peer = self.peer().send(begin(), record(PARAMS, self.params("size.php", "POST", length=1 << 20)), record(PARAMS))
        try:
            for _ in range(40):
                peer.send(record(STDIN, b"x", padding=255) * 1000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertEqual(peer.reply().status, 413)

    def test_a_body_of_the_limit_is_served_and_one_byte_more_is_not(self):
        for size, expected in ((1 << 20, str(1 << 20).encode()), ((1 << 20) + 1, b"The request body is larger than limits.body.\n")):
            peer = self.peer()
            try:
                peer.send(whole(self.params("size.php", "POST", length=size), b"x" * size))
            except BrokenPipeError:
                self.assertGreater(size, 1 << 20)
            self.assertEqual(peer.answer()[0], expected)

    def test_a_client_that_has_said_all_gets_its_answer(self):
        for script, expected in (("hello.php", b"hello"), ("sleep.php", b"slept")):
            peer = self.peer().send(self.request(script))
            peer.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(peer.answer(), (expected, 0, COMPLETE))
            self.assertIsNone(peer.record())

    def test_a_script_whose_client_has_gone_ends_at_its_next_output(self):
        peer = self.peer().send(self.request("endless.php"))
        time.sleep(0.1)
        peer.socket.close()
        time.sleep(1.5)
        self.assertFalse(os.path.exists(os.path.join(self.pool.root, "never")))
        self.assert_serves()

    def test_lengths_that_are_no_number_mean_the_whole_stream(self):
        for length in ("+5", "5 ", "0x5", "5,5", "99999999999999999999"):
            params = self.params("size.php", "POST", extra={"CONTENT_LENGTH": length})
            self.assertEqual(self.peer().send(whole(params, b"abcdefg")).answer(), (b"7", 0, COMPLETE), length)


if __name__ == "__main__":
    unittest.main(verbosity=2)
