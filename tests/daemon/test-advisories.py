# SPDX-License-Identifier: MIT
"""What php-fpm's security advisories taught, shown from outside.

Each scenario runs against php-fpm as well where that is installed (a fixed one
has learned most of it too); its answer is printed and decides nothing.
"""

import json
import os
import random
import re
import stat
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fpm  # noqa: E402
from engine import Engine, until  # noqa: E402
from fcgi import PARAMS, STDIN, begin, record  # noqa: E402
from talk import compare  # noqa: E402

EAT = '$a = []; while (true) $a[] = str_repeat("x", 100000);'
SCRIPTS = {
    "hello.php": '<?php echo "hello";',
    "ran.php": '<?php touch(__DIR__ . "/ran"); echo "ran";',
    "pid.php": '<?php echo getmypid(), " ", ini_get("precision"), " ", count(headers_list()), " ", ob_get_level(), " ", isset($GLOBALS["left"]) ? "left" : "clean";',
    # ways to leave a request body where it is
    "unread-exit.php": '<?php exit("unread");',
    "unread-part.php": '<?php $f = fopen("php://input", "r"); fread($f, 3); echo "unread";',
    "unread-open.php": '<?php $f = fopen("php://input", "r"); echo "unread";',
    "unread-fatal.php": '<?php echo "unread"; ob_flush(); flush(); trigger_error("x", E_USER_ERROR);',
    "unread-finish.php": '<?php echo "unread"; fastcgi_finish_request(); usleep(50000);',
    "unread-memory.php": '<?php echo "unread"; ob_flush(); flush(); ini_set("memory_limit", "8M"); ' + EAT,
    # ways to end in the engine's emergency exit
    "out-memory.php": '<?php $GLOBALS["left"] = 1; header("X-Left: 1"); ini_set("precision", 3); ini_set("memory_limit", "8M"); ' + EAT,
    "out-shutdown.php": '<?php ini_set("precision", 3); ini_set("memory_limit", "8M"); register_shutdown_function(function () { ' + EAT + ' });',
    "out-buffer.php": '<?php ini_set("memory_limit", "8M"); ob_start(function ($b) { ' + EAT + ' }); echo "x";',
    "out-destructor.php": '<?php class D { function __destruct() { ini_set("memory_limit", "8M"); ' + EAT + ' } } $d = new D;',
    "out-time.php": '<?php set_time_limit(1); while (true);',
    "out-compile.php": '<?php eval("function f() {} function f() {}");',
    "out-error.php": '<?php ini_set("precision", 3); trigger_error("given up", E_USER_ERROR);',
    "parts.php": '<?php echo count($_POST), " ", count($_FILES);',
    "proxy.php": '<?php echo var_export(getenv("HTTP_PROXY"), true), " ", var_export(getenv("HTTP_PROXY", true), true), " ", '
                 '$_SERVER["HTTP_PROXY"] ?? "none";',
    "stdio.php": '<?php foreach (["php://stdin", "php://stdout", "php://stderr"] as $name) { $f = fopen($name, "r+"); '
                 'if ($f) stream_set_blocking($f, false); } echo "set";',
    "says.php": '<?php error_log("one \\1fscf\\1 one after"); error_log("two"); file_put_contents("php://stderr", "three \\0fscf\\0 end\\n"); echo "said";',
    # until it was looked at
    "sleep.php": '<?php for ($i = 0; $i < 400 && !file_exists(__DIR__ . "/seen"); $i++) { usleep(20000); clearstatcache(); } echo "slept";',
    "status.php": '<?php echo json_encode(fpm_get_status());',
    "memory.php": '<?php $f = @fopen("/proc/" . (int) $_GET["pid"] . "/mem", "r+"); echo $f ? "open" : "refused";',
    # overwrites all shared memory of its process but opcache's
    "hostile.php": '<?php mt_srand((int) $_GET["seed"]); $f = fopen("/proc/self/mem", "r+"); $n = 0; foreach (file("/proc/self/maps") as $line) { '
                   'if (!preg_match("~^([0-9a-f]+)-([0-9a-f]+) rw-s \\S+ \\S+ \\d+ +(.*)~", $line, $m) || $m[3] == "/dev/zero (deleted)") continue; '
                   '$size = hexdec($m[2]) - hexdec($m[1]); fseek($f, hexdec($m[1])); $s = ""; '
                   'switch ($_GET["fill"]) { case "ones": $s = str_repeat("\\xff", $size); break; case "zeros": $s = str_repeat("\\0", $size); break; '
                   'default: for ($i = 0; $i < $size; $i += 4) $s .= pack("V", mt_rand(0, 0x7fffffff) << 1); } '
                   'fwrite($f, $s); $n += $size; } file_put_contents(__DIR__ . "/hostile", $n); posix_kill(getmypid(), 9);',
}


