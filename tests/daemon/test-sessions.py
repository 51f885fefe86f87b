# SPDX-License-Identifier: MIT
"""Sessions that have ended are removed, and no request waits for that."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import Engine, until  # noqa: E402

EACH_TIME = '"session.gc_divisor=1"'  # not one request of a thousand
OLD = time.time() - 2 * 86400


class SessionsTest(unittest.TestCase):
    def pool(self, *admin_values):
        pool = Engine(f"workers: {{ max = 2; }}; php: {{ admin_values = [ {', '.join([EACH_TIME, *admin_values])} ]; }};")
        self.addCleanup(pool.remove)
        pool.write("start.php", "<?php session_start(); $_SESSION['a'] = 1; echo 'started';")
        pool.write("longer.php", "<?php ini_set('session.gc_maxlifetime', 3 * 86400); session_start(); echo 'started';")
        pool.write("gc.php", "<?php ini_set('session.gc_probability', 0); session_start(); echo session_gc();")
        self.directory = os.path.join(pool.directory, "state", "sessions")
        os.makedirs(self.directory)
        return pool

    def put(self, n, when=OLD, directory=None, name="sess_old"):
        paths = [os.path.join(directory or self.directory, f"{name}{i:022}") for i in range(n)]
        for path in paths:
            with open(path, "wb"):
                pass
            os.utime(path, (when, when))
        return paths

    def names(self):
        return set(os.listdir(self.directory))

    def test_in_the_background(self):
        pool = self.pool()
        old, new = self.put(3000), self.put(5, time.time() - 60, name="sess_new")
        other = self.put(2, name="notes_")
        link = os.path.join(self.directory, "sess_link")
        os.symlink(other[0], link)
        pool.start()
        self.assertEqual(pool.ask("start.php").body, b"started")
        until("those that ended are gone", lambda: not self.names() & {os.path.basename(path) for path in old})
        kept = {os.path.basename(path) for path in [*new, *other, link]}
        self.assertEqual(self.names() & kept, kept)
        self.assertEqual(len(self.names() - kept), 1, "the session that has begun")

        self.put(10)
        pool.ask("start.php")
        until("and again", lambda: len(self.names()) == len(kept) + 2)

    def test_the_lifetime_is_the_script_s(self):
        pool = self.pool()
        self.put(10)
        pool.start()
        self.assertEqual(pool.ask("longer.php").body, b"started")
        time.sleep(0.5)
        self.assertEqual(len(self.names()), 11)
        pool.ask("start.php")
        until("for another script they have ended", lambda: len(self.names()) == 2)

    def test_a_script_that_asks_itself(self):
        pool = self.pool()
        pool.start()
        self.put(10)
        self.assertEqual(pool.ask("gc.php").body, b"10")
        self.assertEqual(len(self.names()), 1)

    def test_another_directory_is_php_s(self):
        pool = self.pool()
        elsewhere = os.path.join(pool.directory, "elsewhere")
        os.mkdir(elsewhere)
        pool.configure(f'php: {{ admin_values = [ {EACH_TIME}, "session.gc_probability=1", "session.save_path={elsewhere}" ]; }};')
        self.put(10, directory=elsewhere)
        pool.start()
        pool.ask("start.php")
        self.assertEqual(len(os.listdir(elsewhere)), 1, "before the answer")

    def test_none_where_the_pool_says_so(self):
        pool = self.pool('"session.gc_probability=0"')
        self.put(10)
        pool.start()
        pool.ask("start.php")
        time.sleep(0.5)
        self.assertEqual(len(self.names()), 11)


if __name__ == "__main__":
    unittest.main(verbosity=2)
