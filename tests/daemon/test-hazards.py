# SPDX-License-Identifier: MIT
"""Clients that wait, trickle or crowd, and scripts that do not end: what holds php-fpm's workers must not hold ours."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import Engine, until  # noqa: E402
from fcgi import COMPLETE, OVERLOADED, PARAMS, STDIN, Peer, begin, encoded, record, whole  # noqa: E402


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
        return whole(encoded(os.path.join(pool.root, script), query), keep=keep)

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

    def test_silent_clients_hold_no_worker(self):
        pool = self.pool('workers: { max = 2; }; limits: { head_time = "1s"; };')
        silent = self.peers(pool, 20)
        half = self.peers(pool, 20)
        for peer in half:
            peer.send(b"\x01\x01\x00")
        worst = 0
        for _ in range(20):
            begin_time = time.monotonic()
            self.assertEqual(pool.ask("hello.php").body, b"hello")
            worst = max(worst, time.monotonic() - begin_time)
        self.assertLess(worst, 0.5)
        for peer in silent + half:
            self.assertIsNone(peer.record(), "cut off after limits.head_time")
        self.assertLessEqual(pool.log().count("did not arrive in time"), 1, "one line, not forty")

    def test_trickled_bodies_hold_no_worker(self):
        pool = self.pool("workers: { max = 1; };", size='<?php echo strlen(file_get_contents("php://input"));')
        slow = self.peers(pool, 8)
        params = encoded(os.path.join(pool.root, "size.php"), method="POST", length=40)
        for peer in slow:
            peer.send(begin(), record(PARAMS, params), record(PARAMS))
        for _ in range(4):
            for peer in slow:
                peer.send(record(STDIN, b"0123456789"))
            time.sleep(0.05)
            begin_time = time.monotonic()
            self.assertEqual(pool.ask("hello.php").body, b"hello")
            self.assertLess(time.monotonic() - begin_time, 0.5)
        for peer in slow:
            self.assertEqual(peer.send(record(STDIN)).answer(), (b"40", 0, COMPLETE))

    def test_a_body_that_stops_is_cut_off(self):
        pool = self.pool('workers: { max = 1; }; limits: { body_time = "1s"; };')
        params = encoded(os.path.join(pool.root, "hello.php"), method="POST", length=40)
        peer = self.peers(pool, 1)[0].send(begin(), record(PARAMS, params), record(PARAMS), record(STDIN, b"0123456789"))
        begin_time = time.monotonic()
        self.assertIsNone(peer.record())
        self.assertGreater(time.monotonic() - begin_time, 0.9)


if __name__ == "__main__":
    unittest.main(verbosity=2)
