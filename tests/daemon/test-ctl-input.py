#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""php-poolctl and what it did not expect: wrong words, sockets that misbehave, files that a site's owner left for root."""

import ctypes
import os
import select
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from ctl import CTL, ToolCase, run
from fakecontrol import EVIL, drip, status_reply

IN_OPEN = 0x20

# verb, the arguments behind it; "test" stands for a pool
VERBS = {
    "list": [], "status": ["test"], "top": [], "requests": ["test"], "kill-request": ["test", "1-a"], "profile": ["test", "--seconds", "1", "-o", "-"],
    "check": ["test"], "doctor": ["test"], "reload": ["test"], "wait-reload": ["test"], "metrics": [],
}


class Opened:
    """Which of some files have been opened; looking at one (O_PATH) is not opening it (inotify(7))."""

    def __init__(self, *paths):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self.paths = {libc.inotify_add_watch(self.fd, path.encode(), IN_OPEN): path for path in paths}
        assert self.fd >= 0 and min(self.paths) >= 0, os.strerror(ctypes.get_errno())

    def names(self):
        seen = set()
        while select.select([self.fd], [], [], 0)[0]:
            data = os.read(self.fd, 65536)
            while data:
                watch, _, _, size = struct.unpack_from("iIII", data)
                seen.add(self.paths[watch])
                data = data[16 + size:]
        return seen

    def close(self):
        os.close(self.fd)


class Words(ToolCase):
    def setUp(self):
        self.directory = self.fake("test", status_reply({"state": "running"}))

    def one_sentence(self, result, status, *hint):
        self.assertEqual(result.returncode, status, result)
        self.assertEqual(result.stdout, "")
        lines = result.stderr.splitlines()
        self.assertEqual(lines[1:], list(hint), result.stderr)
        self.assertClean(result)

    def test_names_that_no_pool_can_have(self):
        for verb, arguments in {**VERBS, "logs": ["test"], "exec": ["test", "--", "true"], "new": ["test"]}.items():
            if not arguments:
                continue
            for name in ("a.b", "../test", "pool", "", "x" * 28, EVIL.replace("\0", "")):
                with self.subTest(verb=verb, name=name):
                    self.one_sentence(run(self.directory, verb, *(name if a == "test" else a for a in arguments)), 64)

    def test_too_many_and_too_few(self):
        usage = "`php-poolctl --help` shows what there is."
        for verb, arguments in {**VERBS, "logs": ["test"], "new": ["test"], "web": []}.items():
            with self.subTest(verb):
                self.one_sentence(run(self.directory, verb, *arguments, "one-more"), 64, usage)
        for verb in ("requests", "kill-request", "profile", "logs", "doctor", "reload", "exec", "new", "import"):
            with self.subTest(verb):
                self.one_sentence(run(self.directory, verb), 64, usage)
        for words in ([], ["no-such-verb"], [EVIL.replace("\0", "")], ["list", "--follow"], ["--no-such-option"], ["status", "test", "--lines"],
                      ["status", "test", "--lines", "many"], ["status", "test", "-n", "1001"], ["web", "--port", "65536"], ["profile", "test", "--hz", "0"]):
            with self.subTest(words):
                result = run(self.directory, *words)
                self.assertEqual((result.returncode, result.stdout), (64, ""), result)
                self.assertLessEqual(result.stderr.count("\n"), 2)
                self.assertClean(result)

    def test_pools_that_are_not_there(self):
        statuses = {"check": 78, "reload": 78, "doctor": 1}
        for verb, arguments in VERBS.items():
            if not arguments:
                continue
            with self.subTest(verb):
                result = run(self.directory, verb, *("none" if a == "test" else a for a in arguments))
                self.assertEqual(result.returncode, statuses.get(verb, 1), result)
                self.assertIn("none.conf", result.stdout + result.stderr, "the file that is missing is named")

    def test_a_directory_that_is_not_there(self):
        with tempfile.TemporaryDirectory() as empty:
            for verb in ("list", "status", "top", "check"):
                with self.subTest(verb):
                    result = run(empty, verb)
                    self.assertNotEqual(result.returncode, 0)
                    self.assertIn("No such file or directory", result.stderr)


