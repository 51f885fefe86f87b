# SPDX-License-Identifier: MIT
"""Clients that wait, trickle or crowd, and scripts that do not end: what holds php-fpm's workers must not hold ours.

Where php-fpm is installed the first part shows what it makes of the same.
"""

import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fpm  # noqa: E402
from control import status  # noqa: E402
from engine import Engine, Load, until  # noqa: E402
from fcgi import COMPLETE, PARAMS, STDIN, Peer, begin, encoded, record, whole  # noqa: E402
from talk import compare  # noqa: E402

SCRIPTS = {
    "hello.php": '<?php echo "hello";',
    "sleep.php": '<?php usleep((int) ($_GET["ms"] ?? 1000) * 1000); echo "slept";',
    "long.php": '<?php $t = microtime(true); usleep(1500000); echo microtime(true) - $t > 1.45 ? "slept all its time" : "was woken";',
    "ini.php": '<?php echo ini_get("precision"), " ", ini_get("memory_limit");',
    "pid.php": "<?php echo getmypid();",
}

DEATHS = r"""<?php
$c = FFI::cdef("void abort(void); void _exit(int status); unsigned long strlen(const void *text);", "libc.so.6");
switch ($_SERVER["QUERY_STRING"]) {
case "segv": $c->strlen(FFI::cast("void *", 1)); break;
case "abort": $c->abort();
case "kill": posix_kill(getmypid(), 9); sleep(5);
case "exit": $c->_exit(3);
case "memory": ini_set("memory_limit", "8M"); str_repeat("x", 20 << 20);
}
"""


def prompt(t):
    """How soon a client of its own is served."""
    start = time.monotonic()
    heard = t.serves()
    return heard if heard != "serves" else "serves at once" if time.monotonic() - start < 1 else "serves late"


