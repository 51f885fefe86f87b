#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""php-poolctl with a real pool: the verbs that look into it, and what hostile pools can do to them."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unicodedata
import unittest
import xml.etree.ElementTree as ElementTree

from ctl import CTL, ToolCase, run
from engine import Engine, until
from fakecontrol import EVIL, HOSTILE, drip, status_reply

SPIN = """<?php
function price($n) { return sqrt($n); }
function basket($s) { $t = microtime(true); $n = 0; while (microtime(true) - $t < $s) price($n++); }
basket((float)$_GET["s"]);
echo "done";
"""


def width(line):
    """Columns of a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


class Terminal:
    """php-poolctl on a terminal of its own; what it shows, as lines."""

    def __init__(self, arguments, rows, columns, environment=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", **(environment or {})})
            os.execv(CTL, [CTL, *arguments])
        self.data = b""
        self.resize(rows, columns, tell=False)

    def resize(self, rows, columns, tell=True):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            os.kill(self.pid, signal.SIGWINCH)

    def read(self, seconds=0.3):
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                more = os.read(self.fd, 65536)
            except OSError:
                return
            if not more:
                return
            self.data += more

    def picture(self):
        """The last whole one: its lines without styles."""
        self.read()
        whole = re.findall(rb"\033\[H(.*?)\033\[J", self.data, re.S)
        last = whole[-1] if whole else b""
        plain = re.sub(rb"\033\[[0-9;]*[mK]", b"", last)
        return [line.rstrip("\r") for line in plain.decode().split("\n")]

    def key(self, key):
        os.write(self.fd, key.encode())

    def end(self):
        """The exit status."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.read(0)  # its last words
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return "killed"


