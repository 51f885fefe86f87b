#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""php-pool-metrics: what it serves, read by Prometheus' own parsers, and what hostile pools can do to it."""

import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.path.append("/usr/lib/python3/dist-packages")  # where Debian's packages are, whichever python3 this is
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from engine import Engine, until
from ports import free_port
from fakecontrol import EVIL, HOSTILE, FakeControl, drip, status_reply

METRICS = os.environ["PHP_POOL_METRICS"]
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"

PROXY = {
    "state": "running", "sites": 3, "broken": "", "processes": 2, "connections": 5, "waiting": 1, "accepted": 50, "refused": 2,
    "requests": [1, 0, 40, 3, 4, 2], "files": 12, "retried": 1, "timed_out": 3, "received_bytes": 1000, "sent_bytes": 90000,
    "duration_usec": 2500000, "durations": [{"le_usec": 1000, "count": 30}, {"le_usec": 100000, "count": 15}, {"count": 5}],
}


class Crowd:
    """Control sockets that all give the same status, from one thread."""

    def __init__(self, paths, status):
        self.reply = json.dumps({"parameters": {"status": status}}).encode() + b"\0"
        self.selector = selectors.DefaultSelector()
        for path in paths:
            os.makedirs(os.path.dirname(path))
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen()
            self.selector.register(listener, selectors.EVENT_READ, True)
        self.ends, self.begins = socket.socketpair()
        self.selector.register(self.ends, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    return
                if key.data:
                    self.selector.register(key.fileobj.accept()[0], selectors.EVENT_READ, False)
                    continue
                self.selector.unregister(key.fileobj)
                with key.fileobj as connection:
                    if connection.recv(65536).endswith(b"\0"):
                        connection.sendall(self.reply)

    def close(self):
        self.begins.send(b"x")
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.begins.close()
        self.selector.close()


class Served(unittest.TestCase):
    """The program behind a socket, and pools in a directory."""

    def setUp(self):
        self.pool = Engine("workers: { max = 4; };")
        self.addCleanup(self.pool.remove)
        self.directory = self.pool.directory
        self.pool.write("hello.php", "hello")
        self.pool.write("wait.php", '<?php usleep(1000 * (int)$_GET["ms"]); http_response_code((int)($_GET["status"] ?? 200));')
        self.port = free_port()
        self.server = subprocess.Popen(
            ["systemd-socket-activate", "-l", f"127.0.0.1:{self.port}", "--fdname=metrics", METRICS,
             "--config-dir", self.directory, "--run-dir", self.directory + "/rd", "--proxy-control", self.directory + "/proxy/control"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.stop)
        until("it listens", self.connect).close()

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(10)

    def connect(self):
        try:
            return socket.create_connection(("127.0.0.1", self.port), 10)
        except OSError:
            return None

    def fake(self, name, answer):
        with open(f"{self.directory}/conf.d/{name}.conf", "w", encoding="utf-8") as f:
            f.write(f'root = "/usr/share"; site: {{ hosts = [ "{name}.test" ]; }};\n')
        if answer:
            fake = FakeControl(f"{self.directory}/rd/{name}/control", answer)
            self.addCleanup(fake.close)
            return fake
        return None

    def get(self, path="/metrics", accept=None, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        if accept:
            request.add_header("Accept", accept)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.headers, reply.read().decode("ascii")

    def samples(self):
        """{(name, frozen labels): value} by the strict parser."""
        headers, text = self.get(accept=OPENMETRICS)
        self.assertEqual(headers["Content-Type"], OPENMETRICS)
        return {(s.name, tuple(sorted(s.labels.items()))): s.value
                for family in openmetrics.text_string_to_metric_families(text) for s in family.samples}

    def value(self, name, **labels):
        return self.samples().get((name, tuple(sorted(labels.items()))))

    def settle(self):
        time.sleep(1.1)  # what was found is kept for a second

    def promtool(self, text):
        result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))

    def test_figures_of_a_real_pool(self):
        self.pool.start()
        for _ in range(3):
            self.pool.ask("hello.php")
        self.pool.ask("wait.php", "ms=1200&status=404")
        self.pool.ask("wait.php", "ms=0&status=500", body=b"x" * 500)
        self.settle()
        until("all are counted", lambda: self.value("php_pool_requests_total", pool="test") == 5)
        seen = self.samples()

        def one(name, **labels):
            return seen[(name, tuple(sorted({"pool": "test", **labels}.items())))]

        self.assertEqual(one("php_pool_up"), 1)
        self.assertEqual(one("php_pool_unreachable"), 0)
        self.assertEqual([one("php_pool_responses_total", **{"class": c}) for c in ("1xx", "2xx", "3xx", "4xx", "5xx")], [0, 3, 0, 1, 1])
        self.assertEqual(one("php_pool_request_duration_seconds_count"), 5)
        self.assertGreater(one("php_pool_request_duration_seconds_sum"), 1.2)
        self.assertEqual(one("php_pool_request_duration_seconds_bucket", le="+Inf"), 5)
        self.assertEqual(one("php_pool_request_duration_seconds_bucket", le="1.0"), 4)
        self.assertEqual(one("php_pool_received_bytes_total"), 500)
        self.assertGreater(one("php_pool_sent_bytes_total"), 15)
        self.assertEqual(one("php_pool_workers_max"), 4)
        self.assertEqual(one("php_pool_generation"), 1)
        self.assertGreater(one("php_pool_memory_bytes"), 1e6)
        self.assertLess(abs(one("php_pool_start_time_seconds") - time.time()), 300)
        for worker in self.pool.workers():
            os.kill(worker, signal.SIGKILL)
        until("the dead are counted", lambda: (self.value("php_pool_worker_crashes_total", pool="test", signal="KILL") or 0) >= 1)

    def test_both_formats_are_valid(self):
        self.pool.start()
        self.pool.ask("hello.php")
        self.fake("asleep", None)
        proxy = FakeControl(self.directory + "/proxy/control", status_reply(PROXY))
        self.addCleanup(proxy.close)
        self.settle()
        _, text = self.get(accept=OPENMETRICS)
        families = list(openmetrics.text_string_to_metric_families(text))
        self.assertGreater(len(families), 40)
        self.assertTrue(all(f.documentation for f in families))
        self.assertTrue(all(f.name.endswith("_" + f.unit) for f in families if f.unit))
        headers, plain = self.get()
        self.assertEqual(headers["Content-Type"], TEXT)
        self.assertGreater(len(list(text_string_to_metric_families(plain))), 40)
        self.assertNotIn("# EOF", plain)
        self.promtool(plain)
        self.assertEqual(self.value("php_pool_proxy_responses_total", **{"class": "2xx"}), 40)
        self.assertEqual(self.value("php_pool_proxy_request_duration_seconds_bucket", le="0.1"), 45)
        self.assertEqual(self.value("php_pool_proxy_request_duration_seconds_sum"), 2.5)
        self.assertEqual(self.value("php_pool_proxy_broken"), 0)

    def test_prometheus_scrapes_it(self):
        self.pool.start()
        self.pool.ask("hello.php")
        with tempfile.TemporaryDirectory() as directory:
            port = free_port()
            with open(directory + "/prometheus.yml", "w", encoding="ascii") as f:
                json.dump({"scrape_configs": [{"job_name": "php", "scrape_interval": "1s", "static_configs": [{"targets": [f"127.0.0.1:{self.port}"]}]}]}, f)
            with open(directory + "/log", "wb") as log:
                server = subprocess.Popen(
                    ["prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
                     f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                def query(what):
                    try:
                        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query=" + urllib.parse.quote(what), timeout=5) as reply:
                            return json.load(reply)["data"]["result"]
                    except OSError:
                        return []

                until("it has been scraped", lambda: query('up{job="php"} == 1') and query("php_pool_requests_total"), 60)
                self.assertEqual(query("php_pool_requests_total")[0]["metric"]["pool"], "test")
                self.assertTrue(query("histogram_quantile(0.9, php_pool_request_duration_seconds_bucket)"))
            finally:
                server.terminate()
                server.wait(30)

    def test_a_sleeping_pool_is_shown_and_not_woken(self):
        with socket.socket(socket.AF_UNIX) as listener:  # what systemd would hold for a pool that sleeps
            listener.bind(self.directory + "/asleep.sock")
            listener.listen()
            self.fake("asleep", None)
            self.assertEqual(self.value("php_pool_up", pool="asleep"), 0)
            self.assertIsNone(self.value("php_pool_requests_total", pool="asleep"))
            listener.settimeout(0.5)
            with self.assertRaises(TimeoutError):
                listener.accept()

    def test_asking_takes_no_worker(self):
        self.pool.configure("workers: { max = 1; };")
        self.pool.start()
        thread = threading.Thread(target=lambda: self.pool.ask("wait.php", "ms=4000"))
        thread.start()
        self.addCleanup(thread.join)
        until("the one worker is busy", lambda: self.value("php_pool_workers", pool="test", state="busy") == 1)
        began = time.monotonic()
        self.settle()
        self.assertEqual(self.value("php_pool_workers", pool="test", state="busy"), 1)
        self.assertLess(time.monotonic() - began, 3)
        self.assertIsNotNone(self.value("php_pool_queue_requests", pool="test"))

    def test_hostile_pools(self):
        self.fake("evil", status_reply(HOSTILE))
        many = b"[" + b"{}," * 300000 + b"{}]"  # hidden from who takes the quote in a key of single quotes for one of a string
        for name, answer in {"silent": lambda *_: None, "dripping": drip, "garbage": lambda *_: b"\xff" * 100 + b"\0",
                             "large": lambda *_: b"{\"parameters\":{\"status\":{'\"':" + many + b"}}}\0",
                             "nan": lambda *_: b'{"parameters":{"status":{"state":"running","requests":NaN}}}\0'}.items():
            self.fake(name, answer)
        proxy = FakeControl(self.directory + "/proxy/control", status_reply({"requests": {"2xx": EVIL}, "durations": [5, {}], "broken": EVIL}))
        self.addCleanup(proxy.close)
        began = time.monotonic()
        _, text = self.get(accept=OPENMETRICS)
        self.assertLess(time.monotonic() - began, 8)
        families = list(openmetrics.text_string_to_metric_families(text))
        labels = {(k, v) for f in families for s in f.samples for k, v in s.labels.items()}
        self.assertEqual({v for k, v in labels if k == "pool"}, {"test", "evil", "silent", "dripping", "garbage", "large", "nan"})
        self.assertEqual({k for k, _ in labels} - {"pool", "state", "class", "signal", "reason", "kind", "le"}, set())
        self.assertNotIn("owned", text)
        for name in ("silent", "large", "nan"):
            self.assertEqual(self.value("php_pool_unreachable", pool=name), 1, name)
        self.assertEqual(self.value("php_pool_worker_crashes_total", pool="evil", signal="SEGV"), 3)
        self.assertEqual(self.value("php_pool_worker_crashes_total", pool="evil", signal="other"), 4)
        self.assertFalse([s for f in families for s in f.samples if s.name.startswith("php_pool_request_duration") and s.labels.get("pool") == "evil"])
        self.promtool(self.get()[1])

    def test_five_hundred_pools(self):
        """Some of them silent, slow or garbled; the others' figures are all there, and in time."""
        bad = {"silent": lambda *_: None, "dripping": drip, "garbage": lambda *_: b"\xff" * 100 + b"\0", "huge": lambda *_: b" " * (1 << 21)}
        for name, answer in bad.items():
            self.fake(name, answer)
        names = [f"site{n}" for n in range(500 - len(bad) - 1)]
        for name in names:
            self.fake(name, None)
        crowd = Crowd({f"{self.directory}/rd/{name}/control" for name in names}, {"state": "running", "requests": 7})
        self.addCleanup(crowd.close)
        self.pool.start()

        def scrape():
            began = time.monotonic()
            _, text = self.get(accept=OPENMETRICS)
            self.assertLess(time.monotonic() - began, 10, "Prometheus has gone after ten seconds")
            return text

        def all_are_there():
            text = scrape()
            return text if sum(line.startswith("php_pool_up{") and line.endswith(" 1") for line in text.splitlines()) == len(names) + 1 else None

        text = until("all that answer are up", all_are_there, 40)
        self.assertEqual(sum(line.startswith("php_pool_requests_total{") for line in text.splitlines()), len(names) + 1)
        for name in bad:
            self.assertIn(f'php_pool_unreachable{{pool="{name}"}} 1\n', text)
        self.assertEqual(len(list(openmetrics.text_string_to_metric_families(text))), text.count("# TYPE"))
        self.promtool(self.get()[1])

    def test_nothing_of_requests_is_told(self):
        self.pool.start()
        thread = threading.Thread(target=lambda: self.pool.ask("wait.php", "ms=5000&secret=hunter2"))
        thread.start()
        self.addCleanup(thread.join)
        until("it runs", lambda: self.value("php_pool_workers", pool="test", state="busy") == 1)
        _, text = self.get(accept=OPENMETRICS)
        for word in ("hunter2", "wait.php", self.directory):
            self.assertNotIn(word, text)
        self.assertNotRegex(text, rf"(?<![\d.]){self.pool.manager}(?![\d.])")

    def test_http(self):
        for path, status in (("/", 404), ("/metrics/", 404), ("/metrics/../metrics", 404)):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.get(path)
            self.assertEqual(caught.exception.code, status)
        for method in ("POST", "DELETE"):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.get(method=method)
            self.assertEqual(caught.exception.code, 405)
        headers, body = self.get(method="HEAD")
        self.assertGreater(int(headers["Content-Length"]), 1000)
        self.assertEqual(body, "")
        for garbage in (b"\0" * 100 + b"\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/9.9\r\nHost: x\r\n\r\n", b"A" * 40000,
                        b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"):
            with self.connect() as s:
                try:
                    s.sendall(garbage)
                    answer = s.recv(65536)
                except ConnectionError:
                    answer = b"HTTP/1.1 4"
                self.assertRegex(answer, rb"^HTTP/1\.1 [45]|^$")

    def test_silent_connections_keep_nobody_out(self):
        held = [self.connect() for _ in range(100)]
        self.assertTrue(all(held))
        self.assertIn("php_pool_up", self.get()[1])
        for s in held:
            s.close()

    def test_by_hand(self):
        def by_hand(*arguments):
            return subprocess.run([METRICS, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=20)

        self.assertEqual(by_hand().returncode, 78)
        self.assertIn("systemd-socket-activate", by_hand().stderr)
        self.assertEqual(by_hand("--help").returncode, 0)
        self.assertRegex(by_hand("--version").stdout, r"^php-pool-metrics [0-9.]+\n$")
        self.assertEqual(by_hand("--no-such").returncode, 64)
        self.assertEqual(by_hand("argument").returncode, 64)
        printed = by_hand("--print", "--config-dir", self.directory, "--run-dir", self.directory + "/rd")
        self.assertTrue(list(openmetrics.text_string_to_metric_families(printed.stdout)))
        shutil.rmtree(self.directory + "/conf.d")
        self.assertEqual(by_hand("--print", "--config-dir", self.directory).returncode, 1)

    def test_names(self):
        listed = subprocess.run([METRICS, "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
        for line in listed:
            name, kind, help_text = line.split("\t")
            self.assertRegex(name, r"^php_pool(_[a-z]+)+$")
            self.assertEqual(kind == "counter", name.endswith("_total"), name)
            self.assertTrue(help_text.endswith(".") and help_text[0].isupper(), name)
        self.assertEqual(len(listed), len({line.split("\t")[0] for line in listed}))


if __name__ == "__main__":
    unittest.main(verbosity=2)
