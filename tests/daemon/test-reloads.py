# SPDX-License-Identifier: MIT
"""Reloads that come while a generation starts, or hands over: who asked is told what came of the last one."""

import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import call, status  # noqa: E402
from engine import Notifying, until  # noqa: E402

SLOW = "<?php usleep(800000);"  # to preload it takes that long


def config(workers, more=""):
    return f"workers: {{ max = {workers}; min = {workers}; }};\n{more}"


class ReloadsTest(unittest.TestCase):
    def pool(self, text):
        pool = Notifying(text)
        self.addCleanup(pool.remove)
        pool.write("hello.php", '<?php usleep((int) ($_GET["ms"] ?? 0) * 1000); echo "hello";')
        return pool

    def slow(self, workers):
        """A pool whose templates start slowly, and its configuration."""
        pool = self.pool("")
        preload = pool.write("preload.php", SLOW)
        user = 'php: { admin_values = [ "opcache.preload=%s", "opcache.preload_user=root" ]; };' % preload
        pool.configure(config(workers, user))
        return pool, user

    def beside(self, function, *arguments):
        result = []
        thread = threading.Thread(target=lambda: result.append(function(*arguments)))
        thread.start()
        self.addCleanup(thread.join)
        return result

    def said(self, pool):
        return [line for _, line in pool.lines("READY", "RELOADING")]

    def serves(self, pool, workers):
        now = status(pool)
        return now["workers"]["max"] == workers and {w["generation"] for w in now["list"]} == {now["generation"]} and now

    def test_one_that_comes_while_a_template_starts_follows(self):
        pool, more = self.slow(2)
        pool.start()
        pool.configure(config(3, more))
        pool.reload()
        until("it begins", lambda: status(pool)["reloads"] == 1)
        pool.configure(config(4, more))
        pool.reload()
        until("the second is heard", lambda: "the reload follows" in pool.log())
        reply = call(pool, "WaitReload")
        self.assertTrue(reply["ok"])
        now = until("it serves", lambda: self.serves(pool, 4))
        self.assertEqual((now["reloads"], now["reloads_failed"], now["generation"]), (2, 0, 3))
        until("that is told once", lambda: self.said(pool) == ["READY=1", "RELOADING=1", "RELOADING=1", "READY=1"])
        self.assertNotIn("ended with status", pool.log())

    def reload_early(self, pool, text):
        until("it listens", lambda: os.path.exists(os.path.join(pool.directory, "rd", "test", "control")), pause=0.005)
        pool.configure(text)
        return call(pool, "Reload")

    def test_so_does_one_that_comes_at_the_first_start(self):
        pool, more = self.slow(2)
        reply = self.beside(self.reload_early, pool, config(3, more))
        pool.start()
        self.assertTrue(until("it is answered", lambda: reply)[0]["ok"])
        now = until("it serves", lambda: self.serves(pool, 3))
        self.assertEqual((now["reloads"], now["generation"]), (1, 2))
        until("the start is told of, and it", lambda: self.said(pool) == ["READY=1", "READY=1"])

    def test_what_is_refused_in_a_handover_is_not_called_a_success(self):
        pool = self.pool(config(2))
        pool.start()
        held = self.beside(pool.ask, "hello.php", "ms=2500")
        until("it runs", lambda: status(pool)["workers"]["busy"] == 1)
        pool.configure(config(3))
        reply = self.beside(call, pool, "Reload")
        until("the second takes over", lambda: status(pool)["generation"] == 2)
        pool.configure("nonsense = 1;")
        pool.reload()
        until("it is refused", lambda: status(pool)["reloads_failed"] == 1)
        self.assertNotIn("Generation 2 serves", pool.log())
        until("the handover ends", lambda: "Generation 2 serves" in pool.log())
        for answer in (until("who asked is answered", lambda: reply)[0], call(pool, "WaitReload")):
            self.assertFalse(answer["ok"])
            self.assertIn("nonsense", answer["message"])
        self.assertFalse(status(pool)["last_reload_ok"])
        self.assertEqual(until("the busy one answers", lambda: held)[0].body, b"hello")
        until("the second serves alone", lambda: self.serves(pool, 3))
        self.assertEqual(self.said(pool), ["READY=1", "RELOADING=1", "RELOADING=1", "READY=1"])

    def resident(self):
        """A pool whose script boots in a second."""
        pool = self.pool('resident = "app.php"; ' + config(2))
        pool.write("app.php", '<?php usleep(1000000); function answer() { if (isset($_GET["reset"])) opcache_reset();'
                              'usleep((int) ($_GET["ms"] ?? 0) * 1000); echo "hello"; }'
                              'while (PhpPool\\handle_request("answer"));')
        pool.start()
        return pool

    def test_what_is_refused_leaves_the_generation_that_boots(self):
        pool = self.resident()
        pool.configure('resident = "app.php"; ' + config(3))
        pool.reload()
        until("it boots", lambda: 2 in {w["generation"] for w in status(pool)["list"]})
        pool.configure("nonsense = 1;")
        pool.reload()
        until("it is refused", lambda: status(pool)["reloads_failed"] == 1)
        now = until("the one that was booting serves", lambda: self.serves(pool, 3))
        self.assertEqual((now["generation"], now["reloads"], now["reloads_failed"]), (2, 2, 1))
        self.assertNotIn("given up", pool.log())

    def test_a_renewal_that_fails_is_no_reload(self):
        pool = self.resident()
        held = self.beside(pool.ask, "hello.php", "ms=5000")
        until("it runs", lambda: status(pool)["workers"]["busy"] == 1)
        pool.write("app.php", "<?php exit(1);")
        self.assertEqual(pool.ask("hello.php", "reset=1").body, b"hello")
        until("the renewal has failed", lambda: "does not get as far as" in pool.log(), 20)
        now = status(pool)
        self.assertEqual((now["renewals"], now["reloads"], now["reloads_failed"], now["generation"]), (1, 0, 0, 1))
        self.assertEqual(until("the busy one answers", lambda: held)[0].body, b"hello")

    def test_boots_of_the_first_generation_get_their_time(self):
        pool = self.pool('resident = "app.php"; workers: { max = 1; min = 1; };')
        pool.write("app.php", "<?php usleep(1500000); exit(1);")
        begin = time.monotonic()
        pool.start(ready="No worker starts")
        until("it is ready all the same", lambda: pool.lines("READY=1"))
        asked = [at - begin for at, _ in pool.lines("EXTEND_TIMEOUT_USEC=")]
        end = pool.lines("READY=1")[0][0] - begin
        self.assertGreater(end, 3 * 1.5)
        self.assertLess(max(b - a for a, b in zip(asked, [*asked[1:], end])), 2.5, "asked again in time")


if __name__ == "__main__":
    unittest.main(verbosity=2)