class Sockets(ToolCase):
    def test_every_verb_ends(self):
        """@drip never ends a reply."""
        answers = {
            "silent": lambda *_: None, "dripping": drip, "closing": lambda *_: b"", "garbage": lambda *_: b"\xff" * 1000 + b"\0",
            "huge": lambda *_: b" " * (1 << 21), "nested": lambda *_: b"[" * 100000 + b"\0", "nothing": lambda *_: {},
            "wrong": lambda *_: {"parameters": {"status": [], "stacks": 5, "folded": {}, "ok": "yes", "message": []}}, "error": lambda *_: {"error": EVIL},
        }
        for kind, answer in answers.items():
            directory = self.fake("test", answer)
            threads, results = [], {}

            def one(verb, arguments):
                began = time.monotonic()
                results[verb] = (run(directory, verb, *arguments, timeout=60), time.monotonic() - began)

            # a reload may take minutes, and who cannot tell how it goes is waited for
            verbs = {verb: arguments for verb, arguments in VERBS.items() if "reload" not in verb or kind not in ("silent", "dripping")}
            for verb, arguments in verbs.items():
                threads.append(threading.Thread(target=one, args=(verb, arguments)))
                threads[-1].start()
            for thread in threads:
                thread.join()
            self.assertEqual(results.keys(), verbs.keys(), "all ended in time")
            for verb, (result, seconds) in results.items():
                with self.subTest(kind=kind, verb=verb):
                    # an empty reply is what ending a request is answered with
                    fails = verb not in ("list", "top", "check", "metrics") and not (verb == "kill-request" and kind in ("nothing", "wrong"))
                    if fails:
                        self.assertEqual(result.returncode, 1, result)
                    self.assertNotIn(result.returncode, range(-64, 0), "no signal ended it")
                    self.assertClean(result)
                    self.assertLess(seconds, 40)


