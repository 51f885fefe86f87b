# SPDX-License-Identifier: MIT
"""What php-pool-proxy tells: the access log, one id for a request everywhere, and the control socket."""

import json
import os
import re
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import Client, Front, ask  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
FRONT = Front(PROGRAM)
CONTROL = os.path.join(FRONT.base, "runtime/control")


def setUpModule():
    os.mkdir(os.path.dirname(CONTROL))
    os.environ["RUNTIME_DIRECTORY"] = os.path.dirname(CONTROL)
    FRONT.start()
    del os.environ["RUNTIME_DIRECTORY"]


def tearDownModule():
    status = FRONT.stop()
    text = FRONT.proxy.messages_text()
    FRONT.remove()
    assert status == 0, f"the proxy ended with {status}: {text}"
    assert "Sanitizer" not in text and "runtime error" not in text, text


def log(access, form):
    FRONT.write("conf/proxy.conf", f'socket_dir = "{FRONT.socket_dir}"; log: {{ access = "{access}"; format = "{form}"; }};\n')
    FRONT.proxy.reload()


def lines(pattern, n=1):
    """Waits for that many lines of the log that match."""
    deadline = time.monotonic() + 5
    while True:
        found = [line for line in FRONT.proxy.messages_text().splitlines() if re.search(pattern, line)]
        if len(found) >= n or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


class AccessLog(unittest.TestCase):
    def test_the_combined_format(self):
        log("all", "combined")
        ask(FRONT, "/a.txt?combined=1", headers=("User-Agent: test/1 (x)", "Referer: http://a.org/"))
        (line,) = lines("combined=1")
        self.assertRegex(
            line,
            r'^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /a\.txt\?combined=1 HTTP/1\.1" 200 \d+ "http://a\.org/" "test/1 \(x\)"$',
        )
        self.assertGreater(int(line.split('" 200 ')[1].split()[0]), 10)

    def test_nothing_that_a_client_sends_ends_the_line_or_a_quote(self):
        log("all", "combined")
        ask(FRONT, '/a.txt?quote="\\', headers=('User-Agent: x" 200 0 "-" "\t\xe9',))
        (line,) = lines(r"quote=\\x22\\x5c ")
        self.assertTrue(line.endswith(r'"-" "x\x22 200 0 \x22-\x22 \x22\x09\xe9"'), line)

    def test_what_was_no_request_is_a_line_as_well(self):
        log("all", "combined")
        client = Client(FRONT)
        client.send(b"garbage without end\r\n\r\n")
        client.read()
        client.close()
        (line,) = lines('"-" 400')
        self.assertIn(' 400 ', line)

    def test_errors_alone(self):
        log("errors", "combined")
        ask(FRONT, "/a.txt?quiet=1")
        ask(FRONT, "/none?quiet=2")
        ask(FRONT, "/status.php?code=500&loud=1")
        self.assertEqual(len(lines("loud=1")), 1)
        self.assertEqual(lines(r"quiet=\d", 0), [])

    def test_off(self):
        log("off", "combined")
        ask(FRONT, "/status.php?code=500&never=1")
        time.sleep(0.2)
        self.assertEqual(lines("never=1", 0), [])

    def test_the_journals_form(self):
        log("all", "journal")
        ask(FRONT, "/index.php?journal=1")
        (line,) = lines("journal=1")
        self.assertRegex(line, r"127\.0\.0\.1 GET /index\.php\?journal=1 200 \d+ in \d+ ms$")


class Ids(unittest.TestCase):
    def test_one_id_for_client_script_and_messages(self):
        response = ask(FRONT, "/info.php")
        self.assertEqual(json.loads(response.body)["HTTP_X_REQUEST_ID"], response.headers["x-request-id"])
        ids = {ask(FRONT, "/a.txt").headers["x-request-id"] for _ in range(20)}
        self.assertEqual(len(ids), 20)


