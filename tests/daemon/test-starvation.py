# SPDX-License-Identifier: MIT
"""Kept connections, idle or busy, do not starve a client that has none.

Each figure is taken several times, plain and with kept connections by turns on
the same machine, and the medians are compared. FCGI_LOAD names the load
generator.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import unittest
from statistics import median

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fpm  # noqa: E402
from engine import Engine  # noqa: E402
from fcgi import Peer, encoded, whole  # noqa: E402
from frontends import Nginx, program  # noqa: E402

WORKERS, IDLE, KEPT = 4, 64, 16
PAIRS = 7  # short ones: what else the machine does spoils some, and their median does not mind
TURN_MSEC = 2  # half a tick at 250 Hz: where p99 is below, hardly anybody had to wait for who else runs, which more load changes


def never_wait():
    """For the start of the client that measures: it stands for another machine, whose processors it has for itself.

    Beside the servers, wrk and nginx it would be late by several milliseconds itself, and take that for theirs.
    """
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def load(server, *arguments):
    result = subprocess.run([os.environ["FCGI_LOAD"], *arguments, server.socket, os.path.join(server.root, "hello.php")],
                            capture_output=True, text=True, timeout=60, check=True, preexec_fn=never_wait)
    return json.loads(result.stdout)


def show(report):
    errors = {kind: n for kind, n in report["errors"].items() if n}
    latency = report["latency_ms"]
    return (f"{report['rate']:.0f} requests/s, p50 {latency['p50']:.2f}, p99 {latency['p99']:.2f}, max {latency['max']:.2f} ms, "
            f"errors {errors or 'none'}, unanswered {report['unanswered']} (longest {report['unanswered_ms']:.0f} ms)")


class Wrk:
    """As many HTTP clients as nginx keeps connections, until the block ends; .line is its rate, .errors what it complains of."""

    def __init__(self, port):
        self.command = ["wrk", "-t1", f"-c{2 * KEPT}", "-d60", f"http://127.0.0.1:{port}/hello.php"]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        out = self.process.communicate(timeout=20)[0]
        self.rate = float(next((line.split()[1] for line in out.splitlines() if line.startswith("Requests/sec")), 0))
        self.errors = [line.strip() for line in out.splitlines() if "Socket errors" in line or "Non-2xx" in line]


class StarvationTest(unittest.TestCase):
    def start(self, server, **nginx):
        self.addCleanup(server.remove)
        os.utime(server.write("hello.php", '<?php echo "hello";'), (1, 1))  # opcache does not keep files that are new
        server.start()
        front = Nginx(server, processes=2, **nginx)
        self.addCleanup(front.remove)
        return server, front.start()

    def pool(self, **nginx):
        return self.start(Engine(f"workers: {{ max = {WORKERS}; min = {WORKERS}; }};"), **nginx)

    def hold(self, server):
        """Idle connections, each of which has been served."""
        peers = [Peer(server.socket) for _ in range(IDLE)]
        for peer in peers:
            self.addCleanup(peer.socket.close)
        self.check(server, peers)
        return peers

    def check(self, server, peers):
        for peer in peers:
            peer.send(whole(encoded(os.path.join(server.root, "hello.php"))))
            self.assertEqual(peer.answer()[0], b"hello")

    def capacity(self, server, front):
        with Wrk(front.port):
            return load(server, "--connections", str(WORKERS), "--duration", "1500ms")["rate"]

    def under_load(self, server, front, rate):
        """The client without keep-alive, while nginx loads the pool as well."""
        with Wrk(front.port) as wrk:
            report = load(server, "--rate", str(rate), "--poisson", "--duration", "2500ms")
        return report, wrk

    @unittest.skipUnless(program("nginx") and program("wrk"), "nginx and wrk are not installed")
    def test_kept_connections_do_not_starve_others(self):
        plain_p99, kept_p99, rate = [], [], None
        for _ in range(PAIRS):
            # each pair with servers of its own: which of them share a processor is decided at their start, and p99 with it
            plain, plain_front = self.pool()
            kept, kept_front = self.pool(keepalive=KEPT)
            peers = self.hold(kept)
            if not rate:
                capacities = self.capacity(plain, plain_front), self.capacity(kept, kept_front)
                rate = min(capacities) / 2
                print(f"\ncapacity of a client without keep-alive beside nginx: {capacities[0]:.0f}/s plain, {capacities[1]:.0f}/s with kept "
                      f"connections; it sends half of the lower, {rate:.0f}/s")
            before, wrk_before = self.under_load(plain, plain_front, rate)
            after, wrk_after = self.under_load(kept, kept_front, rate)
            plain_p99.append(before["latency_ms"]["p99"])
            kept_p99.append(after["latency_ms"]["p99"])
            print(f"plain: {show(before)}; through nginx {wrk_before.rate:.0f}/s\n"
                  f"kept:  {show(after)}; through nginx {wrk_after.rate:.0f}/s\n       p99 ratio {kept_p99[-1] / plain_p99[-1]:.2f}", flush=True)
            for wrk in (wrk_before, wrk_after):
                self.assertEqual(wrk.errors, [])
                self.assertGreater(wrk.rate, 100)
            self.assertEqual(sum(after["errors"].values()), 0, "no error")
            self.assertEqual(after["unanswered"], 0, "none unanswered at the end")
            self.check(kept, peers)
        print(f"medians of the p99: {median(plain_p99):.2f} ms plain, {median(kept_p99):.2f} ms kept")
        self.assertLessEqual(median(kept_p99), 2 * max(median(plain_p99), TURN_MSEC))

    def test_many_busy_kept_connections_are_all_served(self):
        pool, _ = self.pool()
        for connections in (IDLE, 4 * IDLE):
            report = load(pool, "--keep", "--connections", str(connections), "--duration", "2s")
            print(f"\n{connections} kept connections, {WORKERS} workers: {show(report)}")
            self.assertEqual(sum(report["errors"].values()), 0)
            self.assertEqual(report["unanswered"], 0)
            self.assertLess(report["latency_ms"]["max"], 1500)
            self.assertGreater(report["requests"], 20 * connections)

    @unittest.skipUnless(fpm.AVAILABLE, "php-fpm is not installed")
    def test_php_fpm_for_comparison(self):
        server, front = self.start(fpm.Fpm(children=WORKERS), keepalive=KEPT)
        with Wrk(front.port) as wrk:
            report = load(server, "--rate", "100", "--duration", "2s", "--grace", "1s")
        print(f"\nphp-fpm, kept: {show(report)}; through nginx {wrk.rate:.0f}/s {' '.join(wrk.errors)}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
