# SPDX-License-Identifier: MIT
"""The life of a resident script: boot, reload, recycling, end, and what does not boot."""

import os
import re
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import call, status  # noqa: E402
from engine import Engine, Notifying, until  # noqa: E402
from fcgi import OVERLOADED  # noqa: E402

APPLICATION = """<?php
usleep(%(boot_ms)d * 1000);
%(before)s
$n = 0;
$handler = function () use (&$n) {
    $n++;
    if (isset($_GET["ms"])) usleep((int) $_GET["ms"] * 1000);
    if (isset($_GET["reset"])) opcache_reset();
    echo "%(version)s ", getmypid(), " ", $n;
};
while (PhpPool\\handle_request($handler)) { }
error_log("cleaned up");
"""


class ResidentTest(unittest.TestCase):
    engine = Engine
    config = "workers: { max = 4; min = 2; spare = 1; };"
    ready = "Generation 1 serves"

    def setUp(self):
        self.pool = self.engine(f'resident = "app.php"; {self.config}')
        self.addCleanup(self.pool.remove)

    def deploy(self, version="one", boot_ms=0, before=""):
        self.pool.write("app.php", APPLICATION % {"version": version, "boot_ms": boot_ms, "before": before})

    def start(self, **how):
        self.deploy(**how)
        self.pool.start()

    def ask(self, query="", timeout=30):
        """Version, process, and how many requests that has had."""
        answer = self.pool.ask("app.php", query, timeout=timeout)
        version, pid, n = answer.body.decode().split()
        return version, int(pid), int(n)

    def logged(self, text, seconds=10):
        until(text, lambda: text in self.pool.log(), seconds)


class Clients:
    """Ask one after the other, and keep when and how long."""

    def __init__(self, test, n=3, query="ms=2"):
        self.test, self.query, self.ended = test, query, threading.Event()
        self.answers, self.lost = [], []
        self.threads = [threading.Thread(target=self.run) for _ in range(n)]

    def run(self):
        while not self.ended.is_set():
            begin = time.monotonic()
            try:
                version, _, _ = self.test.ask(self.query)
                self.answers.append((begin, time.monotonic() - begin, version))
            except Exception as error:  # whatever it is, an answer is missing
                self.lost.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def p99(self, since, until_then):
        times = sorted(took for begin, took, _ in self.answers if since <= begin < until_then)
        return times[int(len(times) * 0.99)] if times else None


class Boot(ResidentTest):
    def test_each_worker_boots_once_and_serves_many(self):
        self.start(boot_ms=50)
        answers = [self.ask() for _ in range(30)]
        self.assertLessEqual(len({pid for _, pid, _ in answers}), 4)
        self.assertGreater(max(n for _, _, n in answers), 10)

    def test_who_asks_while_all_boot_waits_and_is_served(self):
        self.start(boot_ms=700)
        with Clients(self, n=6, query="") as clients:
            time.sleep(2)
        self.assertEqual(clients.lost, [])

    def test_a_booting_worker_is_not_idle(self):
        self.deploy(boot_ms=1500)
        seen = []
        thread = threading.Thread(target=lambda: seen.append(self.see_two_boot()))
        thread.start()
        self.pool.start()
        thread.join()
        self.assertEqual(seen, [(0, "starting")])
        until("all have booted", lambda: status(self.pool)["workers"]["idle"] >= 2)
        boots = [worker["boot_usec"] for worker in status(self.pool)["list"] if worker["state"] == "idle"]
        self.assertGreaterEqual(min(boots), 1500000)

    def see_two_boot(self):
        until("the control socket", lambda: os.path.exists(os.path.join(self.pool.directory, "rd/test/control")))
        until("two boot", lambda: status(self.pool)["workers"]["starting"] >= 2)
        now = status(self.pool)
        return now["workers"]["idle"], now["state"]


