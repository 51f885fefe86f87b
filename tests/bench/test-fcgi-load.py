# SPDX-License-Identifier: MIT
"""What the load generator counts, against servers that misbehave in a known way. FCGI_LOAD names the program."""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

STDIN, STDOUT, END = 5, 6, 3


def record(kind, content):
    return struct.pack("!BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def reply(text=b"Content-Type: text/plain\r\n\r\nhi", protocol=0):
    return record(STDOUT, text) + record(END, struct.pack("!IB3x", 0, protocol))


class Server:
    """Calls @behave(connection, number of the request, number of the request on its connection) for each request."""

    def __init__(self, behave, backlog=128):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "socket")
        self.behave, self.n, self.lock = behave, 0, threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(backlog)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            for count in range(1000000):
                try:
                    keep = self.receive(connection)
                    if keep is None:
                        return
                    with self.lock:
                        self.n += 1
                        n = self.n
                    if self.behave(connection, n, count) == "close" or not keep:
                        return
                except OSError:
                    return

    def receive(self, connection):
        """Reads one request; whether its connection is to be kept, or None."""
        keep = None
        while True:
            header = connection.recv(8, socket.MSG_WAITALL)
            if len(header) < 8:
                return None
            _, kind, _, size, padding, _ = struct.unpack("!BBHHBB", header)
            content = connection.recv(size + padding, socket.MSG_WAITALL) if size + padding else b""
            if kind == 1:
                keep = bool(content[2] & 1)
            if kind == STDIN and size == 0:
                return keep

    def close(self):
        self.listener.close()
        self.directory.cleanup()


class FcgiLoadTest(unittest.TestCase):
    def load(self, behave, *arguments):
        server = Server(behave)
        self.addCleanup(server.close)
        return self.run_load(*arguments, server.path, "/srv/x.php")

    def run_load(self, *arguments):
        result = subprocess.run([os.environ["FCGI_LOAD"], *arguments], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def assert_errors(self, report, **errors):
        self.assertEqual({kind: n for kind, n in report["errors"].items() if n}, errors, report)

    def test_good_answers(self):
        for keep in ([], ["--keep"]):
            report = self.load(lambda c, *_: c.sendall(reply()), "--count", "200", "--connections", "4", *keep)
            self.assert_errors(report)
            self.assertEqual((report["requests"], report["unanswered"], report["stale"]), (200, 0, 0))
            self.assertEqual(report["bytes"]["in"], 200 * len(reply()))
            latency = report["latency_ms"]
            self.assertLessEqual(0, latency["p50"])
            self.assertEqual(sorted(latency[q] for q in ("p50", "p90", "p99", "p99.9", "max")),
                             [latency[q] for q in ("p50", "p90", "p99", "p99.9", "max")])

    def test_errors_are_told_apart(self):
        answers = {
            0: lambda c: c.sendall(reply()),
            1: lambda c: c.sendall(reply(b"Status: 500 x\r\n\r\n")),
            2: lambda c: c.sendall(reply(b"", 2)),
            3: lambda c: c.sendall(reply()[:-3]),
            4: lambda c: c.sendall(b"HTTP/1.1 200 OK\r\n\r\n"),
            5: lambda c: None,
        }
        report = self.load(lambda c, n, _: answers[n % 6](c), "--count", "60")
        self.assert_errors(report, status=10, overloaded=10, short=20, protocol=10)
        self.assertEqual(report["requests"], 10)

    def test_a_reset(self):
        def behave(connection, *_):
            connection.sendall(reply()[:9])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return "close"
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        server = Server(behave)
        self.addCleanup(server.close)
        server.listener.close()
        server.listener = listener
        threading.Thread(target=server.accept, daemon=True).start()
        address = "127.0.0.1:%d" % listener.getsockname()[1]
        report = self.run_load("--count", "10", address, "/srv/x.php")
        self.assert_errors(report, reset=10)

    def test_no_server(self):
        report = self.run_load("--duration", "100ms", "/nonexistent/socket", "/srv/x.php")
        self.assertEqual(report["requests"], 0)
        self.assertTrue(1 <= report["errors"]["connect"] <= 11, report)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        report = self.run_load("--count", "3", f"127.0.0.1:{port}", "/srv/x.php")
        self.assert_errors(report, connect=3)

    def test_kept_connections_that_the_server_closes(self):
        """Closed after the answer, or as the third request comes: both is a server's right, and no error."""
        def after(connection, _, count):
            connection.sendall(reply())
            return "close" if count == 2 else None
        report = self.load(after, "--count", "100", "--connections", "3", "--keep")
        self.assert_errors(report)
        self.assertEqual(report["requests"], 100)

        def instead(connection, _, count):
            if count == 2:
                return "close"
            connection.sendall(reply())
            return None
        report = self.load(instead, "--count", "100", "--keep")
        self.assert_errors(report)
        self.assertEqual((report["requests"], report["stale"]), (100, 49))

    def test_what_is_never_answered(self):
        def behave(connection, n, _):
            if n <= 5:
                time.sleep(3)
            connection.sendall(reply())
        report = self.load(behave, "--duration", "500ms", "--grace", "500ms", "--connections", "6")
        self.assert_errors(report)
        self.assertEqual(report["unanswered"], 5)
        self.assertGreater(report["unanswered_ms"], 900)
        self.assertGreater(report["requests"], 10)

    def test_an_open_loop_charges_a_stall_for_all_that_came_due(self):
        """One pause of half a second, once: a closed loop sees one slow request, an open one fifty."""
        def behave(connection, n, _):
            if n == 20:
                time.sleep(0.5)
            connection.sendall(reply())
        arguments = ("--keep", "--connections", "1", "--duration", "2s")
        report = self.load(behave, "--rate", "100", *arguments)
        self.assert_errors(report)
        self.assertEqual((report["requests"], report["unanswered"]), (200, 0))
        self.assertGreater(report["latency_ms"]["p90"], 200)
        self.assertLess(report["latency_ms"]["p50"], 100)
        self.assertGreater(report["latency_ms"]["max"], 450)
        report = self.load(behave, *arguments)
        self.assertLess(report["latency_ms"]["p99"], 100)

    def test_what_finds_no_connection_is_unanswered_at_the_end(self):
        def behave(connection, *_):
            time.sleep(5)
            connection.sendall(reply())
        report = self.load(behave, "--rate", "100", "--connections", "2", "--duration", "500ms", "--grace", "100ms")
        self.assertEqual((report["requests"], report["unanswered"]), (0, 50))

    def test_random_gaps_keep_the_rate(self):
        report = self.load(lambda c, *_: c.sendall(reply()), "--rate", "300", "--poisson", "--duration", "2s")
        self.assert_errors(report)
        self.assertTrue(500 < report["requests"] < 700, report)

    def test_usage(self):
        for arguments in ((), ("--rate", "x", "/s", "/x"), ("--connections", "0", "/s", "/x"), ("--nonsense", "/s", "/x"), ("s", "/x")):
            result = subprocess.run([os.environ["FCGI_LOAD"], *arguments], capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 64, arguments)
            self.assertTrue(result.stderr)
        self.assertEqual(subprocess.run([os.environ["FCGI_LOAD"], "--help"], capture_output=True, check=False).returncode, 0)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
