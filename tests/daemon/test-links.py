# SPDX-License-Identifier: MIT
"""Settings of a directory, .user.ini and [PATH=] of php.ini, where the document root is a link of a deployment."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import Engine, until  # noqa: E402


class LinkedTest(unittest.TestCase):
    """current -> releases/1, and the web server names all through the link."""

    def test_settings_apply(self):
        pool = Engine()
        self.addCleanup(pool.remove)
        ini = os.path.join(pool.directory, "php.ini")
        with open(ini, "w", encoding="ascii") as f:
            f.write(f"[PATH={pool.root}/current/sub]\nuser_agent = linked\n")
        pool.configure(f'workers: {{ max = 1; }}; php: {{ ini = "{ini}"; }};')
        for name in ("ini.php", "sub/ini.php", "sub/deep/ini.php"):
            pool.write("releases/1/" + name, '<?php echo ini_get("precision"), " ", ini_get("serialize_precision"), " ", ini_get("user_agent");')
        pool.write(".user.ini", "precision = 9\n")  # above the document root
        pool.write("releases/1/.user.ini", "precision = 5\n")
        pool.write("releases/1/sub/.user.ini", "serialize_precision = 6\n")
        os.symlink("releases/1", os.path.join(pool.root, "current"))
        pool.start()
        for root in ("current", "current/", "releases/1"):
            for script, expected in (("ini.php", "5 -1 "), ("sub/ini.php", "5 6 linked"), ("sub/deep/ini.php", "5 6 linked")):
                with self.subTest(f"{root} {script}"):
                    answer = pool.ask("current/" + script, extra={"DOCUMENT_ROOT": os.path.join(pool.root, root)})
                    self.assertEqual(answer.body.decode(), expected)

        pool.write("releases/2/.user.ini", "precision = 3\n")
        for name in ("ini.php", "other.php"):
            pool.write("releases/2/" + name, "<?php echo ini_get('precision');")
        os.symlink("releases/2", os.path.join(pool.root, "next"))
        os.rename(os.path.join(pool.root, "next"), os.path.join(pool.root, "current"))
        there = {"DOCUMENT_ROOT": os.path.join(pool.root, "current")}
        self.assertEqual(pool.ask("current/other.php", extra=there).body, b"3", "of a script that was not known before")
        until("the settings of what is deployed now", lambda: pool.ask(
            "current/ini.php", extra={"DOCUMENT_ROOT": os.path.join(pool.root, "current")}).body == b"3", 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
