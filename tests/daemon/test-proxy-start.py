# SPDX-License-Identifier: MIT
"""php-pool-proxy's command line, its start with broken files, and its bound on connections."""

import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import Client, Front, ask  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=20, check=False)


class StartTest(unittest.TestCase):
    def setUp(self):
        self.front = Front(PROGRAM)
        self.addCleanup(self.front.remove)

    def start(self):
        self.front.proxy.start()
        self.addCleanup(self.front.proxy.stop)

    def config(self, *arguments):
        return run("--config-dir", self.front.config_dir, *arguments)


class CommandLine(StartTest):
    def test_usage(self):
        for arguments in (("--unknown",), ("extra",), ("--config-dir",), ("--check=1",)):
            result = run(*arguments)
            self.assertEqual(result.returncode, 64, arguments)
            self.assertIn("Usage:", result.stderr)
        for argument in ("--help", "--version"):
            result = run(argument)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("php-pool-proxy", result.stdout)

    def test_without_a_socket_it_says_how_to_try(self):
        result = self.config()
        self.assertEqual(result.returncode, 78)
        self.assertIn("systemd-socket-activate", result.stderr)

    def test_check_names_file_line_and_reason(self):
        self.assertEqual(self.config("--check").returncode, 0)
        self.front.write("conf/conf.d/bad.conf", 'root = "/srv";\nworkers: { max = "many"; };\n')
        result = self.config("--check")
        self.assertEqual(result.returncode, 78)
        self.assertIn("bad.conf:2:", result.stderr)
        self.front.write("conf/conf.d/bad.conf", 'root = "/srv"; site: { hosts = [ "r" ]; rules = ( { match = "("; script = "/x.php"; } ); };\n')
        self.assertEqual(self.config("--check").returncode, 78)
        os.unlink(os.path.join(self.front.config_dir, "conf.d/bad.conf"))
        self.front.write("conf/proxy.conf", "nonsense = 1;\n")
        result = self.config()
        self.assertEqual(result.returncode, 78)
        self.assertIn("proxy.conf:1:", result.stderr)

    def test_the_dump_is_a_valid_file(self):
        dump = self.config("--dump-config")
        self.assertEqual(dump.returncode, 0)
        self.front.write("conf/proxy.conf", dump.stdout)
        again = self.config("--dump-config")
        self.assertEqual((again.returncode, again.stdout), (0, dump.stdout))


class BrokenSites(StartTest):
    def test_the_others_are_served_and_the_broken_one_is_a_503(self):
        self.front.write("conf/conf.d/bad.conf", 'root = "/srv";\nsite: { hosts = [ "bad.test" ]; };\nworkers: { max = "many"; };\n')
        self.front.write(
            "conf/conf.d/worse.conf",
            'root = "/srv"; site: { hosts = [ "worse.test" ]; rules = ( { match = "("; script = "/x.php"; } ); };\n',
        )
        self.start()
        for host, status in (("example.org", 200), ("bad.test", 503), ("worse.test", 503), ("other.test", 404)):
            self.assertEqual(ask(self.front, "/a.txt", host=host).status, status, host)
        status = next(m for m in self.front.proxy.messages if "STATUS=" in m)
        self.assertIn("bad", status)
        self.assertIn("worse", status)

    def test_a_document_root_that_is_not_there_is_a_503_until_it_is(self):
        self.front.write("conf/conf.d/late.conf", f'root = "{self.front.base}/late"; site: {{ hosts = [ "late.test" ]; }};\n')
        self.start()
        self.assertEqual(ask(self.front, "/a.txt", host="late.test").status, 503)
        self.front.write("late/a.txt", "now")
        self.assertEqual(ask(self.front, "/a.txt", host="late.test").body, b"now")


