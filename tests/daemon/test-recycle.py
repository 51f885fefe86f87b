# SPDX-License-Identifier: MIT
"""Workers that are replaced, and opcache that is shared by all of them. FCGI_LOAD names the load generator."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import call, status  # noqa: E402
from engine import Engine, until  # noqa: E402
from fcgi import PARAMS, STDIN, Peer, begin, encoded, record, whole  # noqa: E402

SCRIPTS = {
    "pid.php": "<?php echo getmypid();",
    "fat.php": '<?php $x = str_repeat("x", 80 << 20); static $keep; echo getmypid();',
    "fatal.php": '<?php function twice() {} function twice() {}',
    "uncaught.php": '<?php function_that_is_not_there();',
    "oom.php": '<?php ini_set("memory_limit", "8M"); $x = str_repeat("x", 20 << 20);',
    "sleep.php": '<?php sleep((int) $_GET["s"]); echo "slept";',
    "reset.php": '<?php var_dump(opcache_reset());',
    "cached.php": '<?php $s = opcache_get_status(); echo json_encode(["scripts" => array_keys($s["scripts"] ?? []), '
                  '"enabled" => $s["opcache_enabled"], "pending" => $s["restart_pending"], "pid" => getmypid(),'
                  '"manual" => $s["opcache_statistics"]["manual_restarts"], "jit" => $s["jit"]["on"] ?? null]);',
    "preloaded.php": '<?php echo Preloaded::name();',
    "preload.php": '<?php class Preloaded { static function name() { return "preloaded"; } }',
}
NOW = 'php: { values = [ "opcache.file_update_protection=0" ]; };'  # scripts are cached as soon as they are written

PERSISTENT = """<?php
$context = stream_context_create(["ssl" => ["verify_peer" => false, "verify_peer_name" => false]]);
$f = stream_socket_client("ssl://127.0.0.1:$_GET[port]", $error, $text, 5, STREAM_CLIENT_CONNECT | STREAM_CLIENT_PERSISTENT, $context);
echo $f ? "kept" : $text;
"""


@contextlib.contextmanager
def kept_load(pool, script, connections):
    """On kept connections, as long as the body runs."""
    command = [os.environ["FCGI_LOAD"], "--keep", f"--connections={connections}", "--duration=60s", pool.socket, os.path.join(pool.root, script)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as load:
        try:
            yield
            assert load.poll() is None, "the load has ended by itself"
        finally:
            load.kill()


class Recycle(unittest.TestCase):
    def pool(self, config="", **scripts):
        pool = Engine(config)
        self.addCleanup(pool.remove)
        for name, text in {**SCRIPTS, **scripts}.items():
            pool.write(name, text)
        pool.start()
        return pool

    def spread(self, pool, n, script="pid.php"):
        """The pids that answered @n requests, in order."""
        return [int(pool.ask(script).body) for _ in range(n)]


class RecycleTest(Recycle):
    def test_after_a_number_of_requests_but_not_all_at_once(self):
        pool = self.pool("workers: { max = 4; min = 4; max_requests = 40; };")
        counts = {}
        threads = [threading.Thread(target=lambda: [counts.__setitem__(pid, counts.get(pid, 0) + 1) for pid in self.spread(pool, 150)])
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        gone = sorted(n for pid, n in counts.items() if pid not in pool.workers())
        self.assertGreaterEqual(len(gone), 5, counts)
        self.assertTrue(all(n <= 45 for n in gone), gone)
        seen = until("the reasons", lambda: (s := status(pool))["recycles"]["requests"] >= len(gone) and s)
        self.assertEqual(seen["crashes"], 0)

    def test_a_worker_that_goes_costs_little(self):
        """It frees nothing that only its own end concerns: the processor time of one request more, not of a hundred."""
        pool = self.pool("workers: { max = 2; min = 1; max_requests = 1; };")
        template, n = pool.templates()[0], 30
        for _ in range(n):
            pool.ask("pid.php")
        until("they have gone", lambda: len(pool.workers()) <= 2)
        with open(f"/proc/{template}/stat", encoding="ascii") as f:
            ticks = sum(int(field) for field in f.read().rpartition(")")[2].split()[13:15])
        each = 1000 * ticks / os.sysconf("SC_CLK_TCK") / n
        print(f"a worker of one request takes {each:.0f} ms of processor time, its end included")
        self.assertLess(each, 50)

    @unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
    def test_persistent_connections_are_ended_properly(self):
        """A worker that goes says so on them; TLS tells an end from a cut."""
        pool = self.pool("workers: { max = 1; max_requests = 1; };", **{"keep.php": PERSISTENT})
        pem = os.path.join(pool.directory, "pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", pem, "-out", pem + ".crt"],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem + ".crt", pem)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(10)
            said = []
            thread = threading.Thread(target=lambda: said.append(pool.ask("keep.php", f"port={server.getsockname()[1]}").body))
            thread.start()
            raw = server.accept()[0]
            raw.settimeout(10)
            with context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False) as connection:
                thread.join()
                self.assertEqual(said, [b"kept"])
                self.assertEqual(connection.recv(100), b"", "an end, no cut")

    def test_with_too_much_memory(self):
        pool = self.pool('workers: { max = 1; max_memory = "64M"; };')
        first = self.spread(pool, 3)
        self.assertEqual(len(set(first)), 1)
        fat = int(pool.ask("fat.php").body)
        self.assertEqual(fat, first[0])
        self.spread(pool, 40)
        # freed again when the request ended: resident memory is what counts
        self.assertEqual(status(pool)["recycles"]["memory"], 0)

    def test_without_descriptors(self):
        pool = self.pool("workers: { max = 2; min = 2; };",
                         **{"leak.php": "<?php posix_setrlimit(POSIX_RLIMIT_NOFILE, 3, 3); echo getmypid();"})
        for _ in range(2):
            leaked = int(pool.ask("leak.php").body)
            # it finds out when it takes its next connection, and of two the other one may take all of these
            until("it is replaced", lambda: self.assertNotIn(leaked, self.spread(pool, 2)) or leaked not in pool.workers())
        until("the reasons", lambda: status(pool)["recycles"]["files"] == 2)
        self.assertIn("No descriptor is left for a connection", pool.log())
        self.assertEqual(status(pool)["crashes"], 0)

    def test_of_age(self):
        pool = self.pool('workers: { max = 1; max_age = "1s"; };')
        first = self.spread(pool, 1)[0]
        time.sleep(1.3)
        self.assertEqual(self.spread(pool, 1), [first], "it goes after a request, not before")
        self.assertNotEqual(self.spread(pool, 1), [first])
        until("the reason", lambda: status(pool)["recycles"]["age"] == 1)

    def test_after_a_bailout(self):
        pool = self.pool('workers: { max = 1; };')
        pids = []
        for script in ("fatal.php", "oom.php"):
            pids += self.spread(pool, 1)
            self.assertEqual(pool.ask(script).status, 500)
        pids += self.spread(pool, 1)
        self.assertEqual(len(set(pids)), 3, pids)
        self.assertEqual(pool.ask("uncaught.php").status, 500)
        self.assertEqual(self.spread(pool, 1), pids[-1:], "an exception that nobody caught leaves nothing behind")
        seen = until("the reason", lambda: (s := status(pool))["recycles"]["bailout"] == 2 and s)
        self.assertEqual(seen["crashes"], 0, "a fatal error of a script is no crash of a worker")


class OpcacheTest(Recycle):
    def cached(self, pool):
        return json.loads(pool.ask("cached.php").body)

    def test_reset_by_a_script_is_for_all_workers(self):
        pool = self.pool(f"workers: {{ max = 3; min = 3; }}; {NOW}")
        for _ in range(6):
            self.spread(pool, 2)
        self.assertIn(os.path.join(pool.root, "pid.php"), self.cached(pool)["scripts"])
        self.assertEqual(pool.ask("reset.php").body, b"bool(true)\n")
        until("no worker holds the read lock any more", lambda: not self.cached(pool)["pending"])
        seen = [self.cached(pool) for _ in range(6)]
        self.assertTrue(all(one["enabled"] and not one["pending"] and one["manual"] == 1 for one in seen), seen)
        self.assertNotIn(os.path.join(pool.root, "pid.php"), seen[-1]["scripts"])

    def readers(self, pool):
        """Workers that hold opcache's read lock."""
        with open("/proc/locks", encoding="ascii") as f:
            locks = [line.split() for line in f]
        return {int(lock[4]) for lock in locks if lock[1] == "POSIX" and lock[3] == "READ" and lock[6:] == ["1", "1"]} & set(pool.workers())

    def test_the_read_lock_is_kept_between_requests_and_no_longer(self):
        pool = self.pool("workers: { max = 2; min = 2; };")
        self.spread(pool, 4)
        until("idle workers hold no lock", lambda: not self.readers(pool), 1)
        with kept_load(pool, "pid.php", connections=1):
            until("it is kept between requests", lambda: all(self.readers(pool) for _ in range(50)))
        until("idle workers hold no lock", lambda: not self.readers(pool), 1)

    def test_the_read_lock_is_not_kept_by_who_waits_for_a_body(self):
        pool = self.pool("workers: { max = 2; min = 2; };")
        with contextlib.ExitStack() as stack:
            peers = []
            for _ in range(2):
                peer = Peer(pool.socket)
                stack.callback(peer.socket.close)
                peer.send(whole(encoded(f"{pool.root}/pid.php")))
                self.assertEqual(peer.reply().status, 200)
                peer.send(begin(), record(PARAMS, encoded(f"{pool.root}/pid.php", method="POST", length=1000)), record(PARAMS))
                peers.append(peer)
            for _ in range(20):  # with gaps that are shorter than what a worker waits for a silent connection
                for peer in peers:
                    peer.send(record(STDIN, b"x"))
                time.sleep(0.02)
            self.assertEqual(self.readers(pool), set())

    def test_a_restart_under_load_finds_its_moment(self):
        pool = self.pool(f"workers: {{ max = 4; min = 4; }}; {NOW}")
        for n in range(1, 4):
            with kept_load(pool, "pid.php", connections=3):
                time.sleep(0.3)
                self.assertEqual(pool.ask("reset.php").body, b"bool(true)\n")
                until("opcache has restarted", lambda: (s := self.cached(pool))["manual"] == n and not s["pending"], 2)
        self.assertEqual(status(pool)["renewals"], 0)

    def test_a_restart_does_not_wait_for_who_sleeps(self):
        pool = self.pool(f'workers: {{ max = 4; min = 2; }}; timeouts: {{ slow = "0"; }}; {NOW}')
        self.spread(pool, 4)
        result = []
        sleeper = threading.Thread(target=lambda: result.append(pool.ask("sleep.php", "s=9").body))
        sleeper.start()
        until("it sleeps", lambda: any(f["function"] == "sleep" for s in call(pool, "GetStacks")["stacks"] for f in s["frames"]))
        begin = time.monotonic()
        pool.ask("reset.php")
        self.assertTrue(self.cached(pool)["pending"], "it cannot restart while somebody sleeps in a request")
        time.sleep(1.1)
        for _ in range(4):
            self.cached(pool)
        until("caching works again", lambda: (s := self.cached(pool))["enabled"] and not s["pending"] and
              os.path.join(pool.root, "cached.php") in s["scripts"], 8)
        self.assertLess(time.monotonic() - begin, 7)
        sleeper.join()
        self.assertEqual(result, [b"slept"], "nobody was killed for it")
        self.assertEqual(status(pool)["renewals"], 1)
        self.assertEqual(status(pool)["crashes"], 0)

    def test_changed_files_are_seen(self):
        """With the file cache on, as it is by default."""
        pool = self.pool('php: { values = [ "opcache.file_update_protection=0", "opcache.revalidate_freq=0" ]; };')
        cache = os.path.join(pool.directory, "cache", "opcache")
        for n in range(4):
            pool.write("changing.php", f'<?php echo "version {n}";')
            os.utime(os.path.join(pool.root, "changing.php"), (1_000_000_000 + n, 1_000_000_000 + n))
            self.assertEqual(pool.ask("changing.php").body, b"version %d" % n)
            if n == 1:
                pool.ask("reset.php")
        self.assertTrue(any("changing.php.bin" in files for _, _, files in os.walk(cache)), "there is a file cache")
        # over a restart: changed while nobody looked
        pool.stop()
        pool.write("changing.php", '<?php echo "version 9";')
        os.utime(os.path.join(pool.root, "changing.php"), (1_000_000_009, 1_000_000_009))
        os.truncate(pool.log_path, 0)
        pool.start()
        self.assertEqual(pool.ask("changing.php").body, b"version 9")

    def test_without_timestamps_a_restart_and_a_reload_see_changes(self):
        pool = self.pool('php: { values = [ "opcache.file_update_protection=0", "opcache.validate_timestamps=0" ]; };',
                         **{"fixed.php": '<?php echo "one";'})
        self.assertEqual(pool.ask("fixed.php").body, b"one")
        pool.write("fixed.php", '<?php echo "two";')
        self.assertEqual(pool.ask("fixed.php").body, b"one", "that is what the setting is for")
        os.kill(pool.manager, 1)
        until("the reload", lambda: "Generation 2 serves" in pool.log())
        self.assertEqual(pool.ask("fixed.php").body, b"two")

    def test_what_comes_after_a_reload_gets_the_new_code(self):
        """Under load, when workers of the old generation are about to go and the queue is not empty."""
        pool = self.pool('workers: { max = 4; min = 4; }; php: { values = [ "opcache.file_update_protection=0", "opcache.validate_timestamps=0" ]; };',
                         **{"fixed.php": '<?php echo "1";'})
        over, answers, serves = threading.Event(), [], {}

        def load():
            while not over.is_set():
                begin = time.monotonic()
                answer = pool.ask("fixed.php")
                answers.append((begin, answer.status, answer.body))

        def generation_serves(n):
            if f"Generation {n} serves" in pool.log():
                serves[n] = time.monotonic()
            return n in serves

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        for n in range(2, 26):
            pool.write("fixed.php", f'<?php echo "{n}";')
            os.kill(pool.manager, 1)
            until("the reload", lambda: generation_serves(n), pause=0.001)
            time.sleep(0.1)
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual([answer for answer in answers if answer[1] != 200], [])
        stale = [(begin - serves[n], n, body) for begin, _, body in answers
                 for n in serves if begin > serves[n] and int(body) < n]
        self.assertEqual(stale, [], f"of {len(answers)}")

    def test_a_broken_file_cache_harms_nobody(self):
        pool = self.pool(NOW)
        self.spread(pool, 2)
        cache = os.path.join(pool.directory, "cache", "opcache")
        for directory, _, files in os.walk(cache):
            for name in files:
                with open(os.path.join(directory, name), "r+b") as f:
                    f.seek(200)
                    f.write(b"\xff" * 200)
        pool.stop()
        os.truncate(pool.log_path, 0)
        pool.start()
        self.assertEqual(pool.ask("pid.php").status, 200)
        shutil.rmtree(cache)
        self.assertEqual(pool.ask("pid.php").status, 200)

    def test_preload(self):
        pool = Engine()
        self.addCleanup(pool.remove)
        for name, text in SCRIPTS.items():
            pool.write(name, text)
        pool.configure(f'php: {{ admin_values = [ "opcache.preload={pool.root}/preload.php", "opcache.preload_user=root" ]; }};')
        pool.start()
        self.assertEqual(pool.ask("preloaded.php").body, b"preloaded")
        pool.write("preload.php", SCRIPTS["preload.php"].replace('"preloaded"', '"again"'))
        os.kill(pool.manager, 1)
        until("the reload", lambda: "Generation 2 serves" in pool.log())
        self.assertEqual(pool.ask("preloaded.php").body, b"again")
        pool.write("preload.php", "<?php broken(")
        os.kill(pool.manager, 1)
        until("the refusal", lambda: status(pool)["reloads_failed"] == 1)
        self.assertEqual(pool.ask("preloaded.php").body, b"again")

    def test_jit(self):
        pool = self.pool('php: { admin_values = [ "opcache.jit=tracing", "opcache.jit_buffer_size=16M" ]; };')
        self.assertTrue(self.cached(pool)["jit"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
