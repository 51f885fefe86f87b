# SPDX-License-Identifier: MIT
"""Uploads that the manager reads, because they began slowly, at a stop."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import status  # noqa: E402
from engine import Engine, until  # noqa: E402
from fcgi import PARAMS, STDIN, Peer, begin, encoded, record, whole  # noqa: E402

SCRIPTS = {
    "size.php": '<?php echo $_SERVER["CONTENT_LENGTH"];',
    "sleep.php": "<?php sleep(4);",
    "finish.php": "<?php fastcgi_finish_request(); sleep(4);",
}


class UploadsTest(unittest.TestCase):
    def pool(self, config):
        pool = Engine(config)
        self.addCleanup(pool.remove)
        for name, text in SCRIPTS.items():
            pool.write(name, text)
        pool.start()
        return pool

    def peer(self, pool):
        peer = Peer(pool.socket, timeout=30)
        self.addCleanup(peer.socket.close)
        return peer

    def parked(self, pool, size):
        """One whose request has begun, and is the manager's now."""
        peer = self.peer(pool)
        params = encoded(f"{pool.root}/size.php", method="PUT", extra={"CONTENT_LENGTH": str(size)})
        peer.send(begin(keep=False), record(PARAMS, params))
        until("it is the manager's", lambda: status(pool)["parked"] == 1)
        return peer

    def test_one_that_becomes_whole_at_a_stop_does_not_wait_for_a_long_script(self):
        for script in ("sleep.php", "finish.php"):
            with self.subTest(script):
                pool = self.pool("workers: { max = 4; min = 1; };")
                self.peer(pool).send(whole(encoded(f"{pool.root}/{script}"), keep=False))
                until("it runs", lambda: status(pool)["workers"]["busy"] == 1)
                peer = self.parked(pool, 5)
                pool.quit()
                until("the idle ones have gone", lambda: len(pool.workers()) == 1)
                began = time.monotonic()
                peer.send(record(PARAMS), record(STDIN, b"01234"), record(STDIN))
                self.assertEqual(peer.answer()[0], b"5")
                self.assertLess(time.monotonic() - began, 1.5)
                self.assertEqual(pool.process.wait(10), 0)
                pool.process = None


if __name__ == "__main__":
    unittest.main(verbosity=2)