def ticks(pids):
    """The time of all these processes on a processor."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            total += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    return total


class AdvisoryTest(unittest.TestCase):
    def columns(self, title, expected, scenario, config="", workers="max = 1; min = 1;", lines=(), general=(), both=True, ini=None,
                **engine):
        ours = Engine(f"workers: {{ {workers} }};\n{config}", **engine)
        self.addCleanup(ours.remove)
        for name, text in SCRIPTS.items():
            ours.write(name, text)
        other = fpm.Fpm(ours.root, lines=lines, general=general, ini=ini) if fpm.AVAILABLE and both else None
        ours.start()
        if other:
            self.addCleanup(other.remove)
            other.start()
        compare(self, title, expected, scenario, ours, other)
        return ours

    def status(self, pool, *arguments):
        return subprocess.run([os.environ["PHP_POOLCTL"], "--config-dir", pool.directory, "--run-dir", pool.directory + "/rd",
                               *arguments, "status", "test"], capture_output=True, text=True, errors="surrogateescape", check=False)

    def test_an_unread_body_is_never_a_request(self):
        """CVE-2026-129289"""
        def scenario(t):
            heard = []
            for way in ("exit", "part", "open", "fatal", "finish", "memory"):
                for size in (30, 300000):
                    t.ran()
                    forged = begin() + record(PARAMS, t.params("ran.php")) + record(PARAMS) + record(STDIN)
                    body = b"x" * size + forged * 3
                    length = len(body) if way != "exit" else size  # right, and too short
                    head = begin() + record(PARAMS, t.params(f"unread-{way}.php", method="POST", length=length)) + record(PARAMS)
                    peer = t.peer(head, *[record(STDIN, body[i:i + 65535]) for i in range(0, len(body), 65535)], record(STDIN))
                    first, second = t.heard(peer), t.kept(peer)
                    if first != "unread" and not first.startswith("unread app "):
                        heard.append(f"{way} of {size} bytes: {first}")
                    if second not in ("kept", "closed"):
                        heard.append(f"{way} of {size} bytes: {second} for the next")
                    if t.ran() == "ran":
                        heard.append(f"{way} of {size} bytes: a forged request ran")
            return ", ".join(heard) or "no forged request ran, none was lost"
        self.columns("bodies left unread, with requests inside", "no forged request ran, none was lost", scenario,
                     'php: { values = [ "display_errors=0" ]; };', lines=["php_value[display_errors] = 0"])

    def test_no_pipe_leads_from_a_worker_to_the_manager(self):
        """CVE-2026-129291, and the stuck workers of a manager that stopped reading"""
        def pipes(pid):
            links = []
            for fd in os.listdir(f"/proc/{pid}/fd"):
                try:
                    links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
                except OSError:
                    pass
            return {link for link in links if link.startswith("pipe:")}

        def scenario(t):
            t.serves()
            of_workers = [pipes(pid) for pid in t.server.workers()]
            try:
                shared = set.union(*of_workers) & pipes(t.server.process.pid)
            except PermissionError:  # only root may look there; what all workers have, they have from above
                shared = set.intersection(*of_workers)
            return f"{len(shared)} pipes"
        self.columns("pipes between worker and manager", "0 pipes", scenario, workers="max = 2; min = 2;",
                     lines=["catch_workers_output = yes"])

    def test_what_a_client_says_is_shown_harmlessly(self):
        """CVE-2026-129292, CVE-2026-6735"""
        evil = "/<script>alert(1)</script>\x1b]0;x\x07\x1b[31m\r\n'\"&\xff"
        shown = {}

        def scenario(t):
            seen = os.path.join(t.server.root, "seen")
            if os.path.exists(seen):
                os.unlink(seen)
            peer = t.peer(t.request("sleep.php", query="<script>alert(1)</script>\x1b[2J\"'", extra={"REQUEST_URI": evil, "HTTP_AUTHORIZATION": "Basic PGI+Ong="}))
            if isinstance(t.server, fpm.Fpm):
                time.sleep(0.3)
                texts = []
                for query in ("full", "full&html", "full&xml", "full&json"):
                    # the status page is a script of no name
                    extra = {"SCRIPT_NAME": "/status", "SCRIPT_FILENAME": "/status", "REQUEST_URI": "/status"}
                    texts.append(t.server.ask("hello.php", query, extra=extra).body.decode("latin-1"))
                markup, control = "".join(texts[1:3]), "".join(texts)
            else:
                until("it is told", lambda: "alert(1)" in self.status(t.server, "--json").stdout)
                table, document = self.status(t.server), self.status(t.server, "--json")
                shown["json"] = json.loads(document.stdout)
                markup, control = "", table.stdout + document.stdout
            with open(seen, "w", encoding="ascii"):
                pass
            heard = [f"URI {'shown' if 'alert(1)' in control else 'not shown'}"]
            heard.append("markup" if "<script>alert" in markup else "no markup")
            heard.append("control characters" if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", control) else "no control characters")
            return ", ".join(heard + [t.heard(peer)])
        self.columns("a URI of markup and terminal commands in the status", "URI shown, no markup, no control characters, slept",
                     scenario, workers="max = 2; min = 2;", lines=["pm = static", "pm.max_children = 2", "pm.status_path = /status"])
        self.assertIn("alert(1)", json.dumps(shown["json"]))

    def test_path_info_of_any_length(self):
        """CVE-2019-11043, CVE-2026-129538"""
        def scenario(t):
            rng = random.Random(7)
            t.serves()  # so that there are workers
            script, root, workers = os.path.join(t.server.root, "hello.php"), t.server.root, t.server.workers()
            answered = odd = 0
            lengths = [0, 1, 2, 7, 8, 31, 32, 33, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 10000]
            peer = t.peer()
            for i in range(400):
                info = "/" * rng.choice((0, 1, 2)) + "A" * rng.choice(lengths)
                extra = {"SCRIPT_FILENAME": rng.choice((script, script + info, script + "/", root + "/none.php" + info, root + info,
                                                        "proxy:fcgi://x" + script + info, "proxy:balancer://" + info)),
                         "SCRIPT_NAME": rng.choice(("/hello.php", "/hello.php" + info, "", "/" + "B" * rng.choice(lengths))),
                         "DOCUMENT_ROOT": rng.choice((root, root + "/", "", "/", "/" + "C" * rng.choice(lengths)))}
                for name in ("PATH_INFO", "PATH_TRANSLATED", "REDIRECT_URL", "ORIG_PATH_INFO"):
                    if rng.random() < 0.5:
                        extra[name] = rng.choice((info, info[1:], "", "/", "\\", root + info, script + info, "%00" + info, "?" + info))
                heard = t.heard(t.send(peer, t.request(extra=extra)))
                if heard in ("closed", "reset", "silence") or heard.startswith("out of step"):
                    odd += 1
                    peer = t.peer()
                else:
                    answered += 1
            same = "the same worker" if t.server.workers() == workers else "another worker"
            return f"{answered} answered, {odd} not, {same}"
        self.columns("four hundred odd paths", "400 answered, 0 not, the same worker", scenario)

    def test_a_worker_is_replaced_after_an_emergency_exit(self):
        """CVE-2026-109618, CVE-2026-109619"""
        def scenario(t):
            t.patience = 5 if isinstance(t.server, fpm.Fpm) else 20
            heard = []
            peer = t.peer()
            for way in ("memory", "shutdown", "buffer", "destructor", "time", "compile", "error"):
                try:
                    before = t.heard(t.send(peer, t.request("pid.php"))).split()
                    said = t.heard(t.send(peer, t.request(f"out-{way}.php")))
                    after = t.heard(t.send(peer, t.request("pid.php"))).split()
                    if after[:1] in (["closed"], ["reset"]):
                        heard.append(f"{way}: connection {after[0]}")
                        peer = t.peer()
                        after = t.heard(t.send(peer, t.request("pid.php"))).split()
                    if said in ("closed", "reset", "silence"):
                        heard.append(f"{way}: {said}")
                    if before[0] == after[0]:
                        heard.append(f"{way}: the same worker")
                    if before[1:] != after[1:]:
                        heard.append(f"{way}: {after[1:]} instead of {before[1:]}")
                except (IndexError, AssertionError) as error:
                    heard.append(f"{way}: {error!r}")
                    peer = t.peer()
            return ", ".join(heard) or "each time another worker, and all as before"
        self.columns("ends in the engine's emergency exit", "each time another worker, and all as before", scenario,
                     'php: { values = [ "display_errors=0" ]; };', lines=["php_value[display_errors] = 0"])

    def test_log_lines_are_what_was_said(self):
        """CVE-2024-9026"""
        def scenario(t):
            heard = t.heard(t.peer(t.request("says.php")))
            try:
                until("the log", lambda: "three" in t.server.log(), 2)
            except AssertionError:
                pass
            log = t.server.log()
            whole = [text for text in ("one ", " one after", "two", "three ", " end") if text in log]
            return f"{heard}, {len(whole)} of 5 pieces"
        self.columns("php-fpm's control bytes in messages", "said, 5 of 5 pieces", scenario,
                     lines=["catch_workers_output = yes", "php_admin_value[error_log] = php://stderr"])

    def test_http_headers_never_become_trust(self):
        """CVE-2024-8927"""
        def scenario(t):
            extra = {"HTTP_REDIRECT_STATUS": "200", "HTTP_PHP_VALUE": "precision=3", "HTTP_SCRIPT_FILENAME": "/etc/passwd",
                     "HTTP_DOCUMENT_ROOT": "/", "HTTP_ORIG_PATH_INFO": "/x", "HTTP_CONTENT_LENGTH": "5"}
            return f"{t.heard(t.peer(t.request('hello.php', extra=extra)))}, {t.heard(t.peer(t.request('pid.php', extra=extra))).split()[1]}"
        self.columns("headers named as parameters", "hello, 14", scenario, 'php: { admin_values = [ "cgi.force_redirect=1" ]; };')

    def test_multipart_bodies_are_bounded(self):
        """CVE-2023-0662"""
        def scenario(t):
            t.patience = 5
            heard = []
            for n, kind in ((3000, b'name="a%d"'), (60, b'name="f%d"; filename="x"')):
                body = b"".join(b'--B\r\nContent-Disposition: form-data; ' + kind % i + b"\r\n\r\nx\r\n" for i in range(n)) + b"--B--\r\n"
                params = t.params("parts.php", method="POST", length=len(body), extra={"CONTENT_TYPE": "multipart/form-data; boundary=B"})
                start = time.monotonic()
                peer = t.peer(begin(), record(PARAMS, params), record(PARAMS),
                              *[record(STDIN, body[i:i + 65535]) for i in range(0, len(body), 65535)], record(STDIN))
                counts = t.heard(peer).split()
                fields = int(counts[0]) if counts[0].isdigit() else 9999
                heard.append(f"{'at most' if fields <= 1020 else 'more than'} 1020 fields, {counts[-1]} files, "
                             f"{'quickly' if time.monotonic() - start < 3 else 'slowly'}")
            return "; ".join(heard)
        self.columns("3000 fields, 60 files", "at most 1020 fields, 0 files, quickly; at most 1020 fields, 20 files, quickly", scenario,
                     'php: { values = [ "display_errors=0" ]; };', lines=["php_value[display_errors] = 0"])

    def test_a_worker_that_overwrites_shared_memory(self):
        """CVE-2021-21703"""
        def scenario(t):
            manager, heard = t.server.process.pid, []
            for i, fill in enumerate(["ones", "zeros"] + ["random"] * 10):
                said = t.heard(t.peer(t.request("hostile.php", query=f"fill={fill}&seed={i}")))
                written = t.file("hostile", 1)
                if not written.isdigit() or int(written) == 0:
                    heard.append(f"{fill}: nothing overwritten ({said}, {written})")
                if t.server.process.poll() is not None:
                    return f"{fill}: the manager ended"
                t.patience = 10
                if t.serves() != "serves":
                    heard.append(f"{fill}: the pool does not serve")
                for arguments in ((), ("--json",)):
                    status = self.status(t.server, *arguments)
                    if status.returncode != 0:
                        heard.append(f"{fill}: no status: {status.stderr.strip()}")
            before = ticks([manager])
            time.sleep(1)
            spent = ticks([manager]) - before
            if spent > 30:
                heard.append(f"the manager spins: {spent} ticks in a second")
            return ", ".join(heard) or "the manager serves on"
        self.columns("a worker that overwrites the shared memory", "the manager serves on", scenario, workers="max = 3; min = 2;", both=False)

    def test_a_script_cannot_open_the_memory_of_those_above_it(self):
        """CVE-2018-10545; all of a pool runs as one user"""
        def scenario(t):
            heard = []
            for name, pid in (("manager", t.server.manager), ("template", t.server.templates()[0])):
                heard.append(f"{name} {t.heard(t.peer(t.request('memory.php', query=f'pid={pid}')))}")
            return ", ".join(heard)
        self.columns("/proc/PID/mem from a script", "manager refused, template refused", scenario, both=False, held=True, user="nobody")

    def test_httpoxy(self):
        """CVE-2016-5385"""
        def scenario(t):
            return t.heard(t.peer(t.request("proxy.php", extra={"HTTP_PROXY": "evil:80"})))
        self.columns("HTTP_PROXY: getenv(), getenv(local), $_SERVER", "false false (evil:80|none)", scenario)

    def test_non_blocking_standard_files_spin_nobody(self):
        """CVE-2015-9253"""
        def scenario(t):
            heard = t.heard(t.peer(t.request("stdio.php")))
            pids = [t.server.process.pid, *(t.server.templates() if isinstance(t.server, Engine) else []), *t.server.workers()]
            before, size = ticks(pids), len(t.server.log())
            time.sleep(1)
            spent, lines = ticks(pids) - before, t.server.log()[size:].count("\n")
            return f"{heard}, {'idle' if spent < 20 else 'spins'}, {'quiet' if lines < 5 else f'{lines} lines'}, {t.serves()}"
        self.columns("a script makes its standard files non-blocking", "set, idle, quiet, serves", scenario)

    def test_modes_of_sockets(self):
        """CVE-2014-0185"""
        pool = self.columns("serves", "serves", lambda t: t.serves(), both=False)
        control = os.path.join(pool.directory, "rd", "test", "control")
        self.assertEqual(stat.S_IMODE(os.stat(control).st_mode), 0o600)

    def test_who_reaches_the_socket_owns_nothing(self):
        """A FastCGI port that everybody reaches: the usual way in."""
        def scenario(t):
            outside = os.path.join(t.server.directory, "outside.php")
            with open(outside, "w", encoding="ascii") as f:
                f.write("<?php echo 'outside';")
            secret = os.path.join(t.server.root, "secret.txt")
            with open(secret, "w", encoding="ascii") as f:
                f.write("secret ")
            heard = []
            for extra in ({"PHP_ADMIN_VALUE": f"auto_prepend_file={secret}"}, {"PHP_VALUE": f"auto_prepend_file={secret}"},
                          {"PHP_VALUE": "auto_prepend_file=php://input\nallow_url_include=1"}, {"SCRIPT_FILENAME": outside},
                          {"SCRIPT_FILENAME": t.server.root + "/../outside.php"}, {"REQUEST_BODY_FILE": "/etc/passwd"}):
                heard.append(t.heard(t.peer(t.request("hello.php", keep=False, extra=extra))).replace(" Access denied.", ""))
            return ", ".join(heard)
        self.columns("auto_prepend_file, and scripts outside the root", r"hello, hello, hello, 403, (403|404) ?[\w .]*, hello", scenario)


if __name__ == "__main__":
    unittest.main(verbosity=2)
