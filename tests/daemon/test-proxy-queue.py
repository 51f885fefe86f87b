# SPDX-License-Identifier: MIT
"""php-pool-proxy before a pool that has fewer places than there are requests, or is not there for a moment."""

import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakepool import FakePool, answer  # noqa: E402
from front import Client, Front, ask  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
FRONT = Front(PROGRAM, processes=1)  # each has its own connections to the pool

CONFIG = """
root = "%(base)s/www";
workers: { max = 2; };
timeouts: { queue = "3s"; };
site: { docroot = "public"; hosts = [ "queue.test" ]; };
"""
REQUEST = b"GET /info.php HTTP/1.1\r\nHost: queue.test\r\n\r\n"


def setUpModule():
    FRONT.write("conf/conf.d/queue.conf", CONFIG % {"base": FRONT.base})
    FRONT.proxy.start()


def tearDownModule():
    status = FRONT.stop()
    text = FRONT.proxy.messages_text()
    FRONT.remove()
    assert status == 0, f"the proxy ended with {status}: {text}"
    assert "Sanitizer" not in text and "runtime error" not in text, text


class QueueTest(unittest.TestCase):
    def start_pool(self, script):
        pool = FakePool(os.path.join(FRONT.socket_dir, "queue.sock"), script)
        self.addCleanup(pool.stop)
        return pool

    def start_slow_pool(self, seconds):
        """Each request takes that long; .most is how many ran at once."""
        lock = threading.Lock()

        def script(pool, connection, number):
            while pool.read_request(connection) is not None:
                with lock:
                    pool.running += 1
                    pool.most = max(pool.most, pool.running)
                time.sleep(seconds)
                with lock:
                    pool.running -= 1
                connection.sendall(answer())

        pool = self.start_pool(script)
        pool.running = pool.most = 0
        return pool

    def start_held_pool(self):
        """The pool, and what lets its first two requests be answered."""
        release = threading.Event()
        self.addCleanup(release.set)

        def script(pool, connection, number):
            while pool.read_request(connection) is not None:
                if pool.requests <= 2:
                    release.wait(10)
                connection.sendall(answer())

        return self.start_pool(script), release

    def send(self, n, source="127.0.0.1"):
        clients = [Client(FRONT, source=source) for _ in range(n)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(REQUEST)
        return clients


class Places(QueueTest):
    def test_no_more_run_at_once_than_the_pool_has_workers(self):
        pool = self.start_slow_pool(0.05)
        for client in self.send(20):
            self.assertEqual(client.read().body, b"ok")
        self.assertEqual((pool.requests, pool.most), (20, 2))
        self.assertLessEqual(pool.connections, 2)

    def test_who_sends_many_waits_behind_himself(self):
        pool = self.start_slow_pool(0.2)
        self.send(24, "127.0.0.2")  # 2.4 seconds of work
        time.sleep(0.3)
        begun = pool.requests
        others = [f"127.0.0.{n}" for n in range(3, 7)]
        clients = [self.send(1, source)[0] for source in others]
        for client in clients:
            self.assertEqual(client.read().body, b"ok")
        seen = [v["REMOTE_ADDR"] for v in pool.seen]
        # of 64 lanes one of these may have that of the first; that three have it is one chance in 65,000
        self.assertLess(sorted(seen.index(source) for source in others)[1], begun + 8)

    def test_who_waits_too_long_gets_a_503_that_says_when_to_retry(self):
        self.start_slow_pool(2)
        clients = self.send(8)
        begin = time.monotonic()
        answers = [client.read() for client in clients]
        self.assertLess(time.monotonic() - begin, 8)
        self.assertEqual(sorted(a.status for a in answers), [200] * 4 + [503] * 4)
        for a in answers:
            self.assertEqual("retry-after" in a.headers, a.status == 503)

    def test_who_leaves_the_queue_costs_the_pool_nothing(self):
        pool, release = self.start_held_pool()
        first = self.send(2)
        deadline = time.monotonic() + 5
        while pool.requests < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        for client in self.send(10):
            client.close()
        last = self.send(1)
        time.sleep(0.2)  # all of it is seen before a place is free
        release.set()
        for client in first + last:
            self.assertEqual(client.read().body, b"ok")
        self.assertEqual(pool.requests, 3)

    def test_many_that_leave_and_come_harm_nobody(self):
        pool = self.start_slow_pool(0.002)
        for _ in range(20):
            for client in self.send(20)[::2]:
                client.close()
        # What runs for one who has gone is given up at once, and ends a moment later: until then there is one more.
        time.sleep(0.2)
        pool.most = 0
        for client in self.send(20):
            self.assertEqual(client.read().body, b"ok")
        self.assertEqual(pool.most, 2)


class Reload(QueueTest):
    def test_more_workers_are_more_places_at_once(self):
        pool, release = self.start_held_pool()
        first = self.send(2)
        time.sleep(0.3)
        (waiting,) = self.send(1)
        time.sleep(0.3)
        self.assertEqual(pool.requests, 2)
        try:
            FRONT.write("conf/conf.d/queue.conf", CONFIG.replace("max = 2", "max = 3") % {"base": FRONT.base})
            FRONT.proxy.reload()
            self.assertEqual(waiting.read().body, b"ok")  # while the others go on
        finally:
            FRONT.write("conf/conf.d/queue.conf", CONFIG % {"base": FRONT.base})
            FRONT.proxy.reload()
        release.set()
        for client in first:
            self.assertEqual(client.read().body, b"ok")


class Absence(QueueTest):
    def test_a_pool_that_comes_in_a_moment_is_waited_for(self):
        path = os.path.join(FRONT.socket_dir, "queue.sock")
        for leave_file in (False, True):
            with self.subTest(leave_file=leave_file):
                pool = FakePool(path, lambda pool, connection, number: None)
                pool.stop()
                if leave_file:  # connect(2) is refused then
                    FakePool(path, lambda pool, connection, number: None).listener.close()
                clients = self.send(5)
                time.sleep(0.5)

                def script(pool, connection, number):
                    while pool.read_request(connection) is not None:
                        connection.sendall(answer(b"woken"))

                pool = FakePool(path, script)
                for client in clients:
                    self.assertEqual(client.read().body, b"woken")
                pool.stop()

    def test_a_pool_that_stays_away_is_refused_at_once_after_that(self):
        begin = time.monotonic()
        self.assertEqual(ask(FRONT, "/info.php", host="gone.test").status, 503)
        self.assertLess(time.monotonic() - begin, 8)
        begin = time.monotonic()
        for _ in range(5):
            response = ask(FRONT, "/info.php", host="gone.test")
            self.assertEqual(response.status, 503)
            self.assertIn("retry-after", response.headers)
        self.assertLess(time.monotonic() - begin, 5)  # to wait once more would be two seconds for each


if __name__ == "__main__":
    unittest.main(verbosity=1)
