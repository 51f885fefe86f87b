# SPDX-License-Identifier: MIT
"""The processes of php-pool-proxy: they share the load, one may die, and a reload is all of theirs or none's."""

import contextlib
import os
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import Client, Closed, Front, ask  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
GET = b"GET /a.txt HTTP/1.1\r\nHost: example.org\r\n\r\n"


class ProcessesTest(unittest.TestCase):
    processes = 2
    environment = {}

    def setUp(self):
        self.front = Front(PROGRAM, self.processes)
        self.addCleanup(self.front.remove)
        os.environ.update(self.environment)
        self.front.proxy.start()
        for name in self.environment:
            del os.environ[name]
        self.addCleanup(self.stop)

    def stop(self):
        status = self.front.proxy.stop()
        text = self.front.proxy.messages_text()
        self.assertEqual(status, 0, text)
        self.assertNotIn("Sanitizer", text)
        self.assertNotIn("runtime error", text)

    def children(self):
        return self.front.proxy.pids()[1:]

    def connections(self, pid):
        """How many connections of clients the process has."""
        port = f":{self.front.proxy.port:04X}"
        with open(f"/proc/{pid}/net/tcp", encoding="ascii") as f:
            inodes = {fields[9] for fields in (line.split() for line in f) if fields[1].endswith(port) and fields[3] == "01"}
        own = set()
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                own.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except OSError:
                pass
        return len([inode for inode in inodes if f"socket:[{inode}]" in own])

    def clients(self, n):
        clients = [Client(self.front) for _ in range(n)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(GET)
            self.assertEqual(client.read().status, 200)
        return clients

    def wait_for_children(self, n, other_than=()):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                children = self.children()
            except OSError:
                continue
            if len(children) == n and not set(children) & set(other_than):
                return children
            time.sleep(0.05)
        raise AssertionError("the processes are not there")


class Sharing(ProcessesTest):
    processes = 3

    def test_each_has_a_part_of_the_connections(self):
        self.assertEqual(len(self.children()), 3)
        clients = self.clients(30)
        counts = [self.connections(pid) for pid in self.children()]
        self.assertEqual(sum(counts), 30)
        self.assertGreaterEqual(min(counts), 7, counts)
        for client in clients:
            client.close()
        time.sleep(0.2)
        self.assertEqual([self.connections(pid) for pid in self.children()], [0, 0, 0])

    def test_the_limit_of_one_is_not_that_of_another(self):
        self.front.write("conf/proxy.conf", f'socket_dir = "{self.front.socket_dir}"; limits: {{ connections = 4; }};\n')
        self.front.proxy.reload()
        busy = [Client(self.front) for _ in range(12)]
        for client in busy:
            self.addCleanup(client.close)
            client.send(GET[:20])
        late = Client(self.front)
        self.addCleanup(late.close)
        late.send(GET)
        deadline = time.monotonic() + 5
        while min(self.connections(pid) for pid in self.children()) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertGreaterEqual(min(self.connections(pid) for pid in self.children()), 4)
        busy[5].close()
        self.assertEqual(late.read().status, 200)


class Death(ProcessesTest):
    def test_the_others_serve_on_and_a_new_one_comes(self):
        clients = self.clients(8)
        victim, other = self.children()
        lost = self.connections(victim)
        os.kill(victim, signal.SIGSEGV)
        ended = alive = 0
        for client in clients:
            try:
                client.send(GET)
                client.read()
                alive += 1
            except (Closed, OSError):
                ended += 1
        self.assertEqual((ended, alive), (lost, 8 - lost))
        children = self.wait_for_children(2, (victim,))
        self.assertIn(other, children)
        self.clients(8)
        self.assertIn(f"Process {victim} was ended by signal SEGV; its {lost} connections are lost", self.front.proxy.messages_text())

    def test_what_was_passed_to_one_that_died_is_served_by_its_successor(self):
        self.clients(4)
        victim = self.children()[0]
        os.kill(victim, signal.SIGSTOP)
        waiting = [Client(self.front) for _ in range(12)]
        for client in waiting:
            self.addCleanup(client.close)
            client.send(GET)
        time.sleep(0.3)
        os.kill(victim, signal.SIGKILL)
        answered = 0
        for client in waiting:
            try:
                answered += client.read().status == 200
            except Closed:
                pass
        self.assertEqual(answered, 12)

    def test_one_that_dies_again_and_again_does_not_keep_the_machine_busy(self):
        seen = set()
        end = time.monotonic() + 3
        while time.monotonic() < end:
            with contextlib.suppress(OSError):  # one that has just ended
                for pid in self.front.proxy.pids()[1:2]:
                    seen.add(pid)
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        self.assertLess(len(seen), 20)  # of 150
        self.wait_for_children(2)
        self.clients(4)


class Orphans(ProcessesTest):
    def test_without_their_supervisor_they_end(self):
        children = self.children()
        self.front.proxy.process.kill()
        self.front.proxy.process.wait()
        deadline = time.monotonic() + 5
        while any(os.path.exists(f"/proc/{pid}") for pid in children) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertFalse(any(os.path.exists(f"/proc/{pid}") for pid in children))
        self.front.proxy.process = None
        self.front.proxy.notify.close()
        os.unlink(self.front.proxy.notify_path)


class Watchdog(ProcessesTest):
    environment = {"WATCHDOG_USEC": "6000000"}

    def test_one_that_hangs_is_replaced(self):
        victim = self.children()[0]
        os.kill(victim, signal.SIGSTOP)
        self.wait_for_watchdog()
        self.wait_for_children(2, (victim,))
        self.assertIn(f"Process {victim} has hung", self.front.proxy.messages_text())
        self.clients(4)

    def wait_for_watchdog(self):
        for _ in range(5):
            self.front.proxy.wait_for("WATCHDOG=1")


class Reload(ProcessesTest):
    def test_one_that_comes_during_another_follows(self):
        def configure(host):
            self.front.write("conf/conf.d/more.conf", f'root = "{self.front.base}/www"; site: {{ docroot = "public"; hosts = [ "{host}" ]; }};\n')
            self.front.proxy.process.send_signal(signal.SIGHUP)

        held = self.children()[0]
        os.kill(held, signal.SIGSTOP)
        try:
            configure("one.test")
            self.front.proxy.wait_for("RELOADING=1")
            configure("two.test")
            time.sleep(0.3)
        finally:
            os.kill(held, signal.SIGCONT)
        for message in ("READY=1", "RELOADING=1", "READY=1"):
            self.front.proxy.wait_for(message)
        for _ in range(6):  # whichever process takes it
            self.assertEqual(ask(self.front, "/a.txt", host="two.test").status, 200)

    def test_no_connection_is_cut_and_all_have_the_new_configuration(self):
        failures, stop = [], threading.Event()

        def visit():
            client = Client(self.front)
            while not stop.is_set():
                try:
                    client.send(GET)
                    if client.read().status != 200:
                        failures.append("status")
                except (Closed, OSError) as e:
                    failures.append(repr(e))
                    return
            client.close()

        threads = [threading.Thread(target=visit) for _ in range(8)]
        for thread in threads:
            thread.start()
        for i in range(20):
            self.front.write("conf/conf.d/more.conf", f'root = "{self.front.base}/www"; site: {{ docroot = "public"; hosts = [ "more{i}.test" ]; }};\n')
            self.front.proxy.reload()
            for _ in range(6):  # whichever process takes it
                self.assertEqual(ask(self.front, "/a.txt", host=f"more{i}.test").status, 200)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_a_broken_file_refuses_it_for_all(self):
        self.front.write("conf/conf.d/bad.conf", "root = 1;\n")
        self.assertIn("refused", self.front.proxy.reload())
        self.assertIn("bad.conf:1:", self.front.proxy.messages_text())
        self.clients(8)
        os.unlink(os.path.join(self.front.config_dir, "conf.d/bad.conf"))
        self.assertNotIn("refused", self.front.proxy.reload())

    def test_a_process_that_dies_meanwhile_does_not_hold_it_up(self):
        victim = self.children()[0]
        os.kill(victim, signal.SIGSTOP)
        self.front.proxy.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        os.kill(victim, signal.SIGKILL)
        self.front.proxy.wait_for("RELOADING=1")
        self.front.proxy.wait_for("READY=1")
        self.wait_for_children(2, (victim,))
        self.clients(8)


class Drain(ProcessesTest):
    def test_who_has_just_connected_is_served_and_who_is_busy_is_told(self):
        (kept,) = self.clients(1)
        fresh = Client(self.front)
        self.addCleanup(fresh.close)
        children, deadline = self.children(), time.monotonic() + 5
        while sum(self.connections(pid) for pid in children) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in children:
            os.kill(pid, signal.SIGSTOP)
        try:
            self.front.proxy.process.send_signal(signal.SIGTERM)
            self.front.proxy.wait_for("STOPPING=1")
            time.sleep(0.1)  # they have been told
            kept.send(GET)
        finally:
            for pid in children:
                os.kill(pid, signal.SIGCONT)
        response = kept.read()
        self.assertEqual((response.status, response.headers["connection"]), (200, "close"))
        time.sleep(0.6)
        fresh.send(GET)
        response = fresh.read()
        self.assertEqual((response.status, response.headers["connection"]), (200, "close"))

    def test_silent_kept_connections_do_not_hold_it_up(self):
        self.clients(8)
        begin = time.monotonic()
        self.assertEqual(self.front.proxy.stop(), 0)
        self.assertLess(time.monotonic() - begin, 10)


class IdleExit(ProcessesTest):
    def test_it_ends_when_nobody_comes(self):
        self.front.write("conf/proxy.conf", f'socket_dir = "{self.front.socket_dir}"; timeouts: {{ idle_exit = "10s"; }};\n')
        self.front.proxy.reload()
        begin = time.monotonic()
        time.sleep(4)
        self.clients(1)[0].close()
        self.assertEqual(self.front.proxy.process.wait(30), 0)
        self.assertGreater(time.monotonic() - begin, 13)
        self.front.proxy.process = None
        self.front.proxy.notify.close()
        os.unlink(self.front.proxy.notify_path)


if __name__ == "__main__":
    unittest.main(verbosity=1)