class NoBoot(ResidentTest):
    config = 'workers: { max = 4; min = 2; }; timeouts: { queue = "1s"; };'

    def start_failing(self, before):
        self.deploy(before=before)
        self.pool.start(ready="No worker starts")

    def test_requests_are_refused_in_time_and_the_reason_is_in_the_log(self):
        self.start_failing("throw new Exception('no database');")
        begin = time.monotonic()
        answer = self.pool.ask("app.php")
        took = time.monotonic() - begin
        self.assertEqual(answer.protocol_status, OVERLOADED)
        self.assertGreater(took, 0.8)
        self.assertLess(took, 3)
        self.assertIn("no database", self.pool.log())
        self.assertRegex(self.pool.log(), r"resident script 'app.php' ended with status \d+ before it called")
        self.assertEqual(status(self.pool)["state"], "failing")
        self.assertIn("before it took a request", status(self.pool)["last_error"])

    def test_it_does_not_spin(self):
        self.start_failing("exit(7);")
        time.sleep(3)
        tries = len(re.findall("ended with status 7 before it called", self.pool.log()))
        self.assertGreaterEqual(tries, 3)
        self.assertLessEqual(tries, 10)  # after 0, 0.1, 0.3, 0.7, 1.5, 3.1 s

    def test_after_the_repair_it_serves(self):
        self.start_failing("exit(1);")
        self.deploy()
        until("a worker boots", lambda: self.pool.ask("app.php").protocol_status == 0, 20)
        until("all is well", lambda: status(self.pool)["state"] == "running")

    def test_a_script_that_is_missing(self):
        self.pool.start(ready="No worker starts")
        self.assertEqual(self.pool.ask("app.php").protocol_status, OVERLOADED)
        self.assertIn("app.php", self.pool.log())

    def test_it_can_be_stopped(self):
        self.start_failing("exit(1);")
        thread = threading.Thread(target=self.pool.ask, args=["app.php"])
        thread.start()
        time.sleep(0.2)
        self.assertEqual(self.pool.stop(), 0)
        thread.join()


class Reload(ResidentTest):
    config = "workers: { max = 4; min = 4; };"

    def reload(self, version, **how):
        self.deploy(version, **how)
        self.pool.reload()

    def test_the_old_one_serves_until_the_new_one_has_booted(self):
        self.start()
        with Clients(self) as clients:
            time.sleep(1)
            begin = time.monotonic()
            self.reload("two", boot_ms=800)
            self.logged("Generation 2 serves")
            swapped = time.monotonic()
            time.sleep(1)
            end = time.monotonic()
        self.assertEqual(clients.lost, [])
        self.assertGreater(swapped - begin, 0.8)
        self.assertTrue(all(version == "one" for at, _, version in clients.answers if at < begin + 0.8))
        self.assertTrue(all(version == "two" for at, _, version in clients.answers if at > swapped + 0.1))
        times = [clients.p99(0, begin), clients.p99(begin, swapped + 0.1), clients.p99(swapped + 0.1, end)]
        print("p99 before, during, after: %.1f, %.1f, %.1f ms" % tuple(1000 * t for t in times), file=sys.stderr)
        self.assertLess(max(took for _, took, _ in clients.answers), 0.8)  # nobody waited for a boot

    def test_one_that_does_not_boot_changes_nothing(self):
        self.start()
        self.reload("two", before="throw new Exception('half a deploy');")
        self.logged("Reload failed, the old generation serves on")
        self.assertIn("half a deploy", self.pool.log())
        for _ in range(10):
            self.assertEqual(self.ask()[0], "one")
        self.assertFalse(status(self.pool)["last_reload_ok"])
        self.assertEqual(status(self.pool)["state"], "running")
        # the old generation starts workers as well, which find the same script; for them it goes on trying, ever slower
        tried = re.findall("before it took a request$", self.pool.log(), re.M)
        self.assertEqual(len(tried), 3)
        self.reload("three")
        until("the repaired one serves", lambda: self.ask()[0] == "three")

    def test_another_reload_replaces_one_that_hangs(self):
        self.start()
        self.reload("two", boot_ms=60000)
        until("it boots", lambda: status(self.pool)["state"] == "reloading")
        time.sleep(0.5)
        self.assertEqual(self.ask()[0], "one")
        self.reload("three")
        until("the third serves", lambda: self.ask()[0] == "three")

    def test_who_waits_for_the_reload_is_told_how_it_ended(self):
        self.start()
        self.deploy("two", boot_ms=300)
        call(self.pool, "Reload")
        self.assertEqual(call(self.pool, "WaitReload").get("ok"), True)
        self.assertEqual(self.ask()[0], "two")

    def test_a_crash_of_the_template_is_survived(self):
        self.start()
        os.kill(self.pool.templates()[0], 9)
        self.logged("Generation 2 serves")
        self.assertEqual(self.ask()[0], "one")