class Verbs(ToolCase):
    def pool(self, config=""):
        pool = Engine(config)
        self.addCleanup(pool.remove)
        pool.write("spin.php", SPIN)
        pool.write("hello.php", "hello")
        pool.start()
        return pool

    def later(self, pool, *arguments):
        result = []
        thread = threading.Thread(target=lambda: result.append(pool.ask(*arguments)))
        thread.start()
        self.addCleanup(thread.join)
        return thread, result

    def test_requests_with_their_stacks(self):
        pool = self.pool("workers: { max = 4; };")
        self.later(pool, "spin.php", "s=3")
        shown = until("its script runs", lambda: "basket()" in (done := run(pool, "requests", "test")).stdout and done)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r"worker \d+, pid \d+, .*: GET /spin\.php\?s=3")
        self.assertRegex(shown.stdout, r"#\d basket\(\) /.*/spin\.php:\d+\n")
        self.assertRegex(shown.stdout, r"#\d \{main\}\(\) /.*/spin\.php:\d+\n")
        told = json.loads(run(pool, "requests", "test", "--json").stdout)
        self.assertEqual(len(told["running"]), 1)
        self.assertEqual(told["stacks"][0]["request_id"], told["running"][0]["request_id"])

    def test_the_slowest_are_listed(self):
        pool = self.pool("workers: { max = 1; };")
        pool.ask("spin.php", "s=0")  # a first request takes longer
        pool.ask("spin.php", "s=0.3")
        until("it is collected", lambda: "s=0.3" in run(pool, "requests", "test").stdout, 15)
        shown = run(pool, "requests", "test").stdout
        self.assertIn("No request is running.", shown)
        self.assertRegex(shown, r"(?m)^DURATION +STATUS +ENDED +ID +REQUEST$")
        self.assertRegex(shown, r"(?m)^ *(?:[3-9]\d\dms|\d\.\d\ds) +200 .* GET /spin\.php\?s=0\.3$")

    def test_kill_request(self):
        pool = self.pool('workers: { max = 2; }; timeouts: { kill = "5s"; };')
        thread, answer = self.later(pool, "spin.php", "s=20")
        one = until("it runs", lambda: next((w for w in json.loads(run(pool, "status", "test", "--json").stdout)["list"]
                                             if w["uri"].startswith("/spin")), None))
        wrong = run(pool, "kill-request", "test", "no-such-request")
        self.assertEqual((wrong.returncode, wrong.stderr),
                         (1, "php-poolctl: 'test' runs no request no-such-request; it may have ended just now.\n"))
        malformed = run(pool, "kill-request", "test", "a;b")
        self.assertEqual(malformed.returncode, 64)
        right = run(pool, "kill-request", "test", one["request_id"])
        self.assertEqual((right.returncode, right.stdout),
                         (0, f"Request {one['request_id']} is interrupted; if that does not end it, its worker is killed after timeouts.kill.\n"))
        thread.join()
        self.assertEqual(answer[0].status, 500)
        self.assertEqual(pool.ask("hello.php").body, b"hello")

    def test_profile(self):
        pool = self.pool("workers: { max = 2; };")
        self.later(pool, "spin.php", "s=8")
        until("it runs", lambda: "spin.php" in run(pool, "status", "test").stdout)
        path = os.path.join(pool.directory, "out.svg")
        made = run(pool, "profile", "test", "--seconds", "2", "--hz", "50", "-o", path)
        self.assertEqual((made.returncode, made.stdout), (0, f"Wrote {path}\n"), made.stderr)
        image = ElementTree.parse(path).getroot()
        titles = [t.text for t in image.iter("{http://www.w3.org/2000/svg}title")]
        self.assertTrue(any(t.startswith("basket (") for t in titles), titles)
        tags = {e.tag.rpartition("}")[2] for e in image.iter()}
        self.assertEqual(tags, {"svg", "g", "title", "rect", "text"}, "nothing but shapes and text")
        folded = run(pool, "profile", "test", "--seconds", "1", "--folded", "-o", "-")
        self.assertRegex(folded.stdout, r"(?m)^\{main\} spin\.php;basket;.* \d+$")

    def test_profile_of_nothing(self):
        pool = self.pool()
        nothing = run(pool, "profile", "test", "--seconds", "1")
        self.assertEqual((nothing.returncode, nothing.stderr),
                         (1, "php-poolctl: No request of 'test' was running in these 1 seconds.\n"))
        self.assertEqual(run(pool, "profile", "test", "--hz", "0").returncode, 64)
        self.assertEqual(run(pool, "profile", "test", "--seconds", "forever").returncode, 64)

    def test_profile_takes_little(self):
        """The template, which reads the stacks, of one processor that two workers keep busy."""
        pool = self.pool("workers: { max = 2; min = 2; };")
        for _ in range(2):
            self.later(pool, "spin.php", "s=6")
        until("both run", lambda: run(pool, "status", "test").stdout.count("/spin.php") >= 2)

        def used():
            with open(f"/proc/{pool.templates()[0]}/stat", encoding="ascii") as f:
                fields = f.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        before, began = used(), time.monotonic()
        run(pool, "profile", "test", "--seconds", "4", "-o", os.path.join(pool.directory, "x.svg"))
        share = (used() - before) / (time.monotonic() - began)
        print(f"the profiler used {100 * share:.2f} % of a processor for two workers at 99 Hz", end=" ", flush=True)
        self.assertLess(share, 0.02 * 2, "2 % of what is profiled, which are two workers")

    def test_a_pool_that_sleeps_or_is_not_there(self):
        pool = Engine()
        self.addCleanup(pool.remove)
        for verb in ("requests", "profile"):
            asleep = run(pool, verb, "test")
            self.assertEqual(asleep.returncode, 1)
            self.assertEqual(asleep.stderr.count("\n"), 1, asleep.stderr)
        self.assertIn("There is no pool 'other'", run(pool, "requests", "other").stderr)
        self.assertIn("There is no pool 'other'", run(pool, "status", "other").stderr)
        self.assertEqual(run(pool, "status", "other").returncode, 1)
        for verb in (("kill-request", "other", "x"), ("profile", "other"), ("wait-reload", "other")):
            gone = run(pool, *verb)
            self.assertEqual((gone.returncode, gone.stderr.partition(":")[2].partition(":")[0]), (1, " There is no pool 'other'"), gone.stderr)
        # which PHP a pool will have that is not awake to tell
        listed = json.loads(run(pool, "list", "--json").stdout)[0]
        self.assertRegex(listed["php"], r"^\d+\.\d+$")
        self.assertRegex(run(pool, "list").stdout, rf"(?m)^test +sleeping +\S+ +{re.escape(listed['php'])} ")

    def test_metrics(self):
        pool = self.pool()
        pool.ask("hello.php")
        text = run(pool, "metrics").stdout
        self.assertIn('php_pool_up{pool="test"} 1\n', text)
        self.assertTrue(text.endswith("# EOF\n"))

    def test_top_on_a_terminal(self):
        pool = self.pool("workers: { max = 2; };")
        for n in range(30):
            with open(os.path.join(pool.directory, "conf.d", f"pool{n:02}.conf"), "w", encoding="utf-8") as f:
                f.write(f'root = "/usr/share"; site: {{ hosts = [ "p{n}.test" ]; }};\n')
        terminal = Terminal(["--config-dir", pool.directory, "--run-dir", os.path.join(pool.directory, "rd"), "top"], 24, 100)

        def fits(rows, columns):
            picture = terminal.picture()
            self.assertLessEqual(len(picture), rows)
            for line in picture:
                self.assertLessEqual(width(line), columns, line)
            return picture

        until("the first picture with the figures of the pool", lambda: "Pools: 31, 1 running" in "\n".join(terminal.picture()))
        picture = fits(24, 100)
        self.assertRegex(picture[0], r"^php-poolctl top - ")
        self.assertRegex(picture[1], r"^Pools: 31, 1 running")
        self.assertTrue(picture[4].startswith("test "), "the busiest stands first")
        for rows, columns in ((10, 40), (5, 20), (2, 5), (1, 1), (60, 200), (24, 80)):
            terminal.resize(rows, columns)
            until(f"a picture of {columns}x{rows}", lambda: len(terminal.picture()) in ((rows, rows - 1) if rows <= 35 else (35,)))
            fits(rows, columns)
        terminal.key("N")
        until("sorted by name", lambda: terminal.picture()[4].startswith("pool00"))
        terminal.key("R")
        until("turned round", lambda: terminal.picture()[4].startswith("test"))
        terminal.key("i")
        until("running ones alone", lambda: len(terminal.picture()) <= 6)
        terminal.key("i")
        terminal.key("\033[6~")
        until("a page down", lambda: not terminal.picture()[4].startswith("test"))
        terminal.key("\033[H")
        terminal.key("h")
        until("the help", lambda: "turn the order round" in "\n".join(terminal.picture()))
        terminal.key(" ")
        terminal.key("d")
        terminal.key("0.5")
        until("the question", lambda: "Seconds between two looks: 0.5_" in "\n".join(terminal.picture()))
        terminal.key("\n")
        until("the answer", lambda: "every 0.5s" in terminal.picture()[0])
        terminal.key("q")
        self.assertEqual(terminal.end(), 0)
        self.assertTrue(terminal.data.rstrip().endswith(b"\033[?1049l"), "the screen is given back")

    def test_top_ends_by_signals_and_without_a_terminal(self):
        pool = Engine()
        self.addCleanup(pool.remove)
        arguments = ["--config-dir", pool.directory, "--run-dir", os.path.join(pool.directory, "rd"), "top"]
        for how in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            terminal = Terminal(arguments, 24, 80)
            until("a picture", lambda: "Pools: 1" in "\n".join(terminal.picture()))
            os.kill(terminal.pid, how)
            self.assertEqual(terminal.end(), 0)
            self.assertIn(b"\033[?1049l", terminal.data)
        once = run(pool, "top")
        self.assertEqual(once.returncode, 0)
        self.assertRegex(once.stdout, r"(?m)^test +sleeping")
        self.assertNotIn("\033", once.stdout)

    def test_colours_and_pager_on_a_terminal_alone(self):
        pool = self.pool()
        arguments = ["--config-dir", pool.directory, "--run-dir", os.path.join(pool.directory, "rd"), "list"]
        self.assertNotIn("\033", run(pool, "list").stdout)

        def shown(environment, *more):
            terminal = Terminal([*arguments, *more], 24, 120, environment)
            self.assertEqual(terminal.end(), 0)
            return terminal.data

        self.assertIn(b"\033[32mrunning\033[0m", shown({"SYSTEMD_PAGER": "cat"}))
        self.assertNotIn(b"\033", shown({"SYSTEMD_PAGER": "", "NO_COLOR": "1"}))
        self.assertNotIn(b"\033", shown({"SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}))
        self.assertNotIn(b"\033", shown({"SYSTEMD_PAGER": "", "TERM": "dumb"}))
        self.assertIn(b"by the pager: ", shown({"SYSTEMD_PAGER": "sed 's/^/by the pager: /'"}))
        self.assertIn(b"by the pager: ", shown({"PAGER": "sed 's/^/by the pager: /'"}))
        self.assertNotIn(b"by the pager: ", shown({"PAGER": "sed 's/^/by the pager: /'"}, "--no-pager"))
        self.assertNotIn(b"by the pager: ", shown({"PAGER": "sed 's/^/by the pager: /'"}, "--json"))
        self.assertIn(b"running", shown({"PAGER": "no-such-pager-anywhere; cat"}))
        self.assertIn(b"secure=1", shown({"PAGER": "sh -c 'echo secure=$LESSSECURE; cat'"}))

    def test_hostile_pools_leave_tables_right(self):
        directory = self.fake("evil", status_reply(HOSTILE))
        for n in range(3):
            self.fake(f"Pool_-{n}", status_reply({"state": "running", "php": "8.2.1", "workers": {"busy": 1, "idle": 2, "max": 4}, "list": []}), directory)
        listed = run(directory, "list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertClean(listed)
        lines = listed.stdout.splitlines()
        self.assertEqual(len(lines), 5)
        for column in ("STATE", "SITE", "ROOT"):
            at = lines[0].index(column)
            self.assertTrue(all(width(line[:at]) == at and line[at - 1] == " " and line[at] != " " for line in lines[1:]),
                            f"{column} begins in the same column of each line:\n{listed.stdout}")
        for arguments in (("status", "evil"), ("status", "evil", "--json"), ("list", "--json"), ("requests", "evil"),
                          ("requests", "evil", "--json"), ("top",), ("metrics",), ("kill-request", "evil", "x"),
                          ("profile", "evil"), ("reload", "evil"), ("wait-reload", "evil"), ("status",)):
            with self.subTest(arguments):
                shown = run(directory, *arguments)
                self.assertIn(shown.returncode, (0, 1))
                self.assertClean(shown)
        self.assertEqual(json.loads(run(directory, "list", "--json").stdout)[-1]["status"]["root"], EVIL)

    def test_hostile_methods(self):
        line = EVIL.replace("\0", "").replace("\n", "")
        frames = [{"function": EVIL, "file": EVIL, "line": -1}, None, {"function": 5}] * 100
        replies = {
            "GetStatus": {"parameters": {"status": {"state": "running", "list": [{"state": "busy", "request_id": "r1", "uri": "/x"}], "slowest": [{"uri": EVIL}]}}},
            "GetStacks": {"parameters": {"stacks": [{"request_id": "r1", "frames": frames}, 7, {"request_id": [], "frames": {}}]}},
            "Profile": {"parameters": {"samples": 5, "folded": f"main;{line};<b>&\"' 5\nno number\nx 99999999999999999999\n;;; 3\n" + ";".join("d" * 3 for _ in range(2000)) + " 4\n"}},
            "KillRequest": {"error": EVIL},
        }
        directory = self.fake("evil", lambda method, parameters, connection: replies[method.rpartition(".")[2]])
        shown = run(directory, "requests", "evil")
        self.assertEqual(shown.returncode, 0)
        self.assertClean(shown)
        self.assertIn("#63 ", shown.stdout)
        self.assertNotIn("#64 ", shown.stdout)
        killed = run(directory, "kill-request", "evil", "r1")
        self.assertEqual(killed.returncode, 1)
        self.assertClean(killed)
        drawn = run(directory, "profile", "evil", "--seconds", "1", "-o", "-")
        self.assertClean(drawn)
        image = ElementTree.fromstring(drawn.stdout.encode())
        self.assertEqual({e.tag.rpartition("}")[2] for e in image.iter()}, {"svg", "g", "title", "rect", "text"})
        self.assertTrue(all(set(e.attrib) <= {"x", "y", "width", "height", "fill", "font-family", "font-size", "viewBox"} for e in image.iter()))
        folded = run(directory, "profile", "evil", "--seconds", "1", "--folded", "-o", "-")
        self.assertClean(folded)

    def test_sockets_that_answer_garbage_slowly_or_never(self):
        cases = {
            "silent": lambda *_: None,
            "dripping": drip,
            "closing": lambda *_: b"",
            "garbage": lambda *_: b"\xff" * 1000 + b"\0",
            "huge": lambda *_: b" " * (1 << 21),
            "nested": lambda *_: b"[" * 100000 + b"\0",
            "nothing": lambda *_: {},
            "array": lambda *_: b"[1]\0",
            "number": lambda *_: {"parameters": {"status": 5}},
            "error": lambda *_: {"error": EVIL},
        }
        directory = None
        for name, answer in cases.items():
            directory = self.fake(name, answer, directory)
        began = time.monotonic()
        listed = run(directory, "list")
        self.assertLess(time.monotonic() - began, 10, "all the silent ones together cost one timeout")
        self.assertEqual(listed.returncode, 0)
        self.assertClean(listed)
        for name in cases:
            self.assertRegex(listed.stdout, rf"(?m)^{name} +unreachable ")
        for name in cases:
            with self.subTest(name):
                for verb in ("status", "requests", "wait-reload" if name not in ("silent", "dripping") else "status"):
                    shown = run(directory, verb, name, timeout=20)
                    self.assertEqual(shown.returncode, 1, f"{verb} {name}: {shown}")
                    self.assertClean(shown)
                    self.assertLessEqual(shown.stderr.count("\n"), 2, shown.stderr)
        began = time.monotonic()
        self.assertIn("# EOF", run(directory, "metrics").stdout)
        self.assertLess(time.monotonic() - began, 10)

    def test_many_silent_pools_cost_one_timeout(self):
        directory = None
        for n in range(60):
            directory = self.fake(f"mute{n}", lambda *_: None, directory)
        self.fake("loud", status_reply({"state": "running"}), directory)
        began = time.monotonic()
        listed = run(directory, "list")
        spent = time.monotonic() - began
        self.assertRegex(listed.stdout, r"(?m)^loud +running ")
        self.assertEqual(listed.stdout.count("unreachable"), 60)
        self.assertLess(spent, 15)

    def test_a_backlog_that_is_full(self):
        directory = self.fake("full", lambda *_: None)
        import socket
        path = os.path.join(directory, "rd", "stuck", "control")
        os.makedirs(os.path.dirname(path))
        with open(os.path.join(directory, "conf.d", "stuck.conf"), "w", encoding="utf-8") as f:
            f.write('root = "/usr/share"; site: { hosts = [ "stuck.test" ]; };\n')
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(0)
        held = []
        for _ in range(3):
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            try:
                s.connect(path)
            except BlockingIOError:
                pass
            held.append(s)
        shown = run(directory, "status", "stuck", timeout=20)
        self.assertEqual(shown.returncode, 1)
        self.assertIn("no answer in time", shown.stdout)

    def test_new(self):
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(os.path.join(directory, "conf.d"))
            root = os.path.join(directory, "site")
            made = run(directory, "new", "shop", "--root", root, "--host", "shop.test", "--host", "*.shop.test")
            self.assertEqual(made.returncode, 0, made.stderr)
            self.assertIn("systemctl enable --now php-pool@shop.socket", made.stdout)
            with open(os.path.join(directory, "conf.d", "shop.conf"), encoding="utf-8") as f:
                self.assertIn('hosts = [ "shop.test", "*.shop.test" ];', f.read())
            self.assertTrue(os.path.exists(os.path.join(root, "index.php")))
            again = run(directory, "new", "shop", "--root", root)
            self.assertEqual((again.returncode, again.stderr.count("\n")), (1, 1))
            self.assertIn("File exists", again.stderr)
            for wrong, status in ((("a.b",), 64), (("x", "--root", "relative"), 64), (("x", "--host", "not a host"), 64), (("x", "y"), 64)):
                bad = run(directory, "new", *wrong)
                self.assertEqual(bad.returncode, status, bad)
            self.assertEqual(sorted(os.listdir(os.path.join(directory, "conf.d"))), ["shop.conf"])
            twin = run(directory, "new", "twin", "--root", root, "--host", "SHOP.test")
            self.assertEqual(twin.returncode, 0)
            self.assertIn("php-pool-proxy will answer 503 for it", twin.stderr)
            self.assertRegex(twin.stderr, r"(?m)^/.*/conf\.d/twin\.conf:\d+: .*shop\.test")
            printed = run(directory, "new", "other", "--print")
            self.assertIn('root = "/srv/www/other";', printed.stdout)
            self.assertFalse(os.path.exists(os.path.join(directory, "conf.d", "other.conf")))

    def test_completion(self):
        script = os.path.join(os.environ["SOURCE_ROOT"], "daemon", "ctl", "php-poolctl.bash")
        pool = Engine()
        self.addCleanup(pool.remove)

        def complete(*words):
            code = f"""source {script}; COMP_WORDS=("$@"); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _php_poolctl; printf '%s\\n' "${{COMPREPLY[@]}}" """
            return subprocess.run(["bash", "-c", code, "bash", *words], capture_output=True, text=True, check=True).stdout.split()

        verbs = set(re.findall(r"(?m)^  ([a-z-]+) ", run(pool, "--help").stdout.partition("Options:")[0]))
        self.assertGreaterEqual(len(verbs), 16)
        self.assertEqual(set(complete("php-poolctl", "")), verbs)
        self.assertEqual(complete("php-poolctl", "kill"), ["kill-request"])
        self.assertEqual(complete("php-poolctl", "--config-dir", pool.directory, "status", ""), ["test"])
        self.assertEqual(complete("php-poolctl", "--config-dir", pool.directory, "kill-request", "test", ""), [])
        self.assertEqual(complete("php-poolctl", "list", ""), [])
        options = set(re.findall(r"--[a-z-]+", run(pool, "--help").stdout))
        self.assertEqual(set(complete("php-poolctl", "--")), options)


if __name__ == "__main__":
    unittest.main(verbosity=2)
