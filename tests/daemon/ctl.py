# SPDX-License-Identifier: MIT
"""php-poolctl by itself, for tests: how it is run, and pools that it looks at."""

import os
import subprocess
import tempfile
import unicodedata
import unittest

from fakecontrol import FakeControl

CTL = os.environ["PHP_POOLCTL"]


def run(pool, *arguments, timeout=60, **options):
    directory = pool if isinstance(pool, str) else pool.directory
    return subprocess.run(
        [CTL, "--config-dir", directory, "--run-dir", os.path.join(directory, "rd"),
         "--worker-dir", os.path.dirname(CTL), *arguments],
        capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **options)


class ToolCase(unittest.TestCase):
    def fake(self, name, answer, directory=None):
        """A pool whose control socket somebody else holds."""
        if directory is None:
            temporary = tempfile.TemporaryDirectory()
            self.addCleanup(temporary.cleanup)
            directory = temporary.name
            os.mkdir(os.path.join(directory, "conf.d"))
        with open(os.path.join(directory, "conf.d", name + ".conf"), "w", encoding="utf-8") as f:
            f.write(f'root = "/usr/share"; site: {{ hosts = [ "{name.lower().replace("_", "-")}.test" ]; }};\n')
        fake = FakeControl(os.path.join(directory, "rd", name, "control"), answer)
        self.addCleanup(fake.close)
        return directory

    def assertClean(self, result):
        """Nothing that rules a terminal."""
        for text in (result.stdout, result.stderr):
            bad = [c for c in text if c != "\n" and (unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp"))]
            self.assertEqual(bad, [], text)