class Limits(StartTest):
    def test_the_connection_that_waited_longest_makes_room(self):
        path = "conf/proxy.conf"
        self.front.write(path, f'socket_dir = "{self.front.socket_dir}"; processes = 1; limits: {{ connections = 16; }};\n')
        self.start()
        clients = [Client(self.front) for _ in range(16)]
        for client in clients[1:]:  # the first has never said a word
            client.send(b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
            self.assertEqual(client.read().status, 200)
        more = [Client(self.front) for _ in range(4)]
        for client in more:
            client.send(b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
            self.assertEqual(client.read().status, 200)
        for client in clients[:4]:
            self.assertTrue(client.ended())
        self.assertEqual(self.front.proxy.messages_text().count("limits.connections, LimitNOFILE="), 1)
        for client in clients[4:]:
            client.send(b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
            self.assertEqual(client.read().status, 200)
        for client in clients + more:
            client.close()

    def test_who_sends_many_requests_ahead_does_not_keep_others_from_their_turn(self):
        self.front.write("conf/proxy.conf", f'socket_dir = "{self.front.socket_dir}"; processes = 1;\n')
        self.start()
        clients = [Client(self.front) for _ in range(2)]
        for client in clients:
            client.send(b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
            client.read()
        server = self.front.proxy.pids()[1]
        os.kill(server, signal.SIGSTOP)
        for client in clients:
            client.send(b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n" * 400)
        os.kill(server, signal.SIGCONT)
        ids = [[int(client.read().headers["x-request-id"], 16) for _ in range(400)] for client in clients]
        for client in clients:
            client.close()
        # one process numbers its requests in order
        self.assertLess(max(ids[0][0], ids[1][0]), min(ids[0][-1], ids[1][-1]) - 300)

    def test_the_journal_names_the_limit_that_a_client_has_met_and_is_not_flooded(self):
        self.front.write("conf/proxy.conf", f'socket_dir = "{self.front.socket_dir}"; processes = 1; timeouts: {{ header = "1s"; }};\n')
        self.start()
        silent = Client(self.front)
        silent.send(b"GET /a.txt HTTP/1.1\r\nHost: exam")
        self.assertEqual(silent.read().status, 408)
        silent.close()
        host = "fake.test"
        self.assertEqual(ask(self.front, "/info.php", "POST", ["Content-Length: 2000"], host=host).status, 413)
        for _ in range(30):
            self.assertEqual(ask(self.front, "/" + "x" * 5000).status, 414)
            self.assertEqual(ask(self.front, "/a.txt", headers=["A: b"] * 200).status, 431)
        text = self.front.proxy.messages_text()
        for key in ("timeouts.header", "limits.body", "limits.head"):
            self.assertIn(key, text)
        self.assertLess(text.count("127.0.0.1, was refused"), 10)

    def test_when_descriptors_run_out_others_are_served_and_it_recovers(self):
        self.front.proxy.prefix = ["prlimit", "--nofile=160:160"]
        self.start()
        self.assertIn("LimitNOFILE=160", self.front.proxy.messages_text())
        clients = [Client(self.front) for _ in range(200)]
        for client in clients[-4:]:
            client.send(b"GET /empty.html HTTP/1.1\r\nHost: example.org\r\n\r\n")
        self.assertEqual(clients[-1].read().status, 200)
        for client in clients:
            client.close()
        self.assertEqual(ask(self.front, "/a.txt").body, b"0123456789")
        self.assertLess(self.front.proxy.messages_text().count("Cannot accept"), 3)

    def test_busy_connections_are_not_closed_for_new_ones(self):
        self.front.write("conf/proxy.conf", f'socket_dir = "{self.front.socket_dir}"; processes = 1; limits: {{ connections = 16; }};\n')
        self.start()
        busy = [Client(self.front) for _ in range(16)]
        for client in busy:
            client.send(b"GET /a.txt HTTP/1.1\r\nHost: exam")
        late = Client(self.front)
        late.send(b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n")
        for client in busy:
            client.send(b"ple.org\r\nConnection: close\r\n\r\n")
            self.assertEqual(client.read().status, 200)
            client.close()
        self.assertEqual(late.read().status, 200)
        late.close()


if __name__ == "__main__":
    unittest.main(verbosity=1)
