# SPDX-License-Identifier: MIT
"""The access log, the status page and the ping."""

import json
import os
import re
import sys
import threading
import unittest
import xml.dom.minidom

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import status  # noqa: E402
from engine import Connection, Engine, parameters, until  # noqa: E402

SCRIPTS = {
    "hello.php": '<?php header("X-Kind: a \\"b\\""); echo "hello";',
    "fail.php": '<?php http_response_code(503); echo "fail";',
    "status.php": '<?php echo json_encode(fpm_get_status());',
    "sleep.php": '<?php sleep(3); echo "slept";',
    "work.php": '<?php $t = hrtime(true); while (hrtime(true) - $t < 2e8); echo "done";',
}


class LogTest(unittest.TestCase):
    def pool(self, config):
        pool = Engine(config)
        self.addCleanup(pool.remove)
        for name, text in SCRIPTS.items():
            pool.write(name, text)
        pool.start()
        return pool

    def lines(self, pool):
        return [line.partition(": ")[2] for line in pool.log().splitlines() if line.startswith("php-pool-worker: ")]

    def ask_path(self, pool, path, query="", method="GET"):
        """As a front end asks for what is no file."""
        connection = Connection(pool.socket, 10)
        try:
            params = parameters(pool.root + path, query, method, 0, {"SCRIPT_NAME": path, "REQUEST_URI": path})
            return connection.request(params, b"")
        finally:
            connection.close()

    def test_what_is_logged(self):
        pool = self.pool('log: { access = "errors"; };')
        pool.ask("hello.php")
        pool.ask("fail.php", "a=1")
        lines = until("an entry", lambda: self.lines(pool))
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"^GET /fail\.php\?a=1 503 in \d+ ms$")

    def test_a_format(self):
        pool = self.pool('workers: { max = 1; }; log: { access = "all"; suppress = [ "/hello.php" ]; format = "%m|%r|%q|%Q|%s|%f|%n|%p|%P|%R|%u|%l|%{X-Kind}o|'
                         '%{HTTP_USER_AGENT}e|%{NONE}e|%%|%{%Y}t|%{%H}T|%{milliseconds}d|%{seconds}d|%{micro}d|%C|%{user}C|%M|%{mega}M|%{mili}d"; };')
        agent = 'a "b" \\ \x1b[31m\nforged'
        pool.ask("hello.php", "q=1", extra={"HTTP_USER_AGENT": agent, "HTTP_AUTHORIZATION": "Basic am9lOnNlY3JldA=="})
        pool.ask("hello.php", body=b"12345")
        pool.ask("hello.php")  # suppressed
        pool.ask("work.php", extra={"REMOTE_USER": "ann"})
        lines = until("three entries", lambda: len(found := self.lines(pool)) >= 3 and found)
        self.assertEqual(len(lines), 3)

        one = lines[0].split("|")
        self.assertEqual(one[:7], ["GET", "/hello.php", "q=1", "?", "200", pool.root + "/hello.php", "test"])
        self.assertIn(int(one[7]), pool.workers())
        self.assertIn(int(one[8]), pool.templates())
        self.assertEqual(one[9:13], ["-", "joe", "0", 'a \\x22b\\x22'])
        self.assertEqual(one[13], 'a \\x22b\\x22 \\x5c \\x1b[31m\\x0aforged', "nobody can forge an entry")
        self.assertEqual(one[14:16], ["-", "%"])
        self.assertRegex(one[16], r"^20\d\d$")
        self.assertRegex(one[17], r"^\d\d$")
        self.assertRegex("|".join(one[18:21]), r"^\d+\.\d{3}\|\d+\.\d{3}\|\d+$")
        self.assertGreater(int(one[23]), 300000)
        self.assertLess(int(one[24]), 10)
        self.assertEqual(one[25], one[18], "php-fpm's other spelling")

        self.assertEqual(lines[1].split("|")[11], "5")
        work = lines[2].split("|")
        self.assertEqual(work[10], "ann")
        self.assertGreaterEqual(float(work[18]), 200)
        self.assertGreater(float(work[21]), 5, "percent of a processor")

    def test_status_page_and_ping(self):
        pool = self.pool('workers: { max = 3; }; status: { path = "/status"; ping = "/ping"; pong = "alive"; };')
        response = self.ask_path(pool, "/ping")
        self.assertEqual((response.status, response.body), (200, b"alive"))
        self.assertIn("no-store", response.headers["cache-control"])
        self.assertEqual(self.ask_path(pool, "/ping", method="HEAD").body, b"")
        self.assertEqual(self.ask_path(pool, "/status2").status, 404)

        evil = "/hello.php?<script>alert('x')</script>&\"\x01"
        text = self.ask_path(pool, "/status").body.decode()
        keys = ["pool", "process manager", "start time", "start since", "accepted conn", "listen queue", "max listen queue",
                "listen queue len", "idle processes", "active processes", "total processes", "max active processes",
                "max children reached", "slow requests"]
        self.assertEqual([line.partition(":")[0] for line in text.splitlines()], keys)
        self.assertRegex(text, r"pool: +test\n")

        until("all four are counted", lambda: status(pool)["requests"] == 4)
        seen = json.loads(self.ask_path(pool, "/status", "json&full").body)
        self.assertEqual(list(seen), keys + ["processes"])
        self.assertGreaterEqual(seen["active processes"], 1, "the one that answers, and one that has just answered perhaps")
        self.assertGreaterEqual(seen["accepted conn"], 4)
        self.assertEqual(list(seen["processes"][0]), [
            "pid", "state", "start time", "start since", "requests", "request duration", "request method", "request uri",
            "content length", "user", "script", "last request cpu", "last request memory"])
        self.assertIn(seen["processes"][0]["pid"], pool.workers())

        response = self.ask_path(pool, "/status", "xml&full")
        self.assertIn("text/xml", response.headers["content-type"])
        dom = xml.dom.minidom.parseString(response.body)
        self.assertEqual(dom.documentElement.tagName, "status")
        self.assertEqual(dom.getElementsByTagName("accepted-conn")[0].parentNode, dom.documentElement)
        self.assertTrue(dom.getElementsByTagName("process"))

        response = self.ask_path(pool, "/status", "html&full")
        self.assertIn("text/html", response.headers["content-type"])
        thread = threading.Thread(target=lambda: pool.ask("sleep.php", extra={"REQUEST_URI": evil}))
        thread.start()
        until("it runs", lambda: b"alert(" in self.ask_path(pool, "/status", "json&full").body)
        pages = [self.ask_path(pool, "/status", query).body for query in ("html&full", "xml&full", "json&full")]
        thread.join()
        for page in pages:
            self.assertIn(b"alert(", page)
            self.assertNotIn(b"<script>alert", page)
        self.assertGreaterEqual(json.loads(pages[2])["active processes"], 2)

        response = self.ask_path(pool, "/status", "openmetrics")
        self.assertIn("openmetrics-text", response.headers["content-type"])
        self.assertTrue(response.body.endswith(b"# EOF\n"))
        figures = dict(line.split() for line in response.body.decode().splitlines() if not line.startswith("#"))
        self.assertGreaterEqual(int(figures["phpfpm_active_processes"]), 1)
        self.assertEqual(int(figures["phpfpm_total_processes"]),
                         int(figures["phpfpm_idle_processes"]) + int(figures["phpfpm_active_processes"]))

    def test_the_status_function_has_all_keys(self):
        pool = self.pool("workers: { max = 3; };")
        seen = json.loads(pool.ask("status.php").body)
        self.assertEqual(set(seen), {
            "pool", "process-manager", "start-time", "start-since", "accepted-conn", "listen-queue", "max-listen-queue",
            "listen-queue-len", "idle-processes", "active-processes", "total-processes", "max-active-processes",
            "max-children-reached", "slow-requests", "procs"})
        self.assertEqual(set(seen["procs"][0]), {
            "pid", "state", "start-time", "start-since", "requests", "request-duration", "request-method", "request-uri",
            "query-string", "request-length", "user", "script", "last-request-cpu", "last-request-memory"})

    def test_the_queue_is_told(self):
        pool = self.pool('workers: { max = 1; }; status: { path = "/status"; };')
        threads = [threading.Thread(target=pool.ask, args=("work.php",)) for _ in range(4)]
        for thread in threads:
            thread.start()
        seen = json.loads(self.ask_path(pool, "/status", "json").body)
        for thread in threads:
            thread.join()
        after = json.loads(self.ask_path(pool, "/status", "json").body)
        self.assertGreaterEqual(max(seen["max listen queue"], after["max listen queue"]), 1)
        self.assertEqual(after["listen queue"], 0)
        self.assertGreaterEqual(after["max children reached"], 1)

    def test_formats_that_are_wrong(self):
        for text, reason in (("%y", "begins no conversion"), ("%{d", "not closed"), ("%e", "name in braces"),
                             ("%{hours}d", "not one that"), ("%{a}m", "not one that"), ("100%", "begins no conversion")):
            pool = Engine(f'log: {{ format = "{text}"; }};')
            self.addCleanup(pool.remove)
            result = os.popen(f"{os.environ['PHP_POOLD']} test --check --config-dir {pool.directory} 2>&1").read()
            self.assertTrue(re.search(r"test\.conf:2: log\.format .*" + reason, result), result)


if __name__ == "__main__":
    unittest.main(verbosity=2)
