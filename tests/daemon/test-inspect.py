# SPDX-License-Identifier: MIT
"""What a pool tells of what it does: slow requests, stacks, profiles, figures."""

import os
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import call, status  # noqa: E402
from engine import Engine, until  # noqa: E402
from fcgi import Peer, encoded, whole  # noqa: E402
from fcgi_client import Lost  # noqa: E402

SCRIPTS = {
    "hello.php": '<?php echo "hello";',
    "lib.php": """<?php
namespace Shop;
class Cart {
    function total($n) {
        return $n
            ? $this->total($n - 1)
            : self::wait();
    }
    static function wait() {
        $left = sleep(2);
        return $left;
    }
}
""",
    "slow.php": '<?php\nrequire "lib.php";\n$begin = hrtime(true);\n$cart = new Shop\\Cart;\n$left = $cart->total(2);\n'
                'printf("%d %.2f", $left, (hrtime(true) - $begin) / 1e9);',
    "spin.php": '<?php function spin($s) { $t = hrtime(true); while (hrtime(true) - $t < $s * 1e9)'
                ' for ($i = 0; $i < 1000; $i++) sqrt($i); } spin((float) $_GET["s"]); echo "done";',
    "deep.php": '<?php function deep($n) { if ($n) deep($n - 1); else sleep(3); } deep(5000); echo "out";',
    "after.php": '<?php echo "answered"; fastcgi_finish_request(); if ($_SERVER["QUERY_STRING"] == "spin") while (true); '
                 '$s = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); fread($s[0], 1);',
    "deaf.php": '<?php $s = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); fread($s[0], 1);',
    "die.php": "<?php posix_kill(getmypid(), 9);",
    "error.php": '<?php http_response_code(404); echo "none";',
    "size.php": '<?php echo str_repeat("x", strlen(file_get_contents("php://input")));',
}


