# SPDX-License-Identifier: MIT
"""Symfony, Laravel and Slim as resident scripts: the answers of an ordinary pool, one request after the other, and nobody sees another's."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from apps import App  # noqa: E402
from engine import until  # noqa: E402

FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
MULTIPART = {"CONTENT_TYPE": "multipart/form-data; boundary=B"}
UPLOAD = b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n'
# What tells when and who, and not what.
OWN = re.compile(rb"(?im)^(date|expires|set-cookie|x-ratelimit-\S+):.*\r?$")


def cookies(response):
    return "; ".join(pair.decode() for pair in re.findall(rb"(?im)^set-cookie: ([^;\r\n]+)", response.head))


class Framework:
    """Both pools of one application; @base is before the URLs that need no session."""

    name, script, front, base, settings = "", "", "", "", ()
    urls = ("/json", "/item/7", "/echo?a=1&b[]=2", "/missing", "/no/such", "/fail", "/abort", "/item/x", "/stream")

    @classmethod
    def setUpClass(cls):
        cls.apps = {}
        for resident in (False, True):
            app = App(cls.name, cls.script if resident else cls.front, resident, cls.settings)
            cls.addClassCleanup(app.remove)
            cls.apps[resident] = app.start()
        cls.app = cls.apps[True]

    def setUp(self):
        self.before = self.app.pool.workers()

    def tearDown(self):
        self.assertEqual(self.app.pool.workers(), self.before, "it was one worker all the time")

    def told(self, resident, url, **arguments):
        response = self.apps[resident].ask(url, **arguments)
        head = sorted(line for line in OWN.sub(b"", response.head).split(b"\r\n") if line.strip())
        return response.status, head, response.body

    def test_the_same_answers_as_an_ordinary_pool(self):
        for turn in range(4):
            urls = self.urls if turn % 2 else reversed(self.urls)
            for url in urls:
                url = self.base + url
                expected = self.told(False, url)
                with self.subTest(url=url, turn=turn):
                    self.assertEqual(self.told(True, url), expected)
                    if url.endswith("/json"):
                        self.assertEqual(json.loads(expected[2]), {"hello": "world", "numbers": [1, 2, 3]})

    def test_the_same_with_what_clients_send(self):
        for arguments in (
            {"body": b"x=1&y[k]=2", "extra": FORM | {"HTTP_COOKIE": "c=d", "HTTP_X_TEST": "1"}},
            {"body": b"raw text", "extra": {"CONTENT_TYPE": "text/plain"}},
            {},
            {"method": "PUT", "body": b"{}", "extra": {"CONTENT_TYPE": "application/json"}},
            {"body": UPLOAD, "extra": MULTIPART},
            {"extra": {"HTTP_AUTHORIZATION": "Basic dXNlcjpwYXNz", "PHP_AUTH_USER": "forged"}},
            {"method": "HEAD"},
            {"extra": {"HTTP_HOST": "other.example", "HTTPS": "on"}},
            {},
        ):
            expected = self.told(False, self.base + "/echo?q=1", **arguments)
            with self.subTest(**arguments):
                self.assertEqual(self.told(True, self.base + "/echo?q=1", **arguments), expected)

    def test_sessions_of_clients_in_turns(self):
        clients = [cookies(self.app.ask("/count")) for _ in range(3)]
        self.assertEqual(len(set(clients)), 3)
        for n in range(2, 6):
            for client in clients:
                self.assertEqual(self.app.ask("/count", extra={"HTTP_COOKIE": client}).body.decode(), str(n))
            self.assertEqual(self.app.ask("/count").body, b"1", "who brings nothing has nothing")

    def test_a_failure_is_told_and_forgotten(self):
        for _ in range(3):
            self.assertEqual(self.app.ask(self.base + "/fail").status, 500)
            self.assertEqual(self.app.ask(self.base + "/json").status, 200)
        until("it is in the journal", lambda: " fails" in self.app.pool.log())

    def test_many(self):
        for i in range(300):
            self.assertEqual(json.loads(self.app.ask(self.base + f"/item/{i}").body), {"id": i})


class SymfonyTest(Framework, unittest.TestCase):
    """With the worker runner of symfony/runtime 7.4 as it is; the front controller is the resident script."""

    name, script, front = "symfony", "public/index.php", "public/index.php"
    settings = ("APP_ENV=prod", "APP_DEBUG=0")

    def test_its_own_runner_runs(self):
        self.assertEqual(self.app.ask("/runner").body.decode(), "Symfony\\Component\\Runtime\\Runner\\FrankenPhpWorkerRunner")

    def test_uploads(self):
        for _ in range(3):
            self.assertEqual(json.loads(self.app.ask("/upload", body=UPLOAD, extra=MULTIPART).body), ["a.txt", "5d41402abc4b2a76b9719d911017c592"])
        until("temporary files are removed", lambda: not os.listdir(os.path.join(self.app.pool.directory, "state/tmp")))


class LaravelTest(Framework, unittest.TestCase):
    name, script, front, base = "laravel", "public/worker.php", "public/index.php", "/api"
    settings = ("APP_ENV=production", "APP_KEY=base64:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "SESSION_DRIVER=file", "CACHE_STORE=file",
                "LOG_CHANNEL=errorlog")

    def test_a_page_of_blade_with_a_session(self):
        client = cookies(self.app.ask("/page"))
        for n in (2, 3):
            response = self.app.ask("/page", extra={"HTTP_COOKIE": client})
            self.assertIn(b"<p>Visit %d, token of 40</p>" % n, response.body)
            self.assertEqual(response.body.count(b"<li "), 20)
            self.assertIn(b"<p>Visit 1, token of 40</p>", self.app.ask("/page").body)

    def test_uploads(self):
        for _ in range(3):
            self.assertEqual(json.loads(self.app.ask("/api/upload", body=UPLOAD, extra=MULTIPART).body), ["a.txt", "5d41402abc4b2a76b9719d911017c592"])


class SlimTest(Framework, unittest.TestCase):
    name, script, front = "slim", "public/worker.php", "public/index.php"
    urls = ("/json", "/item/7", "/echo?a=1&b[]=2", "/no/such", "/fail", "/item/x")

    def test_exit(self):
        """Slim sets default_mimetype to nothing with its first answer, and settings stay: so the head differs, and only it."""
        for _ in range(3):
            response = self.app.ask("/abort")
            self.assertTrue((response.head + response.body).endswith(b"the route said exit"))
            self.assertEqual(self.app.ask("/json").status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