class Control(unittest.TestCase):
    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(CONTROL)
        self.addCleanup(s.close)
        return s

    def receive(self, s):
        data = b""
        while not data.endswith(b"\0"):
            piece = s.recv(65536)
            if not piece:
                return None
            data += piece
        return json.loads(data[:-1])

    def call(self, method, **parameters):
        s = self.connect()
        s.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
        try:
            return self.receive(s)
        finally:
            s.close()  # there are sixteen places

    def status(self):
        return self.call("io.phppool.Proxy.GetStatus")["parameters"]["status"]

    def test_only_its_user_may_connect(self):
        self.assertEqual(os.stat(CONTROL).st_mode & 0o777, 0o600)

    def test_figures_of_all_processes_are_summed_up(self):
        before = self.status()
        clients = [Client(FRONT) for _ in range(10)]
        for client in clients:
            for path, n in ((b"/a.txt", 3), (b"/none", 2), (b"/index.php", 1)):
                for _ in range(n):
                    client.send(b"GET " + path + b" HTTP/1.1\r\nHost: example.org\r\n\r\n")
                    client.read()
        ask(FRONT, "/echo.php", "POST", body=b"x" * 12345)
        ask(FRONT, "/status.php?code=503")
        deadline = time.monotonic() + 5
        while True:  # what has ended is counted a moment later
            after = self.status()
            if ((sum(after["requests"]) - sum(before["requests"]), after["connections"] - before["connections"]) == (62, 10)
                    or time.monotonic() > deadline):
                break
            time.sleep(0.02)
        self.assertEqual(after["state"], "running")
        self.assertEqual((after["processes"], after["sites"], after["broken"]), (2, 4, ""))
        self.assertEqual(after["connections"], before["connections"] + 10)
        self.assertEqual(after["accepted"], before["accepted"] + 12)
        grown = [b - a for a, b in zip(before["requests"], after["requests"])]
        self.assertEqual(grown, [0, 0, 41, 0, 20, 1])
        self.assertEqual(after["files"] - before["files"], 30)
        self.assertEqual(after["received_bytes"] - before["received_bytes"], 12345)
        self.assertGreater(after["sent_bytes"] - before["sent_bytes"], 12345)
        self.assertEqual(sum(b["count"] for b in after["durations"]) - sum(b["count"] for b in before["durations"]), 62)
        self.assertEqual([b.get("le_usec") is None for b in after["durations"]].index(True), len(after["durations"]) - 1)
        for client in clients:
            client.close()

    def test_a_client_that_left_is_no_answer(self):
        FRONT.write("www/public/wait.php", "<?php sleep(2); echo 'x';")
        before = self.status()
        client = Client(FRONT)
        client.send(b"GET /wait.php HTTP/1.1\r\nHost: example.org\r\n\r\n")
        time.sleep(0.3)
        client.close()
        deadline = time.monotonic() + 3
        while self.status()["requests"][0] == before["requests"][0] and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.status()["requests"][0], before["requests"][0] + 1)

    def test_it_describes_itself(self):
        info = self.call("org.varlink.service.GetInfo")["parameters"]
        self.assertEqual((info["product"], info["interfaces"]), ("php-pool-proxy", ["io.phppool.Proxy", "org.varlink.service"]))
        text = self.call("org.varlink.service.GetInterfaceDescription", interface="io.phppool.Proxy")["parameters"]["description"]
        self.assertTrue(set(self.status()) <= set(re.findall(r"^  (\w+):", text, re.M)))
        self.assertEqual(self.call("org.varlink.service.GetInterfaceDescription", interface="x")["error"], "org.varlink.service.InterfaceNotFound")
        self.assertEqual(self.call("io.phppool.Proxy.Stop")["error"], "org.varlink.service.MethodNotFound")

    def test_several_calls_on_one_connection(self):
        s = self.connect()
        call = json.dumps({"method": "io.phppool.Proxy.GetStatus"}).encode() + b"\0"
        for _ in range(3):
            s.sendall(call[:10])
            time.sleep(0.05)
            s.sendall(call[10:])
            self.assertIn("status", self.receive(s)["parameters"])

    def test_what_is_no_call_ends_the_connection(self):
        for data in (b"\0", b"{}\0", b"[1]\0", b"{" * 100 + b"\0", b"x" * 100000, b'{"method":1}\0'):
            s = self.connect()
            try:
                s.sendall(data)
                self.assertIsNone(self.receive(s))
            except (BrokenPipeError, ConnectionResetError):
                pass

    def test_silent_peers_do_not_take_all_places(self):
        silent = [self.connect() for _ in range(20)]
        begin = time.monotonic()
        for s in silent:
            self.assertIn(s.recv(1), (b"",))
        self.assertLess(time.monotonic() - begin, 20)
        self.status()


if __name__ == "__main__":
    unittest.main(verbosity=1)