class Told(ResidentTest):
    engine = Notifying
    config = "workers: { max = 4; min = 4; };"

    def told(self, since):
        return [one for one in self.pool.told if one[0] > since and not one[1].startswith(("STATUS=", "MONOTONIC_USEC="))]

    def test_a_service_manager_is_asked_for_time_before_each_boot(self):
        self.start(boot_ms=1000)
        until("it is ready", lambda: self.pool.lines("READY=1"))
        self.assertRegex(self.told(0)[0][1], "^EXTEND_TIMEOUT_USEC=")
        os.sched_setaffinity(self.pool.manager, {min(os.sched_getaffinity(0))})  # so they boot one after the other
        begin = time.monotonic()
        self.deploy("two", boot_ms=1000)
        self.pool.reload()
        until("it is ready again", lambda: len(self.pool.lines("READY=1")) == 2, 30)
        told = self.told(begin)
        self.assertEqual([line.partition("=")[0] for _, line in told],
                         ["RELOADING", "EXTEND_TIMEOUT_USEC", *["EXTEND_TIMEOUT_USEC"] * 4, "READY"])  # for PHP, and each boot
        self.assertGreaterEqual(min(int(line.partition("=")[2]) for _, line in told[1:-1]), 120e6)
        times = [at for at, _ in told[2:]]
        self.assertGreater(min(b - a for a, b in zip(times, times[1:])), 0.7)  # when it begins, not earlier


class Overtaken(ResidentTest):
    """A reload comes while an earlier one hands over. That takes its second, because an old worker is busy."""

    engine = Notifying
    config = "workers: { max = 4; min = 4; };"

    def beside(self, function, *arguments):
        result = []
        thread = threading.Thread(target=lambda: result.append(function(*arguments)))
        thread.start()
        self.addCleanup(thread.join)
        return result

    def overtake(self, **how):
        """What the request and the first reload get in the end."""
        self.start()
        held = self.beside(self.ask, "ms=2500")
        until("it runs", lambda: status(self.pool)["workers"]["busy"] == 1)
        self.deploy("two")
        reply = self.beside(call, self.pool, "Reload")
        until("the second takes over", lambda: status(self.pool)["generation"] == 2)
        self.deploy("three", **how)
        self.pool.configure('resident = "app.php"; workers: { max = 3; min = 3; };')
        self.assertEqual(call(self.pool, "Reload"), "io.phppool.Pool.ReloadInProgress")
        self.pool.reload()
        until("the other one begins", lambda: status(self.pool)["reloads"] == 2)
        self.assertNotIn("Generation 2 serves", self.pool.log())
        return held, reply

    def check(self, held, reply):
        """Who is told that it serves gets nothing else."""
        until("the first is answered", lambda: reply)
        self.assertEqual([self.ask()[0] for _ in range(10)], ["three"] * 10)
        self.assertEqual((reply[0]["ok"], call(self.pool, "WaitReload")["ok"]), (True, True))
        now = until("the others are gone", lambda: (s := status(self.pool)) and {w["generation"] for w in s["list"]} == {3} and s)
        self.assertEqual((now["generation"], now["workers"]["max"], len(now["list"])), (3, 3, 3))
        self.assertEqual((now["reloads"], now["reloads_failed"], now["last_reload_ok"]), (2, 0, True))
        until("the busy one has answered", lambda: held)
        self.assertEqual(held[0][0], "one")
        said = [line for _, line in self.pool.lines("READY", "RELOADING")]
        self.assertEqual(said, ["READY=1", "RELOADING=1", "RELOADING=1", "READY=1"])
        self.assertNotIn("ended with status", self.pool.log())

    def test_by_one_that_takes_over_too(self):
        held, reply = self.overtake()
        # all get an answer; more of them would end the handover
        until("the first is answered", lambda: self.ask() and reply, pause=0.1)
        self.check(held, reply)

    def test_by_one_that_boots_longer(self):
        held, reply = self.overtake(boot_ms=1500)
        with Clients(self) as clients:
            self.logged("Generation 2 serves")
            waits = self.beside(call, self.pool, "WaitReload")
            time.sleep(0.3)
            self.assertEqual((reply, waits), ([], []))  # for the newest
            self.check(held, reply)
        self.assertEqual(clients.lost, [])
        until("so is who waited", lambda: waits)
        self.assertEqual(waits, reply)


