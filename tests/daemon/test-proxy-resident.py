# SPDX-License-Identifier: MIT
"""What php-pool-proxy serves itself of a site whose pool has a resident script, and as what the script sees the rest."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakepool import FakePool, answer  # noqa: E402
from front import Front, ask  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
FRONT = Front(PROGRAM)

CONFIG = """
root = "%(base)s/www";
resident = "%(resident)s";
site: {
        docroot = "public";
        hosts = [ "%(name)s.test" ];
        deny = [ "/private" ];
        rules = ( { match = "^/plain/(.*)$"; script = "/$1.php"; pool = "plain"; } );
};
"""
FILES = {
    "www/public/worker.php": "<?php // never sent",
    "www/bin/worker.php": "<?php // never sent",
    "www/public/build/app.css": "css",
    "www/public/other.php": "<?php // never sent",
}
NAMES = ("REQUEST_URI", "SCRIPT_NAME", "SCRIPT_FILENAME", "PATH_INFO", "QUERY_STRING", "DOCUMENT_ROOT", "REQUEST_METHOD")


def serve(pool, connection, number):
    while pool.read_request(connection) is not None:
        connection.sendall(answer("\n".join(f"{k}={v}" for k, v in pool.seen[-1].items()).encode("latin-1")))


POOLS = {}


def setUpModule():
    for path, text in FILES.items():
        FRONT.write(path, text)
    for name, resident in {"inside": "public/worker.php", "outside": "bin/worker.php"}.items():
        FRONT.write(f"conf/conf.d/{name}.conf", CONFIG % {"base": FRONT.base, "name": name, "resident": resident})
    FRONT.start()
    for name in ("inside", "outside", "plain"):
        POOLS[name] = FakePool(os.path.join(FRONT.socket_dir, name + ".sock"), serve)


def tearDownModule():
    status = FRONT.stop()
    for pool in POOLS.values():
        pool.stop()
    text = FRONT.proxy.messages_text()
    FRONT.remove()
    assert status == 0, f"the proxy ended with {status}: {text}"
    assert "Sanitizer" not in text and "runtime error" not in text, text


def get(path, host="inside.test", **more):
    return ask(FRONT, path, host=host, **more)


class Resident(unittest.TestCase):
    def see(self, path, host="inside.test", **more):
        """What the script is told."""
        response = get(path, host, **more)
        self.assertEqual(response.status, 200, path)
        return dict(line.split("=", 1) for line in response.body.decode("latin-1").split("\n"))

    def test_files_are_served_without_it(self):
        before = POOLS["inside"].requests
        for path, body in (("/a.txt", b"0123456789"), ("/build/app.css", b"css"), ("/dir/", b"index of dir"), ("/data.json", b"{}")):
            self.assertEqual(get(path).body, body, path)
        self.assertEqual(get("/dir").headers["location"], "/dir/")
        self.assertEqual(POOLS["inside"].requests, before)

    def test_all_other_urls_are_its_own_and_unchanged(self):
        for path in ("/users/5", "/users/5/", "/none.php", "/none.php/a%20b", "/a.txt/x", "/build/", "/build", "/picture.jpg", "//x//y?a=b"):
            v = self.see(path)
            self.assertEqual(v["REQUEST_URI"], path)
            self.assertEqual((v["SCRIPT_NAME"], v["PATH_INFO"]), ("/worker.php", ""), path)
            self.assertEqual((v["SCRIPT_FILENAME"], v["DOCUMENT_ROOT"]), (FRONT.docroot + "/worker.php", FRONT.docroot))
        self.assertEqual(self.see("/users?a=%41&b")["QUERY_STRING"], "a=%41&b")
        self.assertEqual(self.see("/users", method="PUT", body=b"1")["REQUEST_METHOD"], "PUT")

    def test_a_script_outside_the_document_root(self):
        v = self.see("/users/5", "outside.test")
        self.assertEqual((v["SCRIPT_NAME"], v["PATH_INFO"], v["DOCUMENT_ROOT"]), ("/worker.php", "", FRONT.docroot))
        self.assertEqual(v["SCRIPT_FILENAME"], FRONT.base + "/www/bin/worker.php")
        self.assertNotIn("PATH_TRANSLATED", v)

    def test_a_url_that_names_a_script_says_which(self):
        v = self.see("/worker.php/a/b")
        self.assertEqual((v["SCRIPT_NAME"], v["PATH_INFO"]), ("/worker.php", "/a/b"))
        v = self.see("/other.php/a")
        self.assertEqual((v["SCRIPT_NAME"], v["PATH_INFO"], v["SCRIPT_FILENAME"]), ("/other.php", "/a", FRONT.docroot + "/other.php"))
        v = self.see("/app/")
        self.assertEqual((v["SCRIPT_NAME"], v["REQUEST_URI"]), ("/app/index.php", "/app/"))

    def test_a_rule_may_name_another_pool(self):
        before = POOLS["plain"].requests
        v = self.see("/plain/info")
        self.assertEqual((v["SCRIPT_NAME"], v["SCRIPT_FILENAME"]), ("/info.php", FRONT.docroot + "/info.php"))
        self.assertEqual(POOLS["plain"].requests, before + 1)

    def test_nothing_is_open_that_was_not(self):
        before = POOLS["inside"].requests
        for path, status in (("/.env", 404), ("/private/x", 403), ("/code.inc", 403), ("/notes.txt~", 404), ("/fifo.txt", 403), ("/far.txt", 403)):
            self.assertEqual(get(path).status, status, path)
        self.assertEqual(POOLS["inside"].requests, before)

    def test_a_script_that_its_name_would_let_out_as_a_file(self):
        FRONT.write("www/public/worker.txt", "<?php // never sent")
        FRONT.write("conf/conf.d/named.conf", CONFIG % {"base": FRONT.base, "name": "named", "resident": "public/worker.txt"})
        FRONT.proxy.reload()
        self.assertEqual(get("/worker.txt", "named.test").status, 403)


if __name__ == "__main__":
    unittest.main(verbosity=2)