class Sites(ToolCase):
    """What stands in a site's directory was put there by somebody whom root must not trust."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = temporary.name
        os.chmod(self.directory, 0o755)
        self.site = self.directory + "/site"
        os.makedirs(self.directory + "/conf.d")
        os.makedirs(self.site + "/public")
        with open(self.directory + "/conf.d/test.conf", "w", encoding="ascii") as f:
            f.write(f'root = "{self.site}"; site: {{ docroot = "public"; hosts = [ "t.test" ]; }};\n')
        self.write("public/index.php", "<?php")

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.directory, "site", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def looked(self):
        """What doctor and check say."""
        said = ""
        for verb in ("doctor", "check"):
            result = run(self.directory, verb, "test", "--front-dir", self.directory) if verb == "doctor" else run(self.directory, verb, "test")
            self.assertIn(result.returncode, (0, 1, 78), result)
            self.assertClean(result)
            said += result.stdout + result.stderr
        return said

    def test_what_they_are_for(self):
        self.write("public/data/.htaccess", "Require all denied\n")
        self.write(".env", "DB_PASSWORD=hunter2\n")
        said = self.looked()
        self.assertIn("public/data/.htaccess: warning: it denies access", said)
        self.assertIn(".env: warning: it holds secrets", said)
        self.assertNotIn("hunter2", said)

    def test_a_secret_behind_a_closed_directory(self):
        self.write("public/.env", "DB_PASSWORD=hunter2\n")
        self.assertIn("it holds secrets", self.looked())
        os.chmod(self.site, 0o750)
        self.assertNotIn("it holds secrets", self.looked())
        os.chmod(self.site, 0o751)
        self.assertIn("it holds secrets", self.looked())

    def test_links_and_special_files_are_not_opened(self):
        secret = self.write("../secret", "Require all denied\nAPI_KEY=hunter2\n", 0o600)
        elsewhere = self.write("../elsewhere/.htaccess", "Require all denied\n")
        fifo = self.directory + "/fifo"
        os.mkfifo(fifo)
        for name in ("public/.htaccess", ".env", "public/.env", "config.php", "public/wp-config.php"):
            os.symlink(secret, os.path.join(self.site, name))
        for name in ("public/a/.htaccess", ".env.local", "public/configuration.php"):
            os.makedirs(os.path.dirname(os.path.join(self.site, name)), exist_ok=True)
            os.symlink(fifo, os.path.join(self.site, name))
        os.mkfifo(self.site + "/public/LocalSettings.php")
        os.makedirs(self.site + "/public/b")
        os.symlink("/dev/zero", self.site + "/public/b/.htaccess")
        os.symlink("/dev/zero", self.site + "/public/config.php")
        os.symlink(os.path.dirname(elsewhere), self.site + "/public/linked")
        os.symlink("loop", self.site + "/public/loop")
        opened = Opened(secret, elsewhere, fifo, "/dev/zero")
        self.addCleanup(opened.close)
        said = self.looked()
        self.assertEqual(opened.names(), set(), "root opened what a link led to")
        for word in ("hunter2", "API_KEY", "linked", "it holds secrets", "it denies access"):
            self.assertNotIn(word, said)
        with open(secret, encoding="ascii"):
            self.assertEqual(opened.names(), {secret}, "the watch works")

    def test_a_link_to_what_everyone_can_read_is_followed(self):
        """As deployments have it: releases that share one .env."""
        self.write("../shared/env", "APP_KEY=base64:x\n")
        os.symlink("../shared/env", self.site + "/.env")
        self.assertIn(".env: warning: it holds secrets", self.looked())

    def test_what_logs_of_front_ends_mean(self):
        """The messages that people search the web for, as nginx 1.22 and Apache 2.4 write them; only of this pool, and of late."""
        sock = "unix:/run/php-pool/test.sock"
        nginx = time.strftime("%Y/%m/%d %H:%M:%S [error] 5#5: *1 ")
        apache = time.strftime("[%a %b %d %H:%M:%S.000001 %Y] [proxy_fcgi:error] [pid 5:tid 6] ")
        upstream = f', client: 127.0.0.1, server: t.test, request: "GET /\x1b[31m HTTP/1.1", upstream: "fastcgi://{sock}:", host: "t.test"'
        cases = [
            (nginx + f"connect() to {sock} failed (11: Resource temporarily unavailable) while connecting to upstream" + upstream, "the backlog of the socket was full"),
            (nginx + f"connect() to {sock} failed (2: No such file or directory) while connecting to upstream" + upstream, "the socket was not there"),
            (nginx + f"connect() to {sock} failed (13: Permission denied) while connecting to upstream" + upstream, "usermod -aG php-pool www-data"),
            (nginx + f"connect() to {sock} failed (111: Connection refused) while connecting to upstream" + upstream, "nobody listened there"),
            (nginx + f"connect() to {sock} failed (99: Cannot assign requested address) while connecting to upstream" + upstream, "it ran out of local TCP ports"),
            (nginx + 'FastCGI sent in stderr: "Primary script unknown" while reading response header from upstream' + upstream, "its root is another than the pool's"),
            (nginx + "upstream sent too big header while reading response header from upstream" + upstream, "say fastcgi_buffer_size 32k"),
            (nginx + "upstream prematurely closed connection while reading response header from upstream" + upstream, "a worker died in the middle of a request"),
            (nginx + "recv() failed (104: Connection reset by peer) while reading response header from upstream" + upstream, "a worker died in the middle of a request, or the pool was stopped"),
            (nginx + "upstream timed out (110: Connection timed out) while reading response header from upstream" + upstream, "fastcgi_read_timeout"),
            (apache + "[client 127.0.0.1:5] AH01067: Failed to read FastCGI header", "the pool closed the connection before it answered"),
            (apache + "(70014)End of file found: [client 127.0.0.1:5] AH01075: Error dispatching request to : ", "the pool did not answer"),
            (apache + "(13)Permission denied: AH02454: FCGI: attempt to connect to Unix domain socket /run/php-pool/test.sock (localhost) failed", "it may not connect"),
        ]
        self.write("../apache2/sites-enabled/t.conf", """<VirtualHost *:80>
            ServerName t.test
            <FilesMatch "\\.php$">
                SetHandler "proxy:unix:/run/php-pool/test.sock|fcgi://t/"
            </FilesMatch>
            </VirtualHost>\n""")
        for line, meaning in cases:
            with self.subTest(meaning):
                for name in ("nginx/error.log", "apache2/error.log"):
                    self.write("../" + name, line + "\n" if (name[0] == "n") == line.startswith("2") else "")
                said = run(self.directory, "doctor", "test", "--front-dir", self.directory)
                self.assertClean(said)
                self.assertIn(meaning, said.stdout)
                self.assertIn("(1 time of late", said.stdout)
                others = [line.replace(time.strftime("%Y"), "2019")]
                if "test.sock" in line:
                    others.append(line.replace("test.sock", "other.sock"))
                for other in others:
                    self.write("../nginx/error.log", other + "\n")
                    self.write("../apache2/error.log", other + "\n")
                    self.assertNotIn("of late", run(self.directory, "doctor", "test", "--front-dir", self.directory).stdout)

    def test_apache_that_speaks_to_somebody_else(self):
        """Some of its messages name no address: then they may be another's."""
        self.write("../apache2/error.log", time.strftime("[%a %b %d %H:%M:%S.000001 %Y] [proxy_fcgi:error] [pid 5:tid 6] ")
                   + "[client 127.0.0.1:5] AH01067: Failed to read FastCGI header\n")
        self.assertNotIn("of late", run(self.directory, "doctor", "test", "--front-dir", self.directory).stdout)

    def test_what_nobody_looked_at_is_not_well(self):
        """Without systemd, as here by --run-dir, there are no units, and no journal of theirs."""
        said = run(self.directory, "doctor", "test", "--front-dir", self.directory).stdout
        for station, verdict in (("unit", "not looked at"), ("socket", "not looked at"), ("journal", "not looked at"), ("front end", "ok")):
            self.assertRegex(said, f"(?m)^{station} +{verdict}$")

    def test_a_root_of_a_front_end_that_the_pool_knows(self):
        for name in ("one", "two", "three"):
            os.mkdir(self.directory + "/" + name)
        with open(self.directory + "/conf.d/test.conf", "w", encoding="ascii") as f:
            f.write(f'root = "{self.directory}/one"; site: {{ hosts = [ "t.test" ]; also = [ "{self.directory}/two" ]; }};\n')
        self.write("../nginx/nginx.conf", "".join(
            f"server {{ root {self.directory}/{name}; location / {{ fastcgi_pass unix:/run/php-pool/test.sock; }} }}\n" for name in ("one", "two", "three")))
        said = run(self.directory, "doctor", "test", "--front-dir", self.directory).stdout
        self.assertNotIn("/one', and the pool runs only", said)
        self.assertNotIn("/two', and the pool runs only", said)
        self.assertIn("/three', and the pool runs only", said)

    def test_names_that_rule_a_terminal(self):
        self.write("public/d\x1b[31m\x1b]0;owned\x07\nx\u202ed/.htaccess", "deny from all\n")
        self.assertIn("it denies access", self.looked())

    def test_large_and_odd_files(self):
        self.write("public/a/.htaccess", "Deny from all\n" + "x" * (1 << 20))
        with open(self.site + "/.env", "wb") as f:
            f.write(b"\0" * 100 + b"=\n" + b"KEY" * 50000)
        os.makedirs(self.site + "/public/" + "/".join(["deep"] * 200))
        for n in range(300):
            os.makedirs(f"{self.site}/public/many/{n}")
        self.looked()

    def test_new_and_a_link_in_the_place_of_its_root(self):
        theirs = self.directory + "/theirs"
        os.mkdir(theirs)
        os.symlink(theirs, self.directory + "/root")
        self.assertEqual(run(self.directory, "new", "linked", "--root", self.directory + "/root").returncode, 0)
        self.assertEqual(os.listdir(theirs), [], "it was there: nothing is put into it")
        os.symlink(theirs + "/not-yet", self.directory + "/dangling")
        made = run(self.directory, "new", "dangling", "--root", self.directory + "/dangling")
        self.assertEqual((made.returncode, os.listdir(theirs)), (1, []), made)

    def test_files_are_not_written_through_links(self):
        target = self.write("../target", "kept")
        os.symlink(target, self.directory + "/conf.d/taken.conf")
        self.assertEqual(run(self.directory, "new", "taken").returncode, 1)
        fpm = self.write("../fpm.conf", "[taken]\nlisten = /run/x.sock\nchdir = /srv/x\n")
        arguments = ("import", "--front-dir", self.directory, "--unit-dir", self.directory + "/units", fpm)
        self.assertEqual(run(self.directory, *arguments).returncode, 1)
        with open(target, encoding="ascii") as f:
            self.assertEqual(f.read(), "kept")
        self.assertEqual(run(self.directory, *arguments[:1], "--force", *arguments[1:]).returncode, 0)
        with open(target, encoding="ascii") as f:
            self.assertEqual(f.read(), "kept", "the link is replaced, not what it leads to")
        self.assertFalse(os.path.islink(self.directory + "/conf.d/taken.conf"))


class Token(unittest.TestCase):
    def test_it_is_in_no_list_of_processes(self):
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(directory + "/conf.d")
            process = subprocess.Popen([CTL, "--config-dir", directory, "web"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            try:
                token = next(line for line in process.stdout if "http" in line).strip().rpartition("#")[2]
                self.assertEqual(len(token), 32)
                for name in ("cmdline", "environ", "comm"):
                    with open(f"/proc/{process.pid}/{name}", "rb") as f:
                        self.assertNotIn(token.encode(), f.read())
                for other in filter(str.isdigit, os.listdir("/proc")):
                    try:
                        with open(f"/proc/{other}/cmdline", "rb") as f:
                            self.assertNotIn(token.encode(), f.read())
                    except OSError:
                        pass  # it has ended
            finally:
                process.terminate()
                process.wait(10)
                process.stdout.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
