# SPDX-License-Identifier: MIT
"""php-pool-proxy with slow clients: they hold a descriptor and some disk space, and no worker."""

import os
import resource
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakepool import FakePool, end, stdout  # noqa: E402
from front import Client, Closed, Front, ask  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
FRONT = Front(PROGRAM)

CONFIG = """
root = "%(base)s/www";
timeouts: { request = "20s"; queue = "5s"; };
site: { docroot = "public"; hosts = [ "slow.test" ]; };
"""
REQUEST = b"GET /info.php HTTP/1.1\r\nHost: slow.test\r\n\r\n"
HEAD = b"Content-Type: text/plain\r\n\r\n"
SIZE = 24 << 20  # more than the kernel's buffers hold


def setUpModule():
    os.environ["CACHE_DIRECTORY"] = os.path.join(FRONT.base, "cache")
    os.mkdir(os.environ["CACHE_DIRECTORY"])
    FRONT.write("conf/conf.d/slow.conf", CONFIG % {"base": FRONT.base})
    FRONT.proxy.start()


def tearDownModule():
    status = FRONT.stop()
    text = FRONT.proxy.messages_text()
    FRONT.remove()
    assert status == 0, f"the proxy ended with {status}: {text}"
    assert "Sanitizer" not in text and "runtime error" not in text, text


