# SPDX-License-Identifier: MIT
"""php-pool-proxy before pools that close, stall, lie and break the protocol."""

import os
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakepool import FakePool, answer, end, record, stdout  # noqa: E402
from front import Client, Closed, Front, ask  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
FRONT = Front(PROGRAM, processes=1)  # each has its own connections to the pool
HEAD = b"Content-Type: text/plain\r\n\r\n"


def setUpModule():
    FRONT.proxy.start()


def tearDownModule():
    status = FRONT.stop()
    text = FRONT.proxy.messages_text()
    FRONT.remove()
    assert status == 0, f"the proxy ended with {status}: {text}"
    assert "Sanitizer" not in text and "runtime error" not in text, text


def get(path="/info.php", **more):
    return ask(FRONT, path, host="fake.test", **more)


class PoolTest(unittest.TestCase):
    pool = None

    def start_pool(self, script):
        self.pool = FakePool(os.path.join(FRONT.socket_dir, "fake.sock"), script)
        self.addCleanup(self.pool.stop)
        return self.pool


class BrokenAnswers(PoolTest):
    TABLE = (
        ("an end without a head", end(), 502),
        ("a head that does not end", stdout(b"Content-Type: text/plain\r\n") + end(), 502),
        ("a status that is none", stdout(b"Status: 99\r\n\r\n") + end(), 502),
        ("a line without a colon", stdout(b"nonsense\r\n\r\nx") + end(), 502),
        ("a NUL in a value", stdout(b"X: a\0b\r\n\r\nx") + end(), 502),
        ("a head over the limit", stdout(b"X: " + b"x" * 60000) + stdout(b"x" * 60000) + end(), 502),
        ("overload", end(2), 503),
        ("an unknown role", end(3), 502),
        ("another version", b"\2\6\0\1\0\0\0\0", 502),
        ("plain text", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 502),
        ("nothing", b"", 502),
        ("half a record", stdout(HEAD[:-2])[:-2], 502),
        ("two equal lengths", stdout(b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx") + end(), 502),
        ("a length that is none", stdout(b"Content-Length: -1\r\n\r\nx") + end(), 502),
        ("a length and a coding", stdout(b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx") + end(), 502),
        ("a CR in a value", stdout(b"X: a\rY: b\r\n\r\nx") + end(), 502),
        ("a space in a name", stdout(b"X Y: a\r\n\r\nx") + end(), 502),
        ("a folded line", stdout(b"X: a\r\n b\r\n\r\nx") + end(), 502),
        ("a status of four digits", stdout(b"Status: 2000\r\n\r\nx") + end(), 502),
        ("a status above 599", stdout(b"Status: 600\r\n\r\nx") + end(), 502),
        ("two statuses", stdout(b"Status: 200\r\nStatus: 201\r\n\r\nx") + end(), 502),
        ("a status line", stdout(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nx") + end(), 502),
        ("another request's record", record(6, HEAD + b"x", request=2), 502),
        ("a record of the connection", record(10, b"", request=0), 502),
        ("an end that is too short", stdout(HEAD + b"x") + record(3, b"\0\0\0"), 502),
        ("multiplexing refused", end(1), 502),
        ("two different lengths", stdout(b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx") + end(), 502),
    )

    def test_each_gives_its_status(self):
        for name, data, status in self.TABLE:
            with self.subTest(name):

                def script(pool, connection, number, data=data):
                    pool.read_request(connection)
                    connection.sendall(data)

                pool = FakePool(os.path.join(FRONT.socket_dir, "fake.sock"), script)
                try:
                    try:
                        response = get()
                    except Closed:  # after the head was passed on
                        self.assertEqual(name, "an end that is too short")
                        continue
                    self.assertEqual(response.status, status)
                    self.assertEqual(pool.requests, 1, "a request that was read is not sent again")
                    self.assertEqual("retry-after" in response.headers, status == 503)
                finally:
                    pool.stop()


class Framing(PoolTest):
    def test_an_answer_in_single_bytes_with_padding_and_messages(self):
        def script(pool, connection, number):
            pool.read_request(connection)
            data = record(7, b"a message\n", 3)
            data += b"".join(stdout(bytes([b]), b % 7) for b in HEAD + b"body in pieces") + record(6) + end()
            for i in range(len(data)):
                connection.sendall(data[i : i + 1])

        self.start_pool(script)
        self.assertEqual(get().body, b"body in pieces")

    def test_many_records_in_one_read(self):
        body = bytes(range(256)) * 40

        def script(pool, connection, number):
            pool.read_request(connection)
            connection.sendall(stdout(HEAD) + b"".join(stdout(body[i : i + 3]) for i in range(0, len(body), 3)) + end())

        self.start_pool(script)
        self.assertEqual(get().body, body)

    def test_early_hints_come_early_and_other_interim_answers_not_at_all(self):
        def script(pool, connection, number):
            while pool.read_request(connection) is not None:
                connection.sendall(stdout(b"Status: 102 Processing\r\n\r\nStatus: 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"))
                go_on.wait(10)
                connection.sendall(stdout(HEAD + b"ok") + end())

        go_on = threading.Event()
        self.start_pool(script)
        client = Client(FRONT)
        client.send(b"GET /info.php HTTP/1.1\r\nHost: fake.test\r\n\r\n")
        self.assertEqual(client.line(), b"HTTP/1.1 103 Early Hints")
        self.assertEqual((client.line(), client.line()), (b"Link: </a.css>; rel=preload", b""))
        go_on.set()
        response = client.read()
        self.assertEqual((response.status, response.body), (200, b"ok"))
        client.send(b"GET /info.php HTTP/1.0\r\nHost: fake.test\r\n\r\n")
        response = client.read()
        self.assertEqual((client.interim, response.status, response.body), ([], 200, b"ok"))
        client.close()

    def test_orders_and_framing_of_the_script_do_not_reach_the_client(self):
        def script(pool, connection, number):
            pool.read_request(connection)
            connection.sendall(
                stdout(
                    b"Connection: x\r\nTransfer-Encoding: chunked\r\nX-Sendfile: /etc/passwd\r\nX-Accel-Redirect: /x\r\n"
                    b"X-Request-Id: forged\r\n" + HEAD + b"ok"
                )
                + end()
            )

        self.start_pool(script)
        response = get()
        self.assertEqual(response.body, b"ok")
        for name in ("connection", "transfer-encoding", "x-sendfile", "x-accel-redirect"):
            self.assertNotIn(name, response.headers)
        self.assertNotIn("forged", response.headers["x-request-id"])

    def test_an_answer_that_breaks_off_after_its_head_cuts_the_connection(self):
        def script(pool, connection, number):
            pool.read_request(connection)
            connection.sendall(stdout(HEAD + b"half"))
            time.sleep(0.1)

        self.start_pool(script)
        with self.assertRaises(Closed):
            get()


class Kept(PoolTest):
    def test_a_connection_is_kept_for_the_next_request(self):
        def script(pool, connection, number):
            while pool.read_request(connection) is not None:
                connection.sendall(answer())

        pool = self.start_pool(script)
        for _ in range(10):
            self.assertEqual(get().body, b"ok")
        self.assertEqual(pool.connections, 1)

    def test_a_kept_connection_that_was_closed_costs_no_request(self):
        def script(pool, connection, number):
            pool.read_request(connection)
            connection.sendall(answer())
            # the next request is not read: the close resets it
            connection.recv(1, socket.MSG_PEEK)

        pool = self.start_pool(script)
        for _ in range(10):
            response = ask(FRONT, "/info.php", "POST", host="fake.test", body=b"x" * 500)
            self.assertEqual((response.status, response.body), (200, b"ok"))
        self.assertEqual(pool.requests, 10)

    def test_many_kept_connections_that_end_one_after_the_other_cost_no_request(self):
        turns = {}

        def script(pool, connection, number):
            turns[number] = threading.Semaphore(0)
            while pool.read_request(connection) is not None:
                if number <= 4:
                    turns[number].acquire(timeout=10)
                connection.sendall(answer())
            turns[number].acquire(timeout=10)

        pool = self.start_pool(script)
        clients = []
        for number in range(1, 5):
            clients.append(Client(FRONT))
            clients[-1].send(b"GET /info.php HTTP/1.1\r\nHost: fake.test\r\n\r\n")
            deadline = time.monotonic() + 5
            while pool.requests < number and time.monotonic() < deadline:
                time.sleep(0.01)
        for number, client in enumerate(clients, 1):  # the last one is that which is used first
            turns[number].release()
            self.assertEqual(client.read().body, b"ok")
            client.close()
        for connection in list(pool.open):
            connection.shutdown(socket.SHUT_RD)
        client = Client(FRONT)
        client.send(b"POST /info.php HTTP/1.1\r\nHost: fake.test\r\nContent-Length: 3\r\n\r\nabc")
        for number in (4, 3, 2, 1):
            time.sleep(0.1)
            turns[number].release()
        self.assertEqual(client.read().body, b"ok")
        client.close()
        self.assertEqual((pool.connections, pool.requests), (5, 5))

    def test_bytes_behind_an_answer_end_the_connection(self):
        def script(pool, connection, number):
            while pool.read_request(connection) is not None:
                connection.sendall(answer() + answer(b"smuggled"))

        pool = self.start_pool(script)
        for _ in range(3):
            self.assertEqual(get().body, b"ok")
        self.assertEqual(pool.connections, 3)

    def test_an_answer_before_the_request_was_read_is_passed_on(self):
        def script(pool, connection, number):
            connection.recv(1)
            connection.sendall(answer(b"early"))
            connection.shutdown(socket.SHUT_WR)
            time.sleep(0.2)

        self.start_pool(script)
        self.assertEqual(get().body, b"early")

    def test_a_pool_that_never_reads_is_tried_thrice_and_no_more(self):
        def script(pool, connection, number):
            connection.recv(1)

        pool = self.start_pool(script)
        self.assertEqual(get().status, 502)
        self.assertEqual((pool.connections, pool.requests), (3, 0))


class Silence(PoolTest):
    def test_silence_after_the_head_cuts_the_connection(self):
        def script(pool, connection, number):
            pool.read_request(connection)
            connection.sendall(stdout(HEAD + b"half"))
            connection.recv(1)

        self.start_pool(script)
        with self.assertRaises(Closed):
            get()

    def test_no_answer_in_time_is_a_504(self):
        def script(pool, connection, number):
            pool.read_request(connection)
            connection.recv(1)

        self.start_pool(script)
        begin = time.monotonic()
        response = get()
        self.assertEqual(response.status, 504)
        self.assertIn(response.headers["x-request-id"], FRONT.proxy.messages_text())
        self.assertLess(time.monotonic() - begin, 12)

    def test_a_client_that_leaves_closes_the_pools_connection(self):
        closed = []

        def script(pool, connection, number):
            pool.read_request(connection)
            begin = time.monotonic()
            closed.append((connection.recv(1), time.monotonic() - begin))

        pool = self.start_pool(script)
        client = Client(FRONT)
        client.send(b"GET /info.php HTTP/1.1\r\nHost: fake.test\r\n\r\n")
        deadline = time.monotonic() + 5
        while pool.requests < 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        client.close()
        deadline = time.monotonic() + 3
        while not closed and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(closed[0][0], b"")
        self.assertLess(closed[0][1], 2)

    def test_a_full_backlog_is_waited_for_and_then_a_503(self):
        path = os.path.join(FRONT.socket_dir, "fake.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(0)
            listener.settimeout(10)
            with socket.socket(socket.AF_UNIX) as filler:
                filler.connect(path)
                begin = time.monotonic()
                response = get()
                self.assertEqual(response.status, 503)
                self.assertGreater(time.monotonic() - begin, 0.9)
                client = Client(FRONT)
                client.send(b"GET /info.php HTTP/1.1\r\nHost: fake.test\r\n\r\n")
                time.sleep(0.3)
                listener.accept()[0].close()
                connection = listener.accept()[0]
                connection.recv(65536)
                connection.sendall(answer(b"late"))
                self.assertEqual(client.read().body, b"late")
                connection.close()
                client.close()
        os.unlink(path)

    def test_a_stalled_client_stops_the_reading_of_what_must_not_be_kept(self):
        sent = []

        def script(pool, connection, number):
            pool.read_request(connection)
            connection.sendall(stdout(b"X-Accel-Buffering: no\r\n" + HEAD))
            connection.settimeout(1)
            try:
                while len(sent) < 2000:
                    connection.sendall(stdout(b"x" * 65535))
                    sent.append(1)
            except TimeoutError:
                pass

        self.start_pool(script)
        client = Client(FRONT)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(b"GET /info.php HTTP/1.1\r\nHost: fake.test\r\n\r\n")
        time.sleep(2)
        self.assertLess(len(sent), 300, "about what the sockets hold")
        client.close()


class Drain(PoolTest):
    def test_sigterm_answers_what_has_begun(self):
        def script(pool, connection, number):
            pool.read_request(connection)
            time.sleep(1)
            connection.sendall(answer(b"finished"))

        self.start_pool(script)
        idle, busy = Client(FRONT), Client(FRONT)
        busy.send(b"GET /info.php HTTP/1.1\r\nHost: fake.test\r\n\r\n")
        time.sleep(0.3)
        status = FRONT.proxy.process.send_signal(15)
        self.assertTrue(idle.ended())
        response = busy.read()
        self.assertEqual((response.body, response.headers["connection"]), (b"finished", "close"))
        self.assertTrue(busy.ended())
        idle.close()
        busy.close()
        status = FRONT.proxy.stop()
        self.assertEqual(status, 0)
        FRONT.proxy.start()


if __name__ == "__main__":
    unittest.main(verbosity=1)
