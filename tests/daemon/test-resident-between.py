# SPDX-License-Identifier: MIT
"""What a resident script does between an answer and its next question: it is nobody's request, and nobody waits for it."""

import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import status  # noqa: E402
from engine import Connection, parameters, until  # noqa: E402
from fcgi import Peer, encoded, whole  # noqa: E402
from fcgi_client import Lost  # noqa: E402
from resident import ResidentTest, cookie  # noqa: E402

# A request says what is done behind it, and at the end.
WORKER = """<?php
function answer(): void { include $_SERVER["SCRIPT_FILENAME"]; }
$last = "";
do {
    $behind = "";
    $more = PhpPool\\handle_request("answer");
    eval($behind);
} while ($more);
eval($last);
file_put_contents(__DIR__ . "/cleaned", getmypid() . "\\n", FILE_APPEND);
"""


class Between(ResidentTest):
    worker = WORKER

    def behind(self, code, answer="echo getmypid();", **arguments):
        """A request that has @code done behind it."""
        return self.php(f"$GLOBALS['behind'] = <<<'END'\n{code}\nEND;\n{answer}", **arguments)

    def file(self, name):
        path = os.path.join(self.pool.root, name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="ascii") as f:
            return f.read()


class Stays(Between):
    """One worker, which answers all of it."""

    def setUp(self):
        self.before = self.pid()

    def tearDown(self):
        self.assertEqual(self.pid(), self.before)


class SessionTest(Stays):
    def test_a_session_is_not_the_next_visitors(self):
        ann = cookie(self.php("session_start(); $_SESSION['secret'] = 'of ann'; echo session_id();"))
        self.behind("session_start();", extra={"HTTP_COOKIE": ann})
        self.says("echo json_encode([session_status(), $_SESSION ?? null, session_id()]);", '[1,null,""]')
        self.behind("session_start();", extra={"HTTP_COOKIE": ann})
        bob = self.php("session_start(); echo json_encode($_SESSION), session_id();").body.decode()
        self.assertEqual(bob[:2], "[]")
        self.assertNotIn(ann.split("=")[1], bob)

    def test_it_is_written_and_unlocked(self):
        ann = cookie(self.php("session_start(); echo 'x';"))
        self.behind("session_start(); $_SESSION['behind'] = 1;", extra={"HTTP_COOKIE": ann})
        path = os.path.join(self.pool.directory, "state/sessions/sess_" + ann.split("=")[1])
        until("it is written", lambda: os.path.getsize(path) > 0)
        fds = f"/proc/{self.before}/fd"
        until("its file is closed", lambda: path not in [os.path.realpath(os.path.join(fds, fd)) for fd in os.listdir(fds)], 2)
        self.says("session_start(); echo $_SESSION['behind'];", "1", extra={"HTTP_COOKIE": ann})


class BufferTest(Stays):
    def test_one_that_is_ended(self):
        for _ in range(3):
            self.behind("ob_start(); echo 'x'; $GLOBALS['seen'] = ob_get_clean();")
            self.says("echo $GLOBALS['seen'], getmypid();", f"x{self.before}")

    def test_one_that_is_never_ended(self):
        level = self.php("echo ob_get_level();").body.decode()
        for code in ("ob_start(); echo 'lost';", "ob_start(fn($b) => 'lost'); ob_start(); echo 'x';",
                     "ob_start(function () { throw new Exception('late'); }); echo 'x';", "echo 'no buffer';"):
            self.behind(code)
            self.says("echo ob_get_level(), '|', getmypid();", f"{level}|{self.before}", code)


class EndTest(Between):
    def test_a_buffer_at_the_end(self):
        before = str(self.pid())
        self.php("$GLOBALS['last'] = 'ob_start(); echo 1; ob_get_clean(); ob_start(); echo 2;';")
        self.behind("ob_start(); ob_end_clean();", "1;")
        self.assertEqual(self.pool.stop(), 0)
        self.assertEqual(self.file("cleaned").split(), [before])


class ClientTest(Stays):
    def test_who_goes_away_does_not_end_the_script(self):
        path = self.pool.write("large.php", "<?php ob_start(); for ($i = 0; $i < 30; $i++) { echo str_repeat('x', 10000); usleep(10000); }")
        for _ in range(5):
            peer = Peer(self.pool.socket)
            peer.send(whole(encoded(path)))
            time.sleep(0.1)
            peer.socket.close()
            self.assertEqual(self.pid(), self.before)

    def test_compression_is_what_its_client_accepts(self):
        zipped = {"HTTP_ACCEPT_ENCODING": "gzip"}
        for _ in range(5):
            first = self.php("ob_start('ob_gzhandler'); echo 'text';", extra=zipped)
            self.assertEqual((first.headers.get("content-encoding"), first.body[:2]), ("gzip", b"\x1f\x8b"))
            second = self.php("ob_start('ob_gzhandler'); echo 'text';")
            self.assertEqual((second.headers.get("content-encoding"), second.body), (None, b"text"))


class BusyTest(Between):
    settings = "workers: { max = 3; min = 2; spare = 1; };\n"

    def test_nobody_waits_for_it(self):
        for _ in range(3):
            begin = time.monotonic()
            slow = int(self.behind("sleep(2);").body)
            self.assertLess(time.monotonic() - begin, 1)
            worker = until("it is seen", lambda: [w for w in status(self.pool)["list"] if w["pid"] == slow])[0]
            self.assertNotEqual(worker["state"], "idle")
            self.assertNotEqual(self.pid(), slow)
            self.assertLess(time.monotonic() - begin, 1)
            time.sleep(2.2 - (time.monotonic() - begin))

    def test_nor_on_the_same_connection(self):
        slow = self.pool.write("slow.php", "<?php $GLOBALS['behind'] = 'sleep(2);'; echo getmypid();")
        plain = self.pool.write("plain.php", "<?php echo getmypid();")
        connection = Connection(self.pool.socket)
        self.addCleanup(connection.close)
        begin = time.monotonic()
        pids = [connection.request(parameters(path), keep=True).body for path in (slow, plain, plain)]
        self.assertLess(time.monotonic() - begin, 1)
        self.assertNotIn(pids[0], pids[1:])


class ForkTest(Between):
    def test_a_child_gets_false_and_ends(self):
        before = self.pid()
        for _ in range(3):
            self.behind("if (!pcntl_fork()) $child = true;")
            self.assertEqual([self.pid() for _ in range(5)], [before] * 5)
        until("the children have ended", lambda: len(self.file("cleaned").split()) == 3)
        self.assertNotIn(str(before), self.file("cleaned").split())

    def test_no_request_is_lost(self):
        lost = []

        def client():
            for _ in range(20):
                try:
                    self.behind("pcntl_fork();", "echo 'x';")
                except (Lost, OSError) as error:
                    lost.append(repr(error))

        threads = [threading.Thread(target=client) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(lost, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