class InspectTest(unittest.TestCase):
    def pool(self, config):
        pool = Engine(config)
        self.addCleanup(pool.remove)
        for name, text in SCRIPTS.items():
            pool.write(name, text)
        pool.start()
        return pool

    def later(self, pool, script, query=""):
        """The response in a list, when it is there."""
        result = []
        thread = threading.Thread(target=lambda: result.append(pool.ask(script, query)))
        thread.start()
        self.addCleanup(thread.join)
        return thread, result

    def test_slow_requests_are_logged_with_their_stack(self):
        pool = self.pool('workers: { max = 4; }; timeouts: { slow = "500ms"; };')
        response = pool.ask("slow.php", "q=1")
        left, slept = response.body.split()
        self.assertEqual((left, float(slept) >= 2), (b"0", True), "a sleep() that is looked at sleeps on")

        log = pool.log()
        self.assertEqual(log.count("has been running for"), 1, "once for each request")
        lines = log[log.index("GET /slow.php?q=1 has been running for"):].splitlines()
        lib, slow = (os.path.join(pool.root, name) for name in ("lib.php", "slow.php"))
        self.assertEqual([line.strip() for line in lines[1:7]], [
            "#0 sleep()", f"#1 Shop\\Cart::wait() {lib}:10", f"#2 Shop\\Cart->total() {lib}:7",
            f"#3 Shop\\Cart->total() {lib}:6", f"#4 Shop\\Cart->total() {lib}:6", f"#5 {{main}}() {slow}:5",
        ])
        seconds = float(lines[0].split("running for ")[1].split(" s ")[0])
        self.assertTrue(0.5 <= seconds < 1.5, seconds)
        self.assertEqual(status(pool)["slow"], 1)

    def test_deep_stacks_are_cut(self):
        pool = self.pool('workers: { max = 4; }; timeouts: { slow = "500ms"; };')
        self.assertEqual(pool.ask("deep.php").body, b"out")
        self.assertEqual(pool.log().count("deep() "), 63)

    def test_stacks_of_what_runs(self):
        pool = self.pool("workers: { max = 4; };")
        self.assertEqual(call(pool, "GetStacks"), {"stacks": []})
        threads = [self.later(pool, "slow.php", f"n={n}")[0] for n in range(3)]
        stacks = until("three run", lambda: (s := call(pool, "GetStacks")["stacks"]) and len(s) == 3 and
                       all(len(one["frames"]) == 6 for one in s) and s)
        for stack in stacks:
            self.assertEqual([frame["function"] for frame in stack["frames"]],
                             ["sleep", "Shop\\Cart::wait"] + ["Shop\\Cart->total"] * 3 + ["{main}"])
            self.assertIn(stack["pid"], pool.workers())
            self.assertRegex(stack["uri"], r"^/slow\.php\?n=[012]$")
        for thread in threads:
            thread.join()

    def test_stacks_while_workers_die(self):
        """A worker that ends or dies while it is read harms nobody."""
        pool = self.pool("workers: { max = 4; min = 2; };")
        stop = time.monotonic() + 4
        n_killed = n_stacks = 0
        while time.monotonic() < stop or (min(n_killed, n_stacks) <= 10 and time.monotonic() < stop + 30):
            peers = []
            for _ in range(3):
                peer = Peer(pool.socket)
                peers.append(peer)
                peer.send(whole(encoded(os.path.join(pool.root, "spin.php"), "s=0.01")))
            n_stacks += len(call(pool, "GetStacks")["stacks"])
            for pid in pool.workers()[:1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                    n_killed += 1
                except ProcessLookupError:
                    pass
            n_stacks += len(call(pool, "GetStacks")["stacks"])
            for peer in peers:
                peer.socket.close()
        self.assertGreater(n_killed, 10)
        self.assertGreater(n_stacks, 10)
        until("the pool serves", lambda: pool.ask("hello.php").body == b"hello")
        self.assertEqual(len(pool.templates()), 1)

    def test_a_profile(self):
        pool = self.pool("workers: { max = 4; };")
        thread, _ = self.later(pool, "spin.php", "s=3")
        until("it spins", lambda: any(f["function"] == "spin" for s in call(pool, "GetStacks")["stacks"] for f in s["frames"]))
        profile = call(pool, "Profile", hz=99, msec=1000)
        thread.join()
        lines = dict(line.rsplit(" ", 1) for line in profile["folded"].splitlines())
        counts = {stack: int(count) for stack, count in lines.items()}
        self.assertEqual(sum(counts.values()), profile["samples"])
        self.assertGreater(profile["samples"], 20)
        inside = counts.get("{main} spin.php;spin;sqrt", 0) + counts.get("{main} spin.php;spin", 0)
        self.assertGreater(inside, 0.9 * profile["samples"], counts)

        until("its worker is idle", lambda: status(pool)["workers"]["busy"] == 0)
        self.assertEqual(call(pool, "Profile", hz=99, msec=100), {"samples": 0, "folded": ""})
        for wrong in ({"hz": 0, "msec": 10}, {"hz": 99}, {"hz": 99, "msec": 10 ** 9}, {"hz": "many", "msec": 10}):
            self.assertEqual(call(pool, "Profile", **wrong), "org.varlink.service.InvalidParameter")

    def test_an_operator_ends_a_request(self):
        pool = self.pool('workers: { max = 4; }; timeouts: { kill = "5s"; };')
        thread, result = self.later(pool, "spin.php", "s=20")
        one = until("it runs", lambda: next((w for w in status(pool)["list"] if w["uri"] == "/spin.php?s=20"), None))
        self.assertEqual(call(pool, "KillRequest", id="no-such-id"), "io.phppool.Pool.NoSuchRequest")
        self.assertEqual(call(pool, "KillRequest", id=one["request_id"]), {})
        thread.join()
        self.assertEqual(result[0].status, 500)
        self.assertIn("ended by an operator", pool.log())
        self.assertEqual(pool.ask("hello.php").body, b"hello")

    def test_an_operator_who_repeats_himself_postpones_nothing(self):
        pool = self.pool('workers: { max = 2; }; timeouts: { kill = "1s"; };')
        peer = Peer(pool.socket, timeout=20)
        self.addCleanup(peer.socket.close)
        peer.send(whole(encoded(f"{pool.root}/deaf.php")))
        one = until("it runs", lambda: next((w for w in status(pool)["list"] if w["uri"] == "/deaf.php"), None))
        time.sleep(0.3)  # it reads by now
        begin = time.monotonic()
        while call(pool, "KillRequest", id=one["request_id"]) == {}:
            self.assertLess(time.monotonic() - begin, 4)  # more than timeouts.kill
            time.sleep(0.1)

    def test_an_operator_reaches_all_that_share_an_id(self):
        """Clients may bring one; and whoever has none cannot be meant."""
        pool = self.pool('workers: { max = 4; };')
        peers = [Peer(pool.socket, timeout=20) for _ in range(2)]
        for peer in peers:
            self.addCleanup(peer.socket.close)
            peer.send(whole(encoded(f"{pool.root}/spin.php", "s=20", extra={"HTTP_X_REQUEST_ID": "of.a-client_" + "0" * 52})))
        until("both run", lambda: sum(w["request_id"] == "of.a-client_" + "0" * 52 and w["pid"] > 0 for w in status(pool)["list"]) == 2)
        self.assertEqual(call(pool, "KillRequest", id=""), "io.phppool.Pool.NoSuchRequest")
        for _ in peers:
            self.assertEqual(call(pool, "KillRequest", id="of.a-client_" + "0" * 52), {})
        for peer in peers:
            self.assertEqual(peer.reply().status, 500)

    def test_an_operator_ends_a_request_that_has_just_begun(self):
        """PHP forgets, when it begins a request, what it was told before: here while the way to the script was looked for."""
        pool = self.pool('workers: { max = 2; }; timeouts: { kill = "5s"; };')
        deep = "d/" * 1900
        self.addCleanup(subprocess.run, ["rm", "-rf", f"{pool.root}/d"], check=True)  # shutil.rmtree() recurses
        at = os.open(pool.root, os.O_RDONLY | os.O_DIRECTORY)
        for _ in range(1900):
            os.mkdir("d", dir_fd=at)
            inner = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = inner
        with os.fdopen(os.open("spin.php", os.O_WRONLY | os.O_CREAT, dir_fd=at), "w", encoding="ascii") as f:
            f.write(SCRIPTS["spin.php"])
        os.close(at)
        peer = Peer(pool.socket, timeout=20)
        self.addCleanup(peer.socket.close)
        peer.send(whole(encoded(f"{pool.root}/{deep}spin.php", "s=20")))
        begun = until("it has begun", lambda: next((w for w in status(pool)["list"] if w["state"] == "busy" and w["uri"]), None), pause=0)
        self.assertEqual(call(pool, "KillRequest", id=begun["request_id"]), {})
        self.assertEqual(peer.reply().status, 500)

    def test_an_operator_ends_what_goes_on_after_its_answer(self):
        pool = self.pool('workers: { max = 2; }; timeouts: { kill = "500ms"; };')
        for what in ("spin", "block"):
            self.assertEqual(pool.ask("after.php", what).body, b"answered")
            one = until("it goes on", lambda: next((w for w in status(pool)["list"] if w["state"] == "finished"), None))
            if what == "block":
                until("it reads", lambda: any(f["function"] == "fread" for s in call(pool, "GetStacks")["stacks"] for f in s["frames"]))
            self.assertEqual(call(pool, "KillRequest", id=one["request_id"]), {})
            until("it has ended", lambda: not [w for w in status(pool)["list"] if w["state"] == "finished"], 5)
        self.assertIn("did not end after timeouts.kill", pool.log())
        self.assertEqual(pool.ask("hello.php").body, b"hello")

    def test_the_journal_is_not_filled(self):
        """Each death is counted, and named while there are few."""
        pool = self.pool("workers: { max = 8; min = 4; };")
        begin = time.monotonic()
        for _ in range(300):
            with self.assertRaises(Lost):
                pool.ask("die.php")
        taken = time.monotonic() - begin
        self.assertEqual(until("all are counted", lambda: (n := status(pool)["crashes"]) >= 300 and n), 300)
        named = pool.log().count("SIGKILL while it ran GET /die.php")
        self.assertTrue(200 <= named < 300 or taken > 30, f"{named} named in {taken:.0f} s")  # and as many in the next 30

    def test_figures(self):
        pool = self.pool("workers: { max = 2; min = 2; };")
        for _ in range(5):
            pool.ask("hello.php")
        pool.ask("error.php")
        pool.ask("size.php", body=b"y" * 1000)
        pool.ask("spin.php", "s=0.3")
        until("all are counted", lambda: (s := status(pool))["requests"] == 8 and s["statuses"]["2xx"] == 7)
        for pid in pool.workers():
            os.kill(pid, signal.SIGKILL)
        pool.ask("hello.php")
        seen = until("the last one too", lambda: (s := status(pool))["requests"] == 9 and s["crashes"] == 2 and s)
        self.assertEqual((seen["statuses"]["2xx"], seen["statuses"]["4xx"], seen["statuses"]["5xx"]), (8, 1, 0))
        self.assertEqual(seen["bytes_in"], 1000)
        self.assertGreater(seen["bytes_out"], 1000)
        self.assertEqual(seen["requests"], 9, "the dead are counted too")
        self.assertEqual(sum(seen["durations"]["counts"]), 9)
        self.assertGreater(seen["durations"]["sum_usec"], 300000)
        self.assertEqual(seen["crashes_by_signal"], {"KILL": 2})
        self.assertGreater(seen["opcache"]["memory_free"], 0)
        slowest = until("the slowest are collected", lambda: status(pool)["slowest"])
        self.assertEqual(slowest[0]["uri"], "/spin.php?s=0.3", "what the dead had kept as well")
        at = next(n for n, end in enumerate(seen["durations"]["buckets_usec"]) if slowest[0]["duration_usec"] <= end)
        self.assertGreaterEqual(seen["durations"]["counts"][at], 1)

    def test_figures_of_queue_and_slowest(self):
        pool = self.pool("workers: { max = 1; };")
        threads = [self.later(pool, "spin.php", f"s=0.{n + 1}")[0] for n in range(3)]
        for thread in threads:
            thread.join()
        seen = until("all are counted", lambda: (s := status(pool))["requests"] == 3 and s)
        waited = sum(n for n, end in zip(seen["waits"]["counts"], seen["waits"]["buckets_usec"] + [10 ** 12]) if end >= 100000)
        self.assertGreaterEqual(waited, 1, seen["waits"])
        slowest = until("the slowest are collected", lambda: (s := status(pool)["slowest"]) and s[0]["uri"] == "/spin.php?s=0.3" and s)
        self.assertEqual(slowest[0]["status"], 200)
        victim = threading.Thread(target=lambda: self.assertRaises(Lost, pool.ask, "spin.php", "s=9"))
        victim.start()
        until("it runs", lambda: any(w["state"] == "busy" for w in status(pool)["list"]))
        time.sleep(1)
        os.kill(pool.workers()[0], signal.SIGKILL)
        victim.join()
        slowest = until("what died with its worker", lambda: (s := status(pool)["slowest"])[0]["uri"] == "/spin.php?s=9" and s, 5)
        self.assertGreater(slowest[0]["duration_usec"], 900000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