def pattern(size):
    """Bytes that show where they belong."""
    return b"".join(b"%15d\n" % i for i in range(size // 16))


class SlowReaders(unittest.TestCase):
    def start_pool(self, script):
        pool = FakePool(os.path.join(FRONT.socket_dir, "slow.sock"), script)
        self.addCleanup(pool.stop)
        return pool

    def start_client(self):
        client = Client(FRONT)
        self.addCleanup(client.close)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(REQUEST)
        return client

    def start_sender(self, head=HEAD):
        """A pool that sends SIZE bytes; .sent is how many it got rid of."""
        body = pattern(SIZE)

        def script(pool, connection, number):
            while pool.read_request(connection) is not None:
                connection.sendall(stdout(head))
                for i in range(0, SIZE, 32768):
                    connection.sendall(stdout(body[i : i + 32768]))
                    pool.sent = i + 32768
                connection.sendall(end())

        pool = self.start_pool(script)
        pool.sent = 0
        return pool

    def wait_until_sent(self, pool, seconds=10):
        deadline = time.monotonic() + seconds
        while pool.sent < SIZE and time.monotonic() < deadline:
            time.sleep(0.02)
        return pool.sent

    def test_the_worker_is_free_long_before_the_client_has_its_answer(self):
        expected = pattern(SIZE)
        pool = self.start_sender()
        client = self.start_client()
        self.assertEqual(self.wait_until_sent(pool, 20), SIZE)
        self.assertTrue(client.read().body == expected)
        # the connection goes on, and its next answer is not behind the old one
        client.send(b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
        self.assertEqual(client.read().body, b"0123456789")

    def test_with_a_length_as_well(self):
        pool = self.start_sender(b"Content-Length: %d\r\n" % SIZE + HEAD)
        client = self.start_client()
        self.assertEqual(self.wait_until_sent(pool), SIZE)
        response = client.read()
        self.assertEqual((response.headers["content-length"], response.body == pattern(SIZE)), (str(SIZE), True))

    def test_a_script_that_asks_for_it_feels_the_client(self):
        for head in (b"X-Accel-Buffering: no\r\n", b"Content-Type: text/event-stream\r\n\r\n"):
            with self.subTest(head=head):
                pool = self.start_sender(head if head.endswith(b"\n\r\n") else head + HEAD)
                client = self.start_client()
                self.wait_until_sent(pool, 1.5)
                self.assertLess(pool.sent, SIZE)
                client.close()
                pool.stop()

    def test_nothing_is_left_in_the_directory(self):
        pool = self.start_sender()
        client = self.start_client()
        self.wait_until_sent(pool)
        self.assertEqual(os.listdir(os.environ["CACHE_DIRECTORY"]), [])
        self.assertTrue(any(os.environ["CACHE_DIRECTORY"] in name and "deleted" in name for name in FRONT.proxy.open_files()))
        client.close()
        deadline = time.monotonic() + 5
        while any(os.environ["CACHE_DIRECTORY"] in name for name in FRONT.proxy.open_files()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertFalse(any(os.environ["CACHE_DIRECTORY"] in name for name in FRONT.proxy.open_files()))

    def test_when_there_is_no_room_the_script_waits_and_nothing_is_lost(self):
        FRONT.write("conf/proxy.conf", f'socket_dir = "{FRONT.socket_dir}"; limits: {{ response_file = "1M"; }};\n')
        FRONT.proxy.reload()
        try:
            pool = self.start_sender()
            client = self.start_client()
            self.wait_until_sent(pool, 1.5)
            self.assertLess(pool.sent, SIZE)
            self.assertEqual(client.read().body, pattern(SIZE))
        finally:
            FRONT.write("conf/proxy.conf", f'socket_dir = "{FRONT.socket_dir}";\n')
            FRONT.proxy.reload()

    def test_what_is_flushed_comes_at_once(self):
        def script(pool, connection, number):
            pool.read_request(connection)
            for piece in (HEAD + b"one", b"two", b"three"):
                connection.sendall(stdout(piece))
                self.assertTrue(arrived.acquire(timeout=10))
            connection.sendall(end())

        arrived = threading.Semaphore(0)
        self.start_pool(script)
        client = self.start_client()
        while client.line():
            pass
        for expected in (b"one", b"two", b"three"):
            self.assertEqual(client.take(int(client.line(), 16)), expected)
            client.line()
            arrived.release()
        self.assertEqual(client.line(), b"0")


class FullDisk(unittest.TestCase):
    """RLIMIT_FSIZE: a file cannot grow, as on a disk that is full."""

    def setUp(self):
        self.front = Front(PROGRAM)
        self.addCleanup(self.front.remove)
        self.front.proxy.prefix = ["prlimit", f"--fsize={300000}:{resource.RLIM_INFINITY}"]
        self.front.start()
        self.addCleanup(self.front.stop)

    def test_a_body_without_room_is_a_507_and_the_next_is_served(self):
        for _ in range(3):
            client = Client(self.front)
            client.send(b"POST /echo.php HTTP/1.1\r\nHost: example.org\r\nContent-Length: 600000\r\n\r\n")
            try:
                client.send(b"x" * 600000)
            except OSError:
                pass  # it was refused before all was sent
            response = client.read()
            self.assertEqual((response.status, response.headers["connection"]), (507, "close"))
            client.close()
        self.assertEqual(ask(self.front, "/echo.php", "POST", body=b"y" * 200000).body, b"y" * 200000)
        self.assertEqual(os.listdir(os.environ["CACHE_DIRECTORY"]), [])

    def test_an_answer_without_room_comes_whole(self):
        client = Client(self.front)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(b"GET /big.php HTTP/1.1\r\nHost: example.org\r\n\r\n")
        time.sleep(1)
        self.assertEqual(client.read().body, b"".join(bytes([65 + i % 26]) * 65536 for i in range(320)))
        client.close()


class Crowd(unittest.TestCase):
    """4 workers, and 200 clients that read or send 1 kB/s."""

    N = 200

    def setUp(self):
        self.front = Front(PROGRAM)
        self.addCleanup(self.front.remove)
        path = os.path.join(self.front.config_dir, "conf.d/site.conf")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        self.front.write("conf/conf.d/site.conf", text.replace("max = 8", "max = 4"))
        with open(os.path.join(self.front.config_dir, "proxy.conf"), encoding="utf-8") as f:
            text = f.read()
        self.front.write("conf/proxy.conf", text.replace('body = "2s"', 'body = "60s"'))  # writers as slow as these stay
        self.front.start()
        self.addCleanup(self.front.stop)
        self.stop = threading.Event()
        self.addCleanup(self.stop.set)

    def measure(self, n):
        times = []
        client = Client(self.front)
        for _ in range(n):
            begin = time.monotonic()
            client.send(b"GET /index.php HTTP/1.1\r\nHost: example.org\r\n\r\n")
            self.assertEqual(client.read().status, 200)
            times.append(time.monotonic() - begin)
            time.sleep(0.005)
        client.close()
        return sorted(times)[int(n * 0.99)]

    def crowd(self):
        readers, writers = [], []
        for i in range(self.N):
            client = Client(self.front)
            self.addCleanup(client.close)
            if i % 2:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.send(b"GET /large.php HTTP/1.1\r\nHost: example.org\r\n\r\n")
                readers.append(client)
            else:
                client.send(b"POST /echo.php HTTP/1.1\r\nHost: example.org\r\nContent-Length: 100000\r\n\r\n")
                writers.append(client)
        return readers, writers

    def trickle(self, readers, writers):
        while not self.stop.wait(1):
            for client in readers:
                client.socket.recv(1024)
            for client in writers:
                client.send(b"x" * 1024)

    def test_a_normal_client_hardly_notices_them(self):
        ended = os.path.join(self.front.base, "www/public/ended")
        self.front.write("www/public/large.php", "<?php for ($i = 0; $i < 64; $i++) echo str_repeat('x', 65536);"
                                                 " file_put_contents(__DIR__ . '/ended', '.', FILE_APPEND);")
        self.measure(200)
        alone = min(self.measure(400) for _ in range(3))  # what else the machine does spoils some
        readers, writers = self.crowd()
        thread = threading.Thread(target=self.trickle, args=(readers, writers))
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while (not os.path.exists(ended) or os.path.getsize(ended) < len(readers)) and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertEqual(os.path.getsize(ended), len(readers), "the scripts of the readers have ended")
            beside = min(self.measure(400) for _ in range(3))
        finally:
            self.stop.set()
            thread.join()
        print(f"p99: {alone * 1000:.1f} ms alone, {beside * 1000:.1f} ms beside {self.N} slow clients")
        # beside the factor, what a loaded machine adds by itself
        self.assertLess(beside, 2 * alone + 0.02)


if __name__ == "__main__":
    unittest.main(verbosity=1)
