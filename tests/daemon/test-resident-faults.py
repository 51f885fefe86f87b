# SPDX-License-Identifier: MIT
"""What a request can do to a resident worker: the client's answer, the next one's, and what becomes of the worker."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import until  # noqa: E402
from fcgi import Peer, encoded, whole  # noqa: E402
from fcgi_client import Lost  # noqa: E402
from resident import Engine, ONE, ResidentTest, WORKER  # noqa: E402


class Faults(ResidentTest):

    def stays(self, code, status, body, logged=None, **arguments):
        """The worker answers, and goes on."""
        before = self.pid()
        response = self.php(code, **arguments)
        self.assertEqual((response.status, response.body.decode()), (status, body))
        self.assertEqual(self.pid(), before, "it needs no other worker")
        if logged:
            until("it is in the journal: " + logged, lambda: logged in self.pool.log())

    def goes(self, code, status, logged, **arguments):
        """The client has its answer, the next one another worker, which has what only the boot makes."""
        before = self.pid()
        try:
            response = self.php(code, **arguments)
            self.assertEqual(response.status, status, response.body)
            got = response.body.decode()
        except Lost:
            self.assertIsNone(status, "the connection ended without an answer")
            got = None
        until("it is in the journal: " + logged, lambda: logged in self.pool.log())
        after = self.php("echo getmypid(), ' ', $GLOBALS['booted'], ' ', json_encode(error_get_last());")
        pid = int(after.body.split()[0])
        self.assertNotEqual(pid, before, "the worker is replaced")
        self.assertEqual(after.body.decode(), f"{pid} {pid} null")
        return got


class FaultTest(Faults):
    def test_exit(self):
        self.stays("echo 'a'; exit;", 200, "a")
        self.stays("exit('text');", 200, "text")
        self.stays("http_response_code(404); die(3);", 404, "")
        self.stays("function deep() { try { exit('deep'); } finally { echo 'not run'; } } deep();", 200, "deep")
        self.stays("register_shutdown_function(function () { exit(' at the end'); }); exit('first');", 200, "first at the end")

    def test_the_exit_status_is_told_and_not_kept(self):
        self.pool.write("exit7.php", "<?php exit(7);")
        peer = Peer(self.pool.socket)
        self.addCleanup(peer.socket.close)
        self.assertEqual(peer.send(whole(encoded(os.path.join(self.pool.root, "exit7.php")))).answer()[1], 7)
        self.pool.write("exit0.php", "<?php echo 'x';")
        self.assertEqual(peer.send(whole(encoded(os.path.join(self.pool.root, "exit0.php")))).answer()[1], 0)

    def test_an_exception(self):
        self.stays("throw new DomainException('nobody catches this');", 500, "", "nobody catches this")
        self.stays("echo 'out'; while (ob_get_level()) ob_end_flush(); flush(); throw new DomainException('behind the head');", 200, "out", "behind the head")
        self.stays("throw new TypeError('an error');", 500, "", "Uncaught TypeError: an error")
        self.stays("undefined_function();", 500, "", "undefined_function")
        self.stays("class D { function __destruct() { throw new Exception('in a destructor'); } } $d = new D; unset($d);", 500, "", "in a destructor")

    def test_a_file_that_is_no_php(self):
        self.stays("this is none", 500, "", "syntax error")

    def test_a_fatal_error(self):
        got = self.goes("register_shutdown_function(fn() => print('the end')); interface I { function f(); } eval('class B implements I {}');",
                        500, "Class B contains 1 abstract method")
        self.assertIn("the end", got)

    def test_user_error(self):
        self.goes("trigger_error('mine', E_USER_ERROR);", 500, "Fatal error:  mine")

    def test_out_of_memory(self):
        self.goes("ini_set('memory_limit', '20M'); $a = []; while (true) $a[] = str_repeat('x', 100000);", 500, "Allowed memory size of 20971520")
        self.goes("str_repeat('x', PHP_INT_MAX >> 1);", 500, "Allowed memory size of")

    def test_an_error_that_inner_code_swallowed(self):
        self.goes("ini_set('memory_limit', '20M'); ob_start(function ($b) { return str_repeat('x', 50 << 20); }); echo 'a'; ob_end_flush(); echo 'b';",
                  500, "Allowed memory size of")

    def test_max_execution_time(self):
        self.goes("set_time_limit(1); while (true);", 500, "Maximum execution time of 1 second exceeded")

    def test_a_crash(self):
        self.goes("posix_kill(getmypid(), SIGSEGV); usleep(500000);", None, "SIGSEGV")

    def test_a_kill(self):
        self.goes("posix_kill(getmypid(), SIGKILL); usleep(500000);", None, "SIGKILL")

    def test_a_fork(self):
        self.stays("$child = pcntl_fork(); if (!$child) { echo 'of the child'; return; } pcntl_waitpid($child, $status); "
                   "echo 'parent ', pcntl_wexitstatus($status);", 200, "parent 0")
        self.stays("$child = pcntl_fork(); if (!$child) { exit(9); } pcntl_waitpid($child, $status); echo 'parent';", 200, "parent")
        self.stays("if (!pcntl_fork()) { usleep(300000); throw new Exception('of the child'); } echo 'at once';", 200, "at once")
        for _ in range(5):
            self.says("echo 'next';", "next")

    def test_many_faults_in_a_row_starve_nobody(self):
        for i in range(6):
            self.assertEqual(self.php("trigger_error('again', E_USER_ERROR);").status, 500)
            self.says(f"echo 'fine {i}';", f"fine {i}")

    def test_faults_in_shutdown_functions(self):
        self.stays("register_shutdown_function(function () { throw new Exception('late'); }); echo 'x';", 500, "x", "Uncaught Exception: late")
        self.goes("register_shutdown_function(function () { trigger_error('late error', E_USER_ERROR); }); echo 'x';", 500, "late error")


class TimeTest(Faults):
    settings = ONE + 'timeouts: { request = "1s"; kill = "1s"; };\n'

    def test_the_time_of_the_pool(self):
        self.goes("while (true);", 504, "timeouts.request")

    def test_a_call_that_does_not_notice(self):
        # a read of a pipe that nobody writes to
        self.goes("$p = popen('sleep 30', 'r'); fgets($p);", 504, "timeouts.kill")


class BootTest(unittest.TestCase):
    def test_what_the_boot_registers_runs_at_the_end(self):
        pool = Engine(ONE + 'resident = "worker.php";\n')
        self.addCleanup(pool.remove)
        pool.write("worker.php", WORKER.replace("$booted =", "register_shutdown_function(fn() => file_put_contents(__DIR__ . '/end', "
                                                "'of ' . getmypid() . \"\\n\", FILE_APPEND)); $booted ="))
        pool.write("x.php", "<?php echo 'x';")
        pool.start()
        for _ in range(3):
            self.assertEqual(pool.ask("x.php").body, b"x")
        self.assertFalse(os.path.exists(os.path.join(pool.root, "end")), "not at the end of each request")
        worker = pool.workers()[0]
        self.assertEqual(pool.stop(), 0)
        for name, text in (("end", f"of {worker}\n"), ("cleaned", f"by {worker}\n")):
            with open(os.path.join(pool.root, name), encoding="ascii") as f:
                self.assertEqual(f.read(), text, "the script had its turn to clean up")

    def test_what_the_boot_prints_is_nobodys_answer(self):
        pool = Engine(ONE + 'resident = "worker.php";\n')
        self.addCleanup(pool.remove)
        pool.write("worker.php", "<?php echo 'printed at the boot'; http_response_code(404); header('X-Boot: 1'); session_id('boot'); " + WORKER[6:])
        pool.write("x.php", "<?php echo 'x', session_id();")
        pool.start()
        response = pool.ask("x.php")
        self.assertEqual((response.status, response.body), (200, b"x"))
        self.assertNotIn("x-boot", response.headers)
        until("the journal has it", lambda: "printed at the boot" in pool.log())


if __name__ == "__main__":
    unittest.main(verbosity=2)
