# SPDX-License-Identifier: MIT
"""
Bursts: workers start at once when they are wanted, then requests wait in order, and not for ever.

FCGI_LOAD names the load generator: on two processors a hundred threads of Python would be much of what is measured.
"""

import json
import os
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fpm  # noqa: E402
from engine import Engine, until  # noqa: E402
from fcgi import COMPLETE, OVERLOADED, PARAMS, STDIN, Peer, begin, encoded, record, whole  # noqa: E402

SCRIPTS = {
    "hello.php": '<?php echo "hello";',
    "second.php": '<?php sleep(1); echo "slept";',
    "sleep.php": '<?php usleep((int) $_GET["ms"] * 1000); echo "slept";',
    # notes that it ran; one line each, in the order of the beginnings
    "note.php": '<?php file_put_contents(__DIR__ . "/notes", $_GET["n"] . "\\n", FILE_APPEND | LOCK_EX); usleep(50000); echo $_GET["n"];',
}


class BurstTest(unittest.TestCase):
    def pool(self, config):
        pool = Engine(config)
        self.addCleanup(pool.remove)
        for name, text in SCRIPTS.items():
            pool.write(name, text)
        pool.start()
        return pool

    def peers(self, server, n):
        peers = [Peer(server.socket, 15) for _ in range(n)]
        for peer in peers:
            self.addCleanup(peer.socket.close)
        return peers

    def request(self, server, script, query="", keep=False, method="GET", body=b""):
        return whole(encoded(os.path.join(server.root, script), query, method, len(body)), body, keep=keep)

    def burst(self, server, n):
        """How long after the first was sent each of @n simultaneous requests of one second ends."""
        peers, ends = self.peers(server, n), []
        request = self.request(server, "second.php")

        def wait(peer):
            if peer.answer() == (b"slept", 0, COMPLETE):
                ends.append(time.monotonic() - start)
            peer.socket.close()  # php-fpm's child waits for that
        threads = [threading.Thread(target=wait, args=(peer,)) for peer in peers]
        start = time.monotonic()
        for peer in peers:
            peer.send(request)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(ends), n, "all are answered")
        return ends

    def again(self, peer, pool):
        """A further request on a kept connection."""
        try:
            answer = peer.send(self.request(pool, "hello.php", keep=True)).answer()
        except BrokenPipeError:
            answer = None
        return answer[0].decode() if answer else "closed"

    def notes(self, server):
        path = os.path.join(server.root, "notes")
        if not os.path.exists(path):
            return []
        with open(path, encoding="ascii") as f:
            return [int(line) for line in f]

    def check_burst(self, n, seconds):
        best = None
        for _ in range(8):  # each from one idle worker; a machine that is busy with something else gets another chance
            pool = self.pool(f'workers: {{ max = {n}; spare = 1; idle_timeout = "1s"; }};')
            self.assertEqual(pool.ask("hello.php").body, b"hello")
            until("one idle worker", lambda p=pool: len(p.workers()) == 1)
            load = subprocess.run([os.environ["FCGI_LOAD"], f"--connections={n}", f"--count={n}", pool.socket, os.path.join(pool.root, "second.php")],
                                  check=True, capture_output=True, text=True, timeout=30)
            result = json.loads(load.stdout)
            self.assertEqual((result["requests"], sum(result["errors"].values()), result["unanswered"]), (n, 0, 0))
            last = result["latency_ms"]["max"] / 1000
            print(f"\n{n} simultaneous requests of one second, max = {n}: the last after {last:.2f} s", end="")
            pool.stop()
            best = min(best or last, last)
            if best <= seconds:
                break
        print(flush=True)
        self.assertLessEqual(best, seconds)

    def test_ten_at_once(self):
        self.check_burst(10, 1.2)

    def test_a_hundred_at_once(self):
        # On a machine that forks a worker in 4 ms it is 1.45 s; where page faults are dear a second worker's worth more.
        self.check_burst(100, 2)

    def test_few_at_once_start_few(self):
        for n in (3, 8):
            pool = self.pool('workers: { max = 100; spare = 1; idle_timeout = "1s"; };')
            self.assertEqual(pool.ask("hello.php").body, b"hello")
            until("one idle worker", lambda p=pool: len(p.workers()) == 1)
            self.burst(pool, n)
            self.assertLess(len(pool.workers()), 2 * n, "the last round may be twice what was needed, and there is the spare one")
            pool.stop()

    @unittest.skipUnless(fpm.AVAILABLE, "php-fpm is not installed")
    def test_php_fpm_for_comparison(self):
        for name, lines in {
            "dynamic": ["pm = dynamic", "pm.max_children = 10", "pm.start_servers = 1", "pm.min_spare_servers = 1", "pm.max_spare_servers = 3"],
            "ondemand": ["pm = ondemand", "pm.max_children = 10"],
        }.items():
            server = fpm.Fpm(lines=lines)
            self.addCleanup(server.remove)
            server.write("second.php", SCRIPTS["second.php"])
            server.start()
            print(f"\nphp-fpm, {name}: " + " ".join(f"{end:.2f}" for end in sorted(self.burst(server, 10))), flush=True)

    def test_what_is_beyond_max_waits_in_order(self):
        """New connections, kept ones, and ones whose body came late: one order, that of their arrival."""
        pool = self.pool("workers: { max = 1; };")
        kept = self.peers(pool, 4)
        for peer in kept:
            self.assertEqual(peer.send(self.request(pool, "hello.php", keep=True)).answer()[0], b"hello")
        time.sleep(0.2)  # they are idle, and nobody's
        busy = self.peers(pool, 1)[0].send(self.request(pool, "sleep.php", "ms=1500"))
        time.sleep(0.2)
        senders = []
        for n in range(12):
            peer = kept[n // 3] if n % 3 == 0 else self.peers(pool, 1)[0]
            if n % 3 == 2:
                params = encoded(os.path.join(pool.root, "note.php"), f"n={n}", "POST", 3)
                peer.send(begin(keep=False), record(PARAMS, params), record(PARAMS))
                time.sleep(0.03)
                peer.send(record(STDIN, b"abc"), record(STDIN))
            else:
                peer.send(self.request(pool, "note.php", f"n={n}", keep=n % 3 == 0))
            senders.append(peer)
            time.sleep(0.05)
        self.assertEqual(busy.answer()[0], b"slept")
        for n, peer in enumerate(senders):
            self.assertEqual(peer.answer(), (str(n).encode(), 0, COMPLETE))
        print(f"\norder of the beginnings: {self.notes(pool)}", flush=True)
        self.assertEqual(self.notes(pool), list(range(12)))

    def test_what_waits_too_long_is_refused_in_time(self):
        pool = self.pool('workers: { max = 2; }; timeouts: { queue = "1s"; };')
        kept = self.peers(pool, 1)[0]
        self.assertEqual(kept.send(self.request(pool, "hello.php", keep=True)).answer()[0], b"hello")
        busy = self.peers(pool, 2)
        for peer in busy:
            peer.send(self.request(pool, "sleep.php", "ms=2500"))
        time.sleep(0.2)
        start = time.monotonic()
        waiting = [kept, *self.peers(pool, 5)]
        for peer in waiting:
            peer.send(self.request(pool, "note.php", "n=1", keep=peer is kept))
        waits = []
        for peer in waiting:
            self.assertEqual(peer.answer(), (b"", 0, OVERLOADED))
            waits.append(time.monotonic() - start)
        print(f"\nrefused after {min(waits):.2f} to {max(waits):.2f} s, timeouts.queue 1 s", flush=True)
        self.assertGreaterEqual(min(waits), 0.95)
        self.assertLess(max(waits), 1.8)
        for peer in busy:
            self.assertEqual(peer.answer()[0], b"slept")
        self.assertEqual(self.notes(pool), [], "what was refused was not run")
        self.assertIn(self.again(kept, pool), ("hello", "closed"), "its connection is kept, or at an end")

    def test_a_short_wait_is_no_refusal(self):
        pool = self.pool('workers: { max = 1; }; timeouts: { queue = "3s"; };')
        busy = self.peers(pool, 1)[0].send(self.request(pool, "sleep.php", "ms=1000"))
        time.sleep(0.1)
        waiting = self.peers(pool, 10)
        for n, peer in enumerate(waiting):
            peer.send(self.request(pool, "note.php", f"n={n}"))
        self.assertEqual(busy.answer()[0], b"slept")
        for n, peer in enumerate(waiting):
            self.assertEqual(peer.answer(), (str(n).encode(), 0, COMPLETE))

    def test_a_queued_request_whose_client_has_gone_is_never_run(self):
        pool = self.pool("workers: { max = 1; };")
        kept, fresh, late, posted = self.peers(pool, 4)
        self.assertEqual(kept.send(self.request(pool, "hello.php", keep=True)).answer()[0], b"hello")
        time.sleep(0.2)
        busy = self.peers(pool, 1)[0].send(self.request(pool, "sleep.php", "ms=1000"))
        time.sleep(0.2)
        kept.send(self.request(pool, "note.php", "n=1", keep=True))
        fresh.send(self.request(pool, "note.php", "n=2"))
        posted.send(self.request(pool, "note.php", "n=3", method="POST", body=b"x" * 100000))
        late.send(self.request(pool, "note.php", "n=4"))
        stays = self.peers(pool, 1)[0].send(self.request(pool, "note.php", "n=5"))
        time.sleep(0.2)
        for peer in (kept, fresh, posted, late):
            peer.socket.close()
        self.assertEqual(busy.answer()[0], b"slept")
        self.assertEqual(stays.answer(), (b"5", 0, COMPLETE))
        self.assertEqual(pool.ask("hello.php").body, b"hello")
        self.assertEqual(self.notes(pool), [5])

    def test_clients_that_give_up_cost_nothing(self):
        """Impatient clients: a hundred give up while one worker is busy; the next one does not wait for them."""
        pool = self.pool("workers: { max = 1; };")
        busy = self.peers(pool, 1)[0].send(self.request(pool, "sleep.php", "ms=2000"))
        time.sleep(0.1)
        for n in range(100):
            peer = Peer(pool.socket)
            peer.send(self.request(pool, "note.php", f"n={n}"))
            peer.socket.close()
        self.assertEqual(busy.answer()[0], b"slept")
        start = time.monotonic()
        self.assertEqual(pool.ask("hello.php").body, b"hello")
        self.assertLess(time.monotonic() - start, 1)
        self.assertEqual(self.notes(pool), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