class End(ResidentTest):
    def test_the_call_gives_false_and_the_script_cleans_up(self):
        self.start()
        self.ask()
        self.assertEqual(self.pool.stop(), 0)
        self.assertGreaterEqual(self.pool.log().count("cleaned up"), 1)

    def test_a_running_request_ends_first(self):
        self.start()
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.ask("ms=2000")))
        thread.start()
        until("it runs", lambda: status(self.pool)["workers"]["busy"] == 1)
        self.assertEqual(self.pool.stop(), 0)
        thread.join()
        self.assertEqual([version for version, _, _ in answers], ["one"])


class Recycling(ResidentTest):
    config = "workers: { max = 4; min = 4; max_requests = 400; };"

    def test_workers_go_at_different_times_and_nobody_notices(self):
        self.start()
        until("four serve", lambda: status(self.pool)["workers"]["idle"] == 4)
        first = set(self.pool.workers())
        with Clients(self, n=4, query="ms=1") as clients:
            gone = []
            while len(gone) < 4:
                gone += [(time.monotonic(), pid) for pid in first - set(self.pool.workers()) - {pid for _, pid in gone}]
        self.assertEqual(clients.lost, [])
        self.assertGreaterEqual(len({round(at, 2) for at, _ in gone}), 2)
        until("they are counted", lambda: status(self.pool)["recycles"]["requests"] >= 4)


class Seen(ResidentTest):
    config = "workers: { max = 1; min = 1; max_requests = 30; };"

    def tool(self, *arguments):
        command = [os.environ["PHP_POOLCTL"], "--no-pager", "--config-dir", self.pool.directory,
                   "--run-dir", self.pool.directory + "/rd", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout

    def test_boot_growth_and_recycling(self):
        leaking = APPLICATION.replace("$n++;", "$n++; $GLOBALS['kept'][] = random_bytes(100000);")
        self.pool.write("app.php", leaking % {"version": "one", "boot_ms": 120, "before": "$kept = [];"})
        self.pool.start()
        for _ in range(20):
            self.ask()
        worker = until("all are counted", lambda: (w := status(self.pool)["list"][-1])["requests"] == 20 and w)
        self.assertGreaterEqual(worker["boot_usec"], 120000)
        self.assertGreater(worker["memory_kept"], 2000000)
        self.assertGreater(worker["growth"], 90e6)
        self.assertLess(worker["growth"], 120e6)
        resident = status(self.pool)["resident_script"]
        self.assertEqual(resident, {"file": "app.php", **{key: worker[key] for key in ("boot_usec", "memory_kept", "growth")}})
        self.assertRegex(self.tool("status", "test"), r"Resident: app\.php; boots in \d+ms, keeps 2\.\dM, grows by \d+M per 1000 requests")
        for _ in range(20):
            self.ask()
        until("it is replaced", lambda: status(self.pool)["recycles"]["requests"] == 1)
        self.logged("ends (requests): 3")


class Opcache(ResidentTest):
    config = "workers: { max = 2; min = 2; };"

    def test_a_restart_does_not_wait_for_resident_workers(self):
        self.start()
        self.ask()
        with Clients(self, n=2) as clients:
            self.ask("reset=1")
            self.logged("a new generation takes over", 15)
            self.logged("Generation 2 serves")
        self.assertEqual(clients.lost, [])
        self.assertEqual(status(self.pool)["renewals"], 1)


if __name__ == "__main__":
    unittest.main()
