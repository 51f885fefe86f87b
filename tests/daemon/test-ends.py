# SPDX-License-Identifier: MIT
"""What ends a request from outside: time limits, a client that goes away, an operator."""

import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fpm  # noqa: E402
from engine import Engine, until  # noqa: E402
from fcgi import ABORT, COMPLETE, PARAMS, STDIN, Peer, begin, encoded, record, whole  # noqa: E402

# Works for a while, as shutdown functions and handlers of sessions may.
AFTER = ('touch(__FILE__ . ".begun"); $t = hrtime(true); while (hrtime(true) - $t < 2e9) for ($i = 0; $i < 1000; $i++) sqrt($i); '
         'touch(__FILE__ . ".finished");')

SCRIPTS = {
    "hello.php": '<?php echo "hello";',
    "loop.php": '<?php register_shutdown_function(function () { error_log("shutdown ran"); });'
                'try { while (true); } finally { error_log("finally ran"); }',
    "sleep.php": '<?php sleep(30);',
    # waits in recv(2), which goes on after a signal
    "read.php": '<?php $s = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); fread($s[0], 1);',
    # one internal function that never looks whether it should end
    "long.php": '<?php echo strlen(hash_pbkdf2("sha512", "a", "b", 1000000000));',
    "begun.php": '<?php echo "begun"; ob_flush(); flush(); $s = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);'
                 'fread($s[0], 1);',
    "cpu.php": '<?php $t = hrtime(true); while (hrtime(true) - $t < $_GET["s"] * 1e9) for ($i = 0; $i < 1000; $i++) sqrt($i);'
               'echo "done";',
    "set.php": '<?php set_time_limit(1); while (true);',
    "nap.php": '<?php set_time_limit(1); sleep(2); echo "slept";',
    "alone.php": '<?php touch(__DIR__ . "/begun"); register_shutdown_function(function () { file_put_contents(__DIR__ . "/gone", connection_status()); });'
                 'ignore_user_abort((bool) $_GET["ignore"]); $t = hrtime(true);'
                 'while (hrtime(true) - $t < 3e9) for ($i = 0; $i < 1000; $i++) sqrt($i);'
                 'file_put_contents("finished", "yes");',
    "after.php": '<?php register_shutdown_function(function () { ' + AFTER + ' });',
    "session.php": '<?php session_set_save_handler(fn() => true, fn() => true, fn() => "", function () { ' + AFTER + ' return true; }, '
                   'fn() => true, fn() => 0); session_start(); $_SESSION["a"] = 1;',
    "echo.php": '<?php for ($i = 0; $i < 200; $i++) { echo str_repeat("x", 100000); flush(); usleep(10000); }'
                'file_put_contents("finished", "yes");',
    "endless.php": '<?php fpassthru(popen("yes", "r"));',
    "pid.php": '<?php echo getmypid();',
}