class ComparedTest(unittest.TestCase):
    """The scenarios of php-fpm's known hazards, one worker each."""

    def columns(self, title, expected, scenario, config="", workers="max = 1; min = 1;", lines=(), general=(), **engine):
        ours = Engine(f"workers: {{ {workers} }};\n{config}", **engine)
        self.addCleanup(ours.remove)
        for name, text in SCRIPTS.items():
            ours.write(name, text)
        other = fpm.Fpm(ours.root, lines=lines, general=general) if fpm.AVAILABLE else None
        ours.start()
        if other:
            self.addCleanup(other.remove)
            other.start()
        compare(self, title, expected, scenario, ours, other)

    def test_e1_a_client_that_does_not_close(self):
        def scenario(t):
            peer = t.peer(t.request(keep=False), held=True)
            return f"{t.heard(peer)}, {prompt(t)}"
        self.columns("E1: a client without KEEP_CONN that does not close", "hello, serves at once", scenario)

    def test_e2_an_idle_kept_connection_is_no_request_over_its_time(self):
        def scenario(t):
            peer = t.peer(t.request(), held=True)
            heard, workers, size = t.heard(peer), t.server.workers(), len(t.server.log())
            time.sleep(2.3)
            same = "the same worker" if t.server.workers() == workers else "another worker"
            return f"{heard}, {t.kept(peer)}, {same}, {'something' if t.server.log()[size:].strip() else 'nothing'} logged"
        self.columns("E2: an idle kept connection, requests limited to one second", "hello, kept, the same worker, nothing logged",
                     scenario, 'timeouts: { request = "1s"; kill = "1s"; };', lines=["request_terminate_timeout = 1s"])

    def test_e3_a_stop_does_not_wait_for_idle_connections(self):
        def scenario(t):
            peer = t.peer(t.request(), held=True)
            heard = t.heard(peer)
            t.server.quit()
            start = time.monotonic()
            try:
                t.server.process.wait(4)
            except subprocess.TimeoutExpired:
                return f"{heard}, still there after 4 s"
            return f"{heard}, ended {'at once' if time.monotonic() - start < 2 else 'late'}, connection {t.next(peer)}"
        self.columns("E3: a stop with an idle kept connection", "hello, ended at once, connection closed", scenario,
                     general=["process_control_timeout = 10s"])

    def test_e4_a_reload_lets_the_running_request_end(self):
        def scenario(t):
            t.patience = 5
            peer = t.peer(t.request("long.php"), held=True)
            time.sleep(0.3)
            t.server.reload()
            return f"{t.heard(peer)}, {t.serves()}"
        for timeout in ("0", "10s"):
            self.columns(f"E4: a reload while a request sleeps (php-fpm: process_control_timeout = {timeout})",
                         "slept all its time, serves", scenario, general=[f"process_control_timeout = {timeout}"])

    def test_e5_a_reload_with_a_broken_configuration(self):
        def scenario(t):
            size = len(t.server.log())
            if isinstance(t.server, fpm.Fpm):
                t.server.lines = ["nonsense = 1"]
                t.server.configure()
            else:
                t.server.configure("nonsense = 1;")
            t.server.reload()
            try:
                until("the reason", lambda: ".conf:" in (said := t.server.log()[size:]) and "nonsense" in said, 5)
                reason = "reason logged"
            except AssertionError:
                reason = "no reason logged"
            try:
                return f"{t.serves()}, {reason}"
            except OSError as error:
                return f"{error.strerror}, {reason}"
        self.columns("E5: a reload with a broken configuration", "serves, reason logged", scenario)

    def test_e9_a_client_that_sends_nothing(self):
        def scenario(t):
            for _ in range(5):
                t.peer(held=True)
            time.sleep(0.1)
            return prompt(t)
        self.columns("E9: clients that connect and send nothing", "serves at once", scenario)

    def test_e10_half_a_header(self):
        def scenario(t):
            for _ in range(5):
                t.peer(b"\x01\x01\x00\x01", held=True)
            time.sleep(0.1)
            return prompt(t)
        self.columns("E10: four bytes of a header", "serves at once", scenario)

    def test_e11_settings_of_one_request_do_not_stick(self):
        def scenario(t):
            plain = t.heard(t.peer(t.request("ini.php", keep=False)))
            extra = {"PHP_VALUE": "precision=3", "PHP_ADMIN_VALUE": "memory_limit=77M"}
            peer = t.peer(t.request("ini.php", extra=extra), t.request("ini.php", request=2))
            set_, after = t.heard(peer, 1), t.heard(peer, 2)
            return f"{set_}, then {'as before' if after == plain else after}"
        config = "php: { params_may_set_ini = true; };"
        self.columns("E11: PHP_VALUE and PHP_ADMIN_VALUE, then a plain request", "3 77M, then as before", scenario, config)
        self.columns("E11: the same where the pool does not allow it", r"(?!3 ).* (?!77M).*, then as before", scenario)

    def test_restarts_under_load(self):
        def scenario(t):
            if isinstance(t.server, fpm.Fpm):
                restart = t.server.restart
            else:
                def restart():
                    t.server.stop()
                    t.server.start()
            with Load(t.server) as load:
                for _ in range(3):
                    time.sleep(0.3)
                    restart()
                time.sleep(0.3)
            return f"{'enough' if load.served > 50 else 'few'} requests, {'some' if load.lost else 'none'} lost"
        self.columns("restarts under load", "enough requests, none lost", scenario, held=True)

    def test_workers_retire_without_cutting_kept_connections(self):
        def scenario(t):
            peer = t.peer()
            pids = [t.heard(t.send(peer, t.request("pid.php"))) for _ in range(6)]
            return f"{len(set(pids) - {'closed', 'reset'})} workers in {len(pids)} requests, {pids.count('closed') + pids.count('reset')} cut"
        self.columns("max_requests = 2 on one kept connection", "3 workers in 6 requests, 0 cut", scenario,
                     workers="max = 1; max_requests = 2;", lines=["pm.max_requests = 2"])

    def test_workers_that_die_before_a_request_back_off(self):
        def scenario(t):
            seen, end, size = set(), time.monotonic() + 2, len(t.server.log())
            while time.monotonic() < end:
                for pid in t.server.workers():
                    if pid not in seen:
                        seen.add(pid)
                        os.kill(pid, 9)
                time.sleep(0.002)
            t.patience = 10
            lines = t.server.log()[size:].count("\n")
            return f"{'few' if len(seen) <= 40 else 'many'} ({len(seen)}) starts, {'few' if lines <= 60 else 'many'} ({lines}) lines, {t.serves()}"
        self.columns("each worker killed as soon as it is there, for two seconds", r"few \(\d+\) starts, few \(\d+\) lines, serves", scenario)


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
        peers = [Peer(pool.socket, timeout=20) for _ in range(n)]
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

    def test_a_request_over_its_time_is_interrupted(self):
        pool = self.pool('workers: { max = 2; }; timeouts: { request = "1s"; kill = "1s"; stop = "5s"; };',
                         loop='<?php register_shutdown_function(function () { error_log("shutdown ran"); }); while (true);')
        begin_time = time.monotonic()
        response = pool.ask("loop.php")
        self.assertEqual(response.status, 504)
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
        self.assertEqual(peer.answer(), (b"The request took too long.\n", 1, 0))
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

    def test_each_death_is_named_and_costs_one_request(self):
        pool = self.pool('workers: { max = 2; min = 1; }; php: { admin_values = [ "ffi.enable=true" ]; };', die=DEATHS)
        kept, = self.peers(pool, 1)
        for how, said in (("segv", "was killed by SIGSEGV"), ("abort", "was killed by SIGABRT"), ("kill", "was killed by SIGKILL"),
                          ("exit", "ended with status 3"), ("memory", "")):
            size = len(pool.log())
            dying = self.peers(pool, 1)[0].send(self.request(pool, "die.php", how), self.request(pool, "hello.php"))
            if how == "memory":  # the engine gives up, and is believed no more
                self.assertEqual(dying.answer()[1], 255)
                self.assertEqual(dying.answer()[0], b"hello", "the next request on that connection")
            else:
                self.assertIsNone(dying.answer(), how)
                until(how, lambda: f"{said} while it ran GET /die.php?{how}" in pool.log()[size:])
            begin = time.monotonic()
            self.assertEqual(kept.send(self.request(pool)).answer()[0], b"hello", "the next request of another")
            self.assertLess(time.monotonic() - begin, 1, "no back-off")
        until("the worker has gone that PHP gave up in", lambda: status(pool)["recycles"]["bailout"] == 1)
        self.assertEqual(status(pool)["crashes_by_signal"], {"SEGV": 1, "ABRT": 1, "KILL": 1, "exit": 1})

    def test_silent_clients_hold_no_worker(self):
        pool = self.pool('workers: { max = 2; }; limits: { head_time = "4s"; };')
        silent = self.peers(pool, 20)
        half = self.peers(pool, 20)
        for peer in half:
            peer.send(b"\x01\x01\x00")
        worst = 0
        for _ in range(20):
            begin_time = time.monotonic()
            self.assertEqual(pool.ask("hello.php").body, b"hello")
            worst = max(worst, time.monotonic() - begin_time)
        self.assertLess(worst, 2, "nobody waits until they are cut off")
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
            self.assertLess(time.monotonic() - begin_time, 2)
        for peer in slow:
            self.assertEqual(peer.send(record(STDIN)).answer(), (b"40", 0, COMPLETE))

    def test_a_body_that_stops_is_cut_off(self):
        pool = self.pool('workers: { max = 1; }; limits: { body_time = "1s"; };')
        params = encoded(os.path.join(pool.root, "hello.php"), method="POST", length=40)
        begin_time = time.monotonic()
        peer = self.peers(pool, 1)[0].send(begin(), record(PARAMS, params), record(PARAMS), record(STDIN, b"0123456789"))
        self.assertIsNone(peer.record())
        self.assertGreater(time.monotonic() - begin_time, 0.9)


if __name__ == "__main__":
    unittest.main(verbosity=2)
