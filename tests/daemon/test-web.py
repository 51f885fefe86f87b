#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""php-poolctl web: who gets what from it, and what a browser makes of a page full of hostile text.

The screenshot is left beside the test logs, as web.png.
"""

import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import zlib

from engine import Engine, until
from fakecontrol import EVIL, HOSTILE, FakeControl, status_reply

CTL = os.environ["PHP_POOLCTL"]
CHROMIUM = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,760"]


def brightness(path):
    """The median of some rows of an image of 8 bits for each of three or four colours, not interlaced (PNG, section 9)."""
    with open(path, "rb") as f:
        data = f.read()
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    assert (depth, interlaced) == (8, 0) and kind in (2, 6), (depth, kind)
    packed, at = b"", 8
    while at < len(data):
        size, = struct.unpack(">I", data[at:at + 4])
        if data[at + 4:at + 8] == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += 12 + size
    rows, step = zlib.decompress(packed), 3 if kind == 2 else 4
    previous, seen = bytearray(width * step), []
    for y in range(height):
        at = y * (width * step + 1)
        kind, row = rows[at], bytearray(rows[at + 1:at + 1 + width * step])
        for i, value in enumerate(row):
            left, up, corner = row[i - step] if i >= step else 0, previous[i], previous[i - step] if i >= step else 0
            if kind == 4:
                nearest = min((left, up, corner), key=lambda v, p=left + up - corner: abs(p - v))
                row[i] = (value + nearest) & 255
            elif kind:
                row[i] = (value + (0, left, up, (left + up) // 2)[kind]) & 255
        previous = row
        seen += row[:8 * step]
    return sorted(seen)[len(seen) // 2]


class Web(unittest.TestCase):
    def setUp(self):
        self.pool = Engine("workers: { max = 4; }; site: { hosts = [ \"shop.test\" ]; };")
        self.addCleanup(self.pool.remove)
        self.pool.write("hello.php", "hello")
        self.pool.write("wait.php", '<?php function basket($s) { sleep($s); } basket((int)$_GET["s"]);')
        self.directory = self.pool.directory

    def start(self, *arguments):
        process = subprocess.Popen([CTL, "--config-dir", self.directory, "--run-dir", self.directory + "/rd", "web", *arguments],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

        def end():
            process.terminate()
            self.assertEqual(process.wait(10), 0)
            process.stdout.close()

        self.addCleanup(end)
        url = next(line.strip() for line in process.stdout if "http" in line)
        port, token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/#([0-9a-f]{32})", url).groups()
        return url, int(port), token

    def ask(self, port, path, secret=None, method="GET", host=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Authorization": "Bearer " + secret} if secret else {}
        if host:
            headers["Host"] = host
        connection.request(method, path, body=body, headers=headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply, text

    def status(self, *arguments, **options):
        return self.ask(*arguments, **options)[0].status

    def fake(self, name, answer):
        with open(f"{self.directory}/conf.d/{name}.conf", "w", encoding="utf-8") as f:
            f.write(f'root = "/usr/share"; site: {{ hosts = [ "{name}.test" ]; }};\n')
        fake = FakeControl(f"{self.directory}/rd/{name}/control", answer)
        self.addCleanup(fake.close)

    def browse(self, url, *options):
        with tempfile.TemporaryDirectory() as profile:
            result = subprocess.run([*CHROMIUM, f"--user-data-dir={profile}", "--virtual-time-budget=300000", "--timeout=15000", *options, url],
                                    capture_output=True, text=True, timeout=90, check=False)
        return result.stdout

    def figures(self, dom):
        """Of the real pool: what stands beside its sparklines."""
        row = next((r for r in dom.partition("<body")[2].split("<tr>") if ">shop.test<" in r), "")
        return re.findall(r"</svg><span>([^<]*)</span>", row)

    def test_nothing_without_the_secret(self):
        self.pool.start()
        _, port, token = self.start()
        reply, page = self.ask(port, "/")
        self.assertEqual(reply.status, 200)
        self.assertNotIn("shop.test", page)
        self.assertNotIn(token, page)
        for path in ("/data", "/stacks?pool=test", "/session", "/other"):
            self.assertEqual(self.status(port, path), 401)
            self.assertEqual(self.status(port, path, "0" * 32), 401)
            self.assertEqual(self.status(port, path, token[:31]), 401)
        self.assertEqual(self.status(port, "/data", token), 401, "the token is for one thing alone")
        self.assertEqual(self.status(port, "/session", token), 401, "and by POST")

    def test_the_token_is_good_once(self):
        self.pool.start()
        _, port, token = self.start()
        reply, text = self.ask(port, "/session", token, method="POST")
        self.assertEqual(reply.status, 200)
        key = json.loads(text)["key"]
        self.assertEqual(self.status(port, "/session", token, method="POST"), 401)
        self.assertEqual(self.status(port, "/session", key, method="POST"), 404)
        reply, text = self.ask(port, "/data", key)
        self.assertEqual((reply.status, reply.headers["Content-Type"], reply.headers["Cache-Control"]), (200, "application/json", "no-store"))
        data = json.loads(text)
        self.assertEqual(data["pools"][0]["name"], "test")
        self.assertEqual(data["pools"][0]["site"], "shop.test")
        self.assertEqual(json.loads(self.ask(port, "/stacks?pool=test", key)[1]), {"stacks": []})
        for query in ("", "?pool=", "?pool=../x", "?pool=" + "a" * 300, "?other=test"):
            self.assertEqual(self.status(port, "/stacks" + query, key), 404)
        self.assertEqual(self.status(port, "/data", key, method="DELETE"), 405)
        self.assertEqual(self.status(port, "/data", key, method="POST", body="x"), 413)

    def test_only_by_the_names_of_loopback(self):
        _, port, token = self.start()
        for host, status in (("127.0.0.1", 200), (f"localhost:{port}", 200), ("localhost:9999", 200), ("[::1]:1", 200),
                             ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("10.0.0.1", 421)):
            self.assertEqual(self.status(port, "/", host=host), status, host)
        self.assertEqual(self.status(port, "/session", token, method="POST", host="evil.example"), 421)

    def test_the_page_is_whole_and_closed(self):
        _, port, _ = self.start()
        reply, page = self.ask(port, "/")
        policy = reply.headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})'", policy).group(1)
        self.assertIn("default-src 'none'", policy)
        self.assertIn("require-trusted-types-for 'script'", policy)
        self.assertEqual(page.count(f'nonce="{nonce}"'), 2)
        self.assertNotEqual(nonce, re.search(r"nonce-([0-9a-f]{32})", self.ask(port, "/")[0].headers["Content-Security-Policy"]).group(1))
        self.assertEqual(re.findall(r'(?:src|href)\s*=', page), [], "no file but this one")
        self.assertNotRegex(page, r"innerHTML|insertAdjacentHTML|document\.write|eval\(")
        self.assertEqual(set(re.findall(r"https?://[^\"' ]+", page)), {"http://www.w3.org/2000/svg"})

    def test_it_listens_on_loopback_alone(self):
        _, port, _ = self.start()
        with open("/proc/net/tcp", encoding="ascii") as f:
            places = [line.split()[1] for line in f if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"]
        self.assertEqual(places, [f"0100007F:{port:04X}"])
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            result = subprocess.run([CTL, "--config-dir", self.directory, "web", "--port", str(taken.getsockname()[1])],
                                    capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual((result.returncode, result.stderr), (1, "php-poolctl: Failed to listen on 127.0.0.1: Address already in use\n"))

    def test_silent_connections_keep_nobody_out(self):
        _, port, _ = self.start()
        held = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(100)]
        self.assertEqual(self.status(port, "/"), 200)
        for s in held:
            s.close()

    def body_with(self, sentence):
        """What a browser shows, once it has been there for long enough to show that."""
        return until(sentence, lambda: sentence in (body := self.browse(self.start()[0], "--dump-dom").partition("<body")[2]
                                                    .partition("<script")[0]) and body)

    def test_without_pools_and_after_its_end(self):
        shutil.rmtree(self.directory + "/conf.d")
        os.mkdir(self.directory + "/conf.d")
        body = self.body_with("0 pools, 0 running")
        for sentence in ("No pool is configured. `php-poolctl new NAME` makes one.", "No request is running.", "None of late."):
            self.assertIn(sentence, body)
        shutil.rmtree(self.directory + "/conf.d")
        body = self.body_with("php-poolctl answered 500.")
        self.assertTrue(body.startswith(' class="stale"'), "what is old is greyed out")

    def test_in_a_browser(self):
        self.pool.start()
        self.fake("evil", status_reply({**HOSTILE, "durations": {"sum_usec": 5}}))
        self.fake("broken", lambda *_: {"error": EVIL})
        stop = threading.Event()

        def wait():
            while not stop.is_set():
                self.pool.ask("wait.php", "s=8&<b>bold</b>")

        waiter = threading.Thread(target=wait)
        waiter.start()
        self.addCleanup(waiter.join)
        self.addCleanup(stop.set)
        until("it runs", lambda: "wait.php" in subprocess.run(
            [CTL, "--config-dir", self.directory, "--run-dir", self.directory + "/rd", "status", "test"], capture_output=True, text=True, check=False).stdout)

        def load():
            while not stop.is_set():
                self.pool.ask("hello.php")
                time.sleep(0.02)

        loader = threading.Thread(target=load)
        loader.start()
        self.addCleanup(loader.join)
        self.addCleanup(stop.set)

        # time for a request is known when one has ended between two looks, for which the browser's virtual time must be long enough
        dom = until("the page knows it", lambda: (d := self.browse(self.start()[0], "--dump-dom")) and self.figures(d)[3:] != ["–"] and d, 90)
        self.assertIn("<title>PHP pools</title>", dom, "no script of a pool has run")
        self.assertIn("3 pools, 2 running", dom)
        self.assertIn("&lt;img src=x", dom)
        self.assertIn("&lt;script&gt;", dom)
        body = dom.partition("<body")[2]
        self.assertNotIn("<img", body)
        self.assertEqual(body.count("<script"), 1)
        self.assertIn("GET /wait.php?s=8&amp;&lt;b&gt;bold&lt;/b&gt;", body)
        self.assertNotRegex(body.partition("<script")[0], "[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u200b-\u200f]")
        self.assertGreaterEqual(body.partition("<script")[0].count("<polyline"), 8, "sparklines of two pools")

        # of a pool that answers requests, and so takes time for them
        figures = self.figures(dom)
        self.assertEqual(len(figures), 4, body)
        self.assertGreater(float(figures[0].removesuffix("/s")), 1, "requests per second, between two looks")
        self.assertRegex(figures[1], "^[12] of 4$")
        self.assertRegex(figures[3], r"^[1-9]\d* µs$|^\d+(\.\d)? ms$")

        picture = os.path.join(os.environ.get("PICTURES", tempfile.gettempdir()), "web.png")
        for path, options in ((picture, []), (picture.replace("web", "web-dark"), ["--blink-settings=preferredColorScheme=0"])):
            self.browse(self.start()[0], f"--screenshot={path}", *options)
            with open(path, "rb") as f:
                self.assertEqual(f.read(8), b"\x89PNG\r\n\x1a\n")
        self.assertGreater(brightness(picture), 200)
        self.assertLess(brightness(picture.replace("web", "web-dark")), 60, "dark where the browser wants it dark")

        used = self.start()
        self.ask(used[1], "/session", used[2], method="POST")
        self.assertIn("This link has been used, or is not valid.", self.browse(used[0], "--dump-dom").partition("<script")[0])


if __name__ == "__main__":
    if not shutil.which("chromium"):
        raise SystemExit("chromium is not installed")
    unittest.main(verbosity=2)
