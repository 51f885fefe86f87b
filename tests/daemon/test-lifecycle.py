# SPDX-License-Identifier: MIT
"""Starts, deaths, reloads and ends of a pool by hand."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import status as control_status  # noqa: E402
from engine import Connection, Engine, Load, children, parameters, until  # noqa: E402
from fcgi_client import Lost  # noqa: E402

HELLO = '<?php echo "hello";'
SLEEP = '<?php usleep((int) $_GET["ms"] * 1000); echo "slept";'


class LifecycleTest(unittest.TestCase):
    config = "workers: { max = 4; min = 2; spare = 1; };"

    def setUp(self):
        self.pool = Engine(self.config)
        self.addCleanup(self.pool.remove)
        self.pool.write("hello.php", HELLO)
        self.pool.write("sleep.php", SLEEP)
        self.pool.start()
        until("two workers", lambda: len(self.pool.workers()) >= 2)

    def test_a_killed_worker_is_replaced(self):
        victim = self.pool.workers()[0]
        os.kill(victim, signal.SIGKILL)
        until("a new worker", lambda: len(self.pool.workers()) >= 2 and victim not in self.pool.workers())
        self.assertEqual(self.pool.ask("hello.php").body, b"hello")

    def test_the_death_of_a_busy_worker_names_its_request(self):
        results = []
        thread = threading.Thread(target=lambda: results.append(self.lost_request()))
        thread.start()
        until("it runs", lambda: "sleep.php" in self.status())
        for worker in self.pool.workers():
            os.kill(worker, signal.SIGKILL)
        thread.join()
        self.assertEqual(results, ["lost"])
        until("the log names it", lambda: "SIGKILL while it ran GET /sleep.php?ms=3000" in self.pool.log())
        self.assertEqual(self.pool.ask("hello.php").body, b"hello")

    def lost_request(self):
        try:
            self.pool.ask("sleep.php", "ms=3000")
        except Lost:
            return "lost"
        return "answered"

    def status(self):
        result = subprocess.run(
            [os.environ["PHP_POOLCTL"], "--config-dir", self.pool.directory, "--run-dir", self.pool.directory + "/rd",
             "status", "test"], capture_output=True, text=True, check=False)
        return result.stdout

    def test_what_a_dead_worker_had_handed_over_is_served(self):
        until("both are idle", lambda: (s := control_status(self.pool))["workers"]["idle"] == 2 and s["parked"] == 0)
        idle = {worker: len(os.listdir(f"/proc/{worker}/fd")) for worker in self.pool.workers()}

        def holds_none(worker):
            """And then it stands, so that it takes none any more: one that it holds is lost with it."""
            os.kill(worker, signal.SIGSTOP)
            time.sleep(0.01)
            if len(os.listdir(f"/proc/{worker}/fd")) == idle[worker]:
                return True
            os.kill(worker, signal.SIGCONT)
            return False

        os.kill(self.pool.manager, signal.SIGSTOP)
        try:
            connections = [Connection(self.pool.socket) for _ in range(12)]
            time.sleep(0.2)  # the workers accept them, and give them to a manager that does not look
            for worker in idle:
                until("it holds none", lambda w=worker: holds_none(w))
                os.kill(worker, signal.SIGKILL)
            time.sleep(0.1)
        finally:
            os.kill(self.pool.manager, signal.SIGCONT)
        for connection in connections:
            self.addCleanup(connection.close)
            self.assertEqual(connection.request(parameters(self.pool.root + "/hello.php")).body, b"hello")

    def test_a_killed_template_costs_no_request(self):
        with Load(self.pool) as load:
            time.sleep(0.3)
            for generation in (2, 3):
                os.kill(self.pool.templates()[0], signal.SIGKILL)
                until("a new generation", lambda g=generation: f"Generation {g} serves" in self.pool.log())
            time.sleep(0.3)
        self.assertEqual(load.lost, [])
        self.assertGreater(load.served, 50)
        until("one template is left", lambda: len(self.pool.templates()) == 1)

    def test_templates_killed_amid_forks_cost_no_request(self):
        number = 1
        with Load(self.pool) as load:
            for pause in range(4):
                for _ in range(4):  # its first worker serves, others are on their way
                    number += 1
                    time.sleep(0.003 * pause)
                    os.kill(self.pool.templates()[-1], signal.SIGKILL)
                    until("a new generation", lambda: f"Generation {number} serves" in self.pool.log())
                time.sleep(1.1)  # a template of some age: not a crash loop
        self.assertEqual(load.lost, [])

    def test_templates_that_die_again_and_again_wait_for_each_other(self):
        for number in range(2, 8):
            until("a template", lambda: self.pool.templates())
            begin = time.monotonic()
            os.kill(self.pool.templates()[-1], signal.SIGKILL)
            if number < 7:
                until("a new generation", lambda n=number: f"Generation {n} serves" in self.pool.log())
        until("the log says it", lambda: "6 templates in a row died within a second: the next one starts in 1 s"
              in self.pool.log())
        until("then it starts", lambda: "Generation 7 serves" in self.pool.log())
        self.assertGreater(time.monotonic() - begin, 1)
        self.assertEqual(self.pool.ask("hello.php").body, b"hello")

    def test_a_killed_manager_leaves_nothing_behind(self):
        below = self.pool.templates() + self.pool.workers()
        connection = Connection(self.pool.socket)
        self.addCleanup(connection.close)
        connection.request(parameters(self.pool.root + "/hello.php"), keep=True)
        os.kill(self.pool.manager, signal.SIGKILL)
        self.pool.process.wait()
        until("all others have gone", lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in below))
        self.pool.process = None

    def test_reloads_lose_no_request(self):
        first = set(self.pool.workers())
        with Load(self.pool) as load:
            for generation in (2, 3, 4):
                os.kill(self.pool.manager, signal.SIGHUP)
                until("the next generation", lambda g=generation: f"Generation {g} serves" in self.pool.log())
        self.assertEqual(load.lost, [])
        self.assertGreater(load.served, 50)
        until("the old workers have gone", lambda: not first & set(self.pool.workers()))
        until("one template is left", lambda: len(self.pool.templates()) == 1)

    def test_a_reload_lets_the_running_request_end(self):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.pool.ask("sleep.php", "ms=1000").body))
        thread.start()
        time.sleep(0.2)
        os.kill(self.pool.manager, signal.SIGHUP)
        thread.join()
        self.assertEqual(answers, [b"slept"])

    def test_a_kept_connection_outlives_a_reload(self):
        connection = Connection(self.pool.socket)
        self.addCleanup(connection.close)
        for generation in (2, 3):
            self.assertEqual(connection.request(parameters(self.pool.root + "/hello.php"), keep=True).body, b"hello")
            os.kill(self.pool.manager, signal.SIGHUP)
            until("the next generation", lambda g=generation: f"Generation {g} serves" in self.pool.log())
        self.assertEqual(connection.request(parameters(self.pool.root + "/hello.php"), keep=True).body, b"hello")

    def test_a_wrong_configuration_is_refused_and_the_old_one_serves(self):
        before = set(self.pool.workers())
        for config in ("workers: { max = 0; };", "nonsense = 1;", "workers: { max = 4096; "):
            self.pool.configure(config)
            size = len(self.pool.log())
            os.kill(self.pool.manager, signal.SIGHUP)
            until("file and line", lambda s=size: "test.conf:" in self.pool.log()[s:])
            self.assertEqual(self.pool.ask("hello.php").body, b"hello")
        self.pool.configure('php: { admin_values = [ "opcache.preload=/nonexistent.php" ]; };')
        size = len(self.pool.log())
        os.kill(self.pool.manager, signal.SIGHUP)
        until("the template's end", lambda: "ended with status" in self.pool.log()[size:])
        self.assertEqual(self.pool.ask("hello.php").body, b"hello")
        self.assertTrue(before & set(self.pool.workers()), "the old workers are there")

    def test_a_stop_lets_the_running_request_end(self):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.pool.ask("sleep.php", "ms=1500").body))
        thread.start()
        until("it runs", lambda: any(w["uri"].startswith("/sleep.php") for w in control_status(self.pool)["list"]))
        self.assertEqual(self.pool.stop(), 0)
        thread.join()
        self.assertEqual(answers, [b"slept"])

    def test_idle_connections_do_not_hinder_a_stop(self):
        kept = Connection(self.pool.socket)
        silent = Connection(self.pool.socket)
        self.addCleanup(kept.close)
        self.addCleanup(silent.close)
        kept.request(parameters(self.pool.root + "/hello.php"), keep=True)
        begin = time.monotonic()
        self.assertEqual(self.pool.stop(), 0)
        self.assertLess(time.monotonic() - begin, 5)

    def test_half_a_head_does_not_hinder_a_stop(self):
        half = Connection(self.pool.socket)
        self.addCleanup(half.close)
        half.socket.sendall(b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01")
        time.sleep(0.1)
        begin = time.monotonic()
        self.assertEqual(self.pool.stop(), 0)
        self.assertLess(time.monotonic() - begin, 6)

    def test_a_request_on_a_new_connection_at_the_stop_is_served(self):
        until("nothing else is parked", lambda: control_status(self.pool)["parked"] == 0)
        connection = Connection(self.pool.socket)
        self.addCleanup(connection.close)
        until("it is accepted, and waits for its first byte", lambda: control_status(self.pool)["parked"] == 1)
        self.pool.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        self.assertEqual(connection.request(parameters(self.pool.root + "/hello.php")).body, b"hello")
        self.assertEqual(self.pool.process.wait(10), 0)
        self.pool.process = None

    def test_another_php_ini(self):
        own = self.pool.write("own.ini", "precision = 7\nuser_agent = own\n")
        self.pool.write("ini.php", '<?php echo ini_get("precision"), " ", ini_get("user_agent"), " ", php_ini_loaded_file();')
        for ini, expected in ((own, "7 own " + own), ("/dev/null", "14  /dev/null")):
            self.pool.configure(f'php: {{ ini = "{ini}"; }};')
            before = self.pool.log().count("serves, PHP")
            self.pool.process.send_signal(signal.SIGHUP)
            until("the reload", lambda n=before: self.pool.log().count("serves, PHP") > n)
            until(f"{ini} is read", lambda e=expected: self.pool.ask("ini.php").body.decode() == e)
        self.pool.configure('php: { ini = "/none/php.ini"; };')
        self.pool.process.send_signal(signal.SIGHUP)
        until("the refusal", lambda: 'php.ini = "/none/php.ini" cannot be read: No such file' in self.pool.log())
        self.assertEqual(self.pool.ask("hello.php").body, b"hello")


class Deaf(unittest.TestCase):
    def test_a_connection_is_not_lost_with_who_was_woken_for_it(self):
        """The kernel wakes one of those that wait; here the first, who is the test, and does not care."""
        pool = Engine("workers: { max = 2; min = 2; };", held=True)
        self.addCleanup(pool.remove)
        pool.write("hello.php", HELLO)
        deaf, ended = select.epoll(), threading.Event()
        deaf.register(pool.listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        pool.start()
        until("two are idle", lambda: control_status(pool)["workers"]["idle"] == 2)

        def wait():
            while not ended.is_set():
                if deaf.poll(0.2):
                    time.sleep(0.3)

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            for _ in range(5):
                self.assertEqual(pool.ask("hello.php", timeout=5).body, b"hello")
                time.sleep(0.4)  # until the test waits again
        finally:
            ended.set()
            thread.join()
            deaf.close()


class ManyWorkersTest(unittest.TestCase):
    def test_deaths_that_a_template_could_not_tell_of(self):
        """A manager that does not look, more deaths than its channel holds, and the end of who saw them."""
        pool = Engine("workers: { max = 400; min = 400; };")
        self.addCleanup(pool.remove)
        pool.write("hello.php", HELLO)
        pool.start()
        until("all are there", lambda: len(pool.workers()) == 400, 30)
        os.kill(pool.manager, signal.SIGSTOP)
        try:
            template = pool.templates()[0]
            for worker in pool.workers():
                os.kill(worker, signal.SIGKILL)
            until("the channel is full", lambda: is_stuck(template), 20)
            os.kill(template, signal.SIGKILL)
        finally:
            os.kill(pool.manager, signal.SIGCONT)
        until("another template serves", lambda: "Generation 2 serves" in pool.log(), 20)
        self.assertEqual(pool.ask("hello.php").body, b"hello")
        until("the dead are known", lambda: "nobody saw" in pool.log())
        listed = until("they are no more", lambda: (s := control_status(pool)) and all(w["generation"] == 2 for w in s["list"]) and s, 10)
        self.assertEqual(listed["workers"]["draining"], 0)
        self.assertEqual(pool.stop(), 0)


def zombies(pid):
    """Children that have ended and that it has not waited for."""
    states = []
    for child in children(pid):
        try:
            with open(f"/proc/{child}/stat", encoding="ascii") as f:
                states.append(f.read().rpartition(")")[2].split()[0])
        except OSError:
            pass
    return states.count("Z")


def sleeps(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rpartition(")")[2].split()[0] == "S"


def is_stuck(pid):
    """There is something to do, and it does not get on, though it has a processor."""
    before = zombies(pid)
    time.sleep(0.3)
    return before > 0 and zombies(pid) == before and sleeps(pid)


class DemandTest(unittest.TestCase):
    def pool(self, config):
        pool = Engine(config)
        self.addCleanup(pool.remove)
        pool.write("hello.php", HELLO)
        pool.write("sleep.php", SLEEP)
        pool.start()
        return pool

    def test_idle_workers_go_and_come_again(self):
        pool = self.pool('workers: { max = 4; min = 0; spare = 0; idle_timeout = "1s"; };')
        self.assertEqual(pool.ask("hello.php").body, b"hello")
        until("no worker is left", lambda: not pool.workers())
        for _ in range(3):
            self.assertEqual(pool.ask("hello.php").body, b"hello")

    def test_workers_retire_after_their_share(self):
        pool = self.pool("workers: { max = 1; max_requests = 5; };")
        first = pool.workers()
        for _ in range(20):
            self.assertEqual(pool.ask("hello.php").body, b"hello")
        until("a new worker", lambda: pool.workers() and pool.workers() != first)

    def test_an_idle_pool_ends_by_itself(self):
        begin = time.monotonic()
        pool = self.pool('timeouts: { idle_exit = "10s"; };')
        self.assertEqual(pool.process.wait(40), 0)
        self.assertGreater(time.monotonic() - begin, 10)
        pool.process = None


class CommandLine(unittest.TestCase):
    def run_poold(self, *arguments):
        return subprocess.run([os.environ["PHP_POOLD"], *arguments], capture_output=True, text=True, timeout=20,
                              check=False)

    def test_usage(self):
        for arguments in ((), ("a", "b"), ("--unknown",)):
            result = self.run_poold(*arguments)
            self.assertEqual(result.returncode, 64, arguments)
            self.assertIn("Usage:", result.stderr)
        for argument in ("--help", "--version"):
            self.assertEqual(self.run_poold(argument).returncode, 0)

    def test_what_cannot_name_a_pool(self):
        for name in ("pool", "pool-x", "a.b", "x" * 28, "../etc"):
            result = self.run_poold(name)
            self.assertEqual(result.returncode, 78, name)
            self.assertIn("cannot be the name of a pool", result.stderr)

    def test_without_sockets_it_says_how_to_try(self):
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(directory + "/conf.d")
            with open(directory + "/conf.d/x.conf", "w", encoding="ascii") as f:
                f.write('root = "/srv";')
            result = self.run_poold("x", "--config-dir", directory)
            self.assertEqual(result.returncode, 1)
            self.assertIn("systemd-socket-activate", result.stderr)
            self.assertEqual(self.run_poold("x", "--config-dir", directory, "--check").returncode, 0)
            dump = self.run_poold("x", "--config-dir", directory, "--dump-config").stdout
            self.assertIn("idle_timeout", dump)


if __name__ == "__main__":
    unittest.main(verbosity=2)