class EndsTest(unittest.TestCase):
    def pool(self, config):
        pool = Engine(config)
        self.addCleanup(pool.remove)
        for name, text in SCRIPTS.items():
            pool.write(name, text)
        pool.start()
        return pool

    def send(self, pool, script, query=""):
        peer = Peer(pool.socket)
        self.addCleanup(peer.socket.close)
        peer.socket.settimeout(20)
        return peer.send(whole(encoded(os.path.join(pool.root, script), query)))

    def alone(self, server, ignore):
        """A request whose script has begun."""
        begun = os.path.join(server.root, "begun")
        if os.path.exists(begun):
            os.unlink(begun)
        peer = self.send(server, "alone.php", f"ignore={ignore}")
        until("it runs", lambda: os.path.exists(begun))
        return peer

    def test_over_its_time(self):
        pool = self.pool('workers: { max = 4; }; timeouts: { request = "1s"; kill = "20s"; slow = "0"; stop = "5s"; };')

        begin = time.monotonic()
        response = pool.ask("loop.php")
        self.assertEqual((response.status, response.body), (504, b""), "a busy loop is interrupted")
        self.assertLess(time.monotonic() - begin, 15)
        until("the shutdown function", lambda: "shutdown ran" in pool.log())
        self.assertNotIn("finally ran", pool.log())
        self.assertIn("1000 ms that timeouts.request allows", pool.log())

        begin = time.monotonic()
        self.assertEqual(pool.ask("sleep.php").status, 504, "sleep() comes back early and the script ends")
        self.assertLess(time.monotonic() - begin, 15)

    def test_over_its_time_and_deaf(self):
        pool = self.pool('workers: { max = 4; }; timeouts: { request = "1s"; kill = "1s"; slow = "0"; stop = "5s"; };')
        for script in ("read.php", "long.php"):
            begin = time.monotonic()
            response = pool.ask(script)
            self.assertEqual((response.status, response.body), (504, b"The request took too long.\n"), script)
            self.assertGreater(time.monotonic() - begin, 1.9)
            self.assertLess(time.monotonic() - begin, 15)

        peer = self.send(pool, "begun.php")
        self.assertIn(b"begun", peer.record()[2])
        self.assertIsNone(peer.record(), "what has begun is cut off")

        log = pool.log()
        for script in ("read.php", "long.php", "begun.php"):
            self.assertIn(f"is killed while it ran GET /{script}", log)
        self.assertEqual(pool.ask("hello.php").body, b"hello")

    def test_max_execution_time(self):
        pool = self.pool('workers: { max = 2; }; php: { values = [ "max_execution_time=1" ]; };')
        for script, query in (("cpu.php", "s=10"), ("set.php", "")):
            begin = time.monotonic()
            self.assertEqual(pool.ask(script, query).status, 500, script)
            self.assertGreater(time.monotonic() - begin, 0.95, "never early")
            self.assertLess(time.monotonic() - begin, 20)  # of a processor that others use as well
        self.assertEqual(pool.log().count("Maximum execution time of 1 second exceeded"), 2)
        self.assertEqual(pool.ask("cpu.php", "s=0.5").body, b"done")
        self.assertEqual(pool.ask("nap.php").body, b"slept", "it counts processor time: a nap is none")

    def test_each_request_has_the_whole_limit(self):
        pool = self.pool('workers: { max = 1; }; php: { values = [ "max_execution_time=1" ]; };')
        for _ in range(6):
            self.assertEqual(pool.ask("cpu.php", "s=0.6").body, b"done")

    def test_unfinished_heads_have_a_memory_of_their_own(self):
        """Two hundred heads of 900 KB that never end: what they take has an end, and a small one is not its victim."""
        pool = self.pool("workers: { max = 2; };")
        head = encoded(os.path.join(pool.root, "hello.php"))
        small = Peer(pool.socket)
        self.addCleanup(small.socket.close)
        small.send(begin(), record(PARAMS, head[:20]))
        large = record(PARAMS, b"\x06\x80\x0d\xbb\xa0HTTP_X" + b"x" * 60000) + record(PARAMS, b"x" * 60000) * 14
        for _ in range(200):
            peer = Peer(pool.socket)
            self.addCleanup(peer.socket.close)
            try:
                peer.send(begin(), large)
            except OSError:
                pass  # it was the largest already
        until("the log says it", lambda: "Unfinished requests take more than 64 MiB of memory" in pool.log())
        with open(f"/proc/{pool.manager}/status", encoding="ascii") as f:
            peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
        self.assertLess(peak, (64 + 32) * 1024, "KiB")
        self.assertEqual(pool.ask("hello.php").body, b"hello")
        small.send(record(PARAMS, head[20:]), record(PARAMS), record(STDIN))
        self.assertEqual(small.answer()[0], b"hello")

    def beside(self, pool):
        """The pool, and php-fpm where there is one."""
        if fpm.AVAILABLE:
            theirs = fpm.Fpm(pool.root)
            self.addCleanup(theirs.remove)
            return pool, theirs.start()
        return (pool,)

    def test_a_client_that_hangs_up(self):
        """Who writes nothing runs to the end: applications call themselves and do not wait for the answer."""
        pool = self.pool("workers: { max = 1; };")
        gone, finished = (os.path.join(pool.root, name) for name in ("gone", "finished"))
        for server in self.beside(pool):
            for ignore in (0, 1):
                peer = self.alone(server, ignore)
                peer.socket.close()
                until("its end", lambda: os.path.exists(gone) and os.path.getsize(gone))
                self.assertTrue(os.path.exists(finished), (type(server).__name__, ignore))
                with open(gone, encoding="ascii") as f:
                    self.assertEqual(f.read(), "0", "nothing was written, so nothing was noticed")
                os.unlink(finished)
                os.unlink(gone)

    def test_a_front_end_that_aborts(self):
        pool = self.pool("workers: { max = 1; };")
        gone, finished = (os.path.join(pool.root, name) for name in ("gone", "finished"))
        before = pool.ask("pid.php").body
        peer = self.alone(pool, 0)
        peer.send(record(ABORT))
        until("the script notices", lambda: os.path.exists(gone) and os.path.getsize(gone), 9)
        with open(gone, encoding="ascii") as f:
            self.assertEqual(f.read(), "1", "connection_aborted()")
        self.assertEqual(peer.answer()[2], COMPLETE, "and the connection goes on")
        peer.send(whole(encoded(os.path.join(pool.root, "hello.php"))))
        self.assertEqual(peer.answer()[0], b"hello")
        self.assertFalse(os.path.exists(finished))
        self.assertEqual(pool.ask("pid.php").body, before, "the worker is as good as before")

        peer = self.alone(pool, 1)
        peer.send(record(ABORT))
        until("who wants to goes on", lambda: os.path.exists(finished))

    def test_an_abort_that_comes_with_its_request(self):
        """A front end's client may have left while the request waited for a worker, which then reads both at once."""
        pool = self.pool("workers: { max = 1; };")
        gone, finished = (os.path.join(pool.root, name) for name in ("gone", "finished"))
        peer = Peer(pool.socket, timeout=20)
        self.addCleanup(peer.socket.close)
        peer.send(whole(encoded(os.path.join(pool.root, "alone.php"), "ignore=0")) + record(ABORT))
        until("the script notices", lambda: os.path.exists(gone) and os.path.getsize(gone))
        with open(gone, encoding="ascii") as f:
            self.assertEqual(f.read(), "1", "connection_aborted()")
        self.assertEqual(peer.answer()[2], COMPLETE)
        peer.send(whole(encoded(os.path.join(pool.root, "hello.php"))))
        self.assertEqual(peer.answer()[0], b"hello")
        self.assertFalse(os.path.exists(finished))

    def test_shutdown_functions_and_sessions_run_to_their_end(self):
        pool = self.pool("workers: { max = 1; };")
        for script in ("after.php", "session.php"):
            peer = self.send(pool, script)
            until(f"{script} has ended itself", lambda s=script: os.path.exists(os.path.join(pool.root, s + ".begun")))
            peer.send(record(ABORT))
            until(script, lambda s=script: os.path.exists(os.path.join(pool.root, s + ".finished")), 6)

    def test_writes_to_a_client_that_has_gone(self):
        pool = self.pool("workers: { max = 1; };")
        finished = os.path.join(pool.root, "finished")
        peer = self.send(pool, "echo.php")
        peer.record()
        peer.socket.close()
        time.sleep(1)
        self.assertFalse(os.path.exists(finished), "the next write that fails ends the script")
        self.assertEqual(pool.ask("hello.php").body, b"hello")

        peer = self.send(pool, "endless.php")
        peer.record()
        peer.socket.close()
        until("nor does a single function write for ever", lambda: not any(self.runs(pool, "yes")))

    @staticmethod
    def runs(pool, name):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f, open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                    yield f.read() == name.encode() + b"\0" and int(stat.read().rpartition(")")[2].split()[1]) in pool.workers()
            except OSError:
                pass

    def test_a_worker_killed_by_hand_is_named_with_its_request(self):
        pool = self.pool("workers: { max = 2; };")
        for number, name in ((signal.SIGSEGV, "SEGV"), (signal.SIGKILL, "KILL")):
            peer = self.send(pool, "sleep.php", f"for={name}")
            pid = until("it runs", lambda: self.busy(pool))
            os.kill(pid, number)
            self.assertIsNone(peer.answer(), "a cut connection")
            until("the journal", lambda name=name: f"was killed by SIG{name} while it ran GET /sleep.php?for={name}" in pool.log())
            self.assertEqual(pool.ask("hello.php").body, b"hello")

    @staticmethod
    def busy(pool):
        """The worker that waits in sleep()."""
        for pid in pool.workers():
            with open(f"/proc/{pid}/wchan", encoding="ascii") as f:
                if "nanosleep" in f.read():
                    return pid
        return None


if __name__ == "__main__":
    unittest.main(verbosity=2)
