# SPDX-License-Identifier: MIT
"""A pool with a resident script that includes the file which a request names."""

import itertools
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import Connection, Engine, parameters  # noqa: E402

# As an application's: it boots, answers, and cleans up. Functions, so that the globals are the application's.
WORKER = """<?php
$booted = getmypid();
function answer(): void { include $_SERVER["SCRIPT_FILENAME"]; }
do { $more = PhpPool\\handle_request("answer"); } while ($more);
file_put_contents(__DIR__ . "/cleaned", "by $booted\\n", FILE_APPEND);
"""

ONE = "workers: { max = 1; min = 1; spare = 1; };\n"


class ResidentTest(unittest.TestCase):
    worker = WORKER
    settings = ONE

    @classmethod
    def setUpClass(cls):
        cls.pool = Engine(cls.settings + 'resident = "worker.php";\n')
        cls.addClassCleanup(cls.pool.remove)
        cls.pool.write("worker.php", cls.worker)
        cls.pool.start()
        cls.number = itertools.count()

    def php(self, code, **arguments):
        """Runs @code in a request of its own, and gives the answer."""
        name = f"{next(self.number)}.php"
        self.pool.write(name, "<?php " + code)
        return self.pool.ask(name, **arguments)

    def says(self, code, expected, message=None, **arguments):
        self.assertEqual(self.php(code, **arguments).body.decode(), expected, message)

    def pid(self):
        return int(self.php("echo getmypid();").body)


def cookie(response):
    return response.headers["set-cookie"].split(";")[0]


__all__ = ["Connection", "Engine", "ONE", "ResidentTest", "WORKER", "cookie", "parameters"]
