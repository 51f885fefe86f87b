# SPDX-License-Identifier: MIT
"""What scripts see, and what comes out of them."""

import hashlib
import contextlib
import json
import os
import random
import socket
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import Connection, Engine, parameters, until  # noqa: E402
from fcgi_client import BEGIN, END, PARAMS, STDIN, STDOUT, pair, record  # noqa: E402

SCRIPTS = {
    "vars.php": '<?php header("Content-Type: application/json"); echo json_encode(["server" => $_SERVER, "get" => $_GET, '
                '"post" => $_POST, "cookie" => $_COOKIE, "input" => md5(file_get_contents("php://input")), '
                '"getenv" => getenv("QUERY_STRING"), "proxy" => getenv("HTTP_PROXY"), "cwd" => getcwd(), '
                '"sapi" => PHP_SAPI, "headers" => getallheaders(), "pid" => getmypid()]);',
    "upload.php": '<?php $f = $_FILES["f"]; move_uploaded_file($f["tmp_name"], __DIR__ . "/got"); '
                  'echo $f["error"], " ", $f["name"], " ", $f["size"], " ", dirname($f["tmp_name"]), " ", $_POST["t"];',
    "head.php": '<?php http_response_code(404); header("X-A: 1"); header("X-A: 2", false); setcookie("c", "v"); echo "gone";',
    "line.php": '<?php header("HTTP/1.1 418 Short and stout"); echo "tea";',
    "moved.php": '<?php header("Location: /elsewhere");',
    "flush.php": '<?php while (ob_get_level()) ob_end_flush(); for ($i = 0; $i < 3; $i++) { echo "line $i\\n"; flush(); usleep(300000); }',
    "exit.php": '<?php register_shutdown_function(function () { echo " end"; }); echo "start"; exit(3);',
    "throw.php": '<?php throw new RuntimeException("nobody catches this");',
    "parse.php": "<?php this is no PHP",
    "memory.php": '<?php ini_set("memory_limit", "16M"); $a = []; while (true) $a[] = str_repeat("x", 100000);',
    "big.php": '<?php $s = str_repeat("0123456789abcdef", 1 << 16); for ($i = 0; $i < 20; $i++) echo $s;',
    "finish-short.php": '<?php echo "before"; fastcgi_finish_request(); strrev("little");',
    "finish.php": '<?php echo "before"; var_dump(fastcgi_finish_request()); echo "after"; usleep(1000000); '
                  'file_put_contents(__DIR__ . "/finished", fastcgi_finish_request() ? "yes" : "no");',
    "session.php": '<?php session_start(); $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1; echo $_SESSION["n"], " ", session_save_path();',
    "ini.php": '<?php echo ini_get("precision"), " ", ini_get("memory_limit");',
    "user/ini.php": '<?php echo ini_get("precision");',
    "cache.php": '<?php $s = opcache_get_status(); echo json_encode([getmypid(), '
                 'isset($s["scripts"][__DIR__ . "/hello.php"]) ? $s["scripts"][__DIR__ . "/hello.php"]["hits"] : -1]);',
    "hello.php": '<?php echo "hello";',
    "random.php": '<?php echo getmypid(), " ", mt_rand(), " ", lcg_value(), " ", bin2hex(random_bytes(4));',
    "status.php": '<?php echo json_encode(fpm_get_status());',
    "where.php": '<?php echo __DIR__;',
    "page.txt": "<?php echo 'not run';",
}


class RequestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pool = Engine('workers: { max = 4; min = 2; spare = 2; };\n'
                          'php: { values = [ "post_max_size=64M", "upload_max_filesize=64M" ]; '
                          'admin_values = [ "date.timezone=UTC" ]; };\n'
                          'env = [ "APP_ENV=test" ];')
        cls.addClassCleanup(cls.pool.remove)
        for name, text in SCRIPTS.items():
            os.utime(cls.pool.write(name, text), (1, 1))  # opcache keeps no files that are new
        cls.pool.write("user/.user.ini", "precision = 5\n")
        cls.pool.start()

    def vars(self, **arguments):
        response = self.pool.ask("vars.php", **arguments)
        self.assertEqual(response.status, 200, response.body)
        return json.loads(response.body)

    def test_server_variables(self):
        seen = self.vars(query="a=1&b%5B%5D=2", extra={"HTTP_X_FORWARDED_FOR": "1.2.3.4", "HTTP_PROXY": "evil",
                                                       "HTTP_AUTHORIZATION": "Basic dXNlcjpwYXNz", "EMPTY": ""})
        server = seen["server"]
        self.assertEqual(seen["sapi"], "fpm-fcgi")
        self.assertEqual(seen["get"], {"a": "1", "b": ["2"]})
        self.assertEqual(seen["getenv"], "a=1&b%5B%5D=2")
        self.assertEqual(seen["cwd"], self.pool.root)
        for name, value in {
            "SCRIPT_FILENAME": self.pool.root + "/vars.php", "SCRIPT_NAME": "/vars.php", "PHP_SELF": "/vars.php",
            "REQUEST_METHOD": "GET", "FCGI_ROLE": "RESPONDER", "APP_ENV": "test", "PHP_AUTH_USER": "user",
            "PHP_AUTH_PW": "pass", "EMPTY": "", "HTTP_X_FORWARDED_FOR": "1.2.3.4",
        }.items():
            self.assertEqual(server.get(name), value, name)
        self.assertFalse(seen["proxy"], "getenv('HTTP_PROXY') is what httpoxy lives on")
        self.assertEqual(seen["headers"]["X-Forwarded-For"], "1.2.3.4")
        for name in ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "JOURNAL_STREAM"):
            self.assertNotIn(name, server)
        self.assertIn("STATE_DIRECTORY", server)
        self.assertLess(abs(server["REQUEST_TIME_FLOAT"] - time.time()), 5)

    def test_post_and_cookies(self):
        seen = self.vars(body=b"x=1&y[k]=%41", extra={"CONTENT_TYPE": "application/x-www-form-urlencoded",
                                                      "HTTP_COOKIE": "a=b; c=d%20e"})
        self.assertEqual(seen["post"], {"x": "1", "y": {"k": "A"}})
        self.assertEqual(seen["cookie"], {"a": "b", "c": "d e"})
        data = random.Random(1).randbytes(20 << 20)
        self.assertEqual(self.vars(body=data)["input"], hashlib.md5(data).hexdigest())
        self.assertEqual(self.vars()["post"], [], "nothing is left of the request before")

    def test_body_without_a_length_is_read_to_its_end(self):
        for length in ("", "-1"):
            self.assertEqual(self.vars(body=b"some bytes", extra={"CONTENT_LENGTH": length})["input"],
                             hashlib.md5(b"some bytes").hexdigest())

    def test_body_shorter_than_announced_is_not_run(self):
        self.assertEqual(self.pool.ask("vars.php", body=b"12345", extra={"CONTENT_LENGTH": "10"}).status, 400)

    def test_body_longer_than_announced_is_cut(self):
        self.assertEqual(self.vars(body=b"1234567890", extra={"CONTENT_LENGTH": "5"})["input"],
                         hashlib.md5(b"12345").hexdigest())

    def test_upload(self):
        photo = random.Random(2).randbytes(3 << 20)
        body = (b'--B\r\nContent-Disposition: form-data; name="t"\r\n\r\ntext\r\n'
                b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
                + photo + b"\r\n--B--\r\n")
        response = self.pool.ask("upload.php", body=body, extra={"CONTENT_TYPE": "multipart/form-data; boundary=B"})
        self.assertEqual(response.body.decode(), f"0 a.jpg {len(photo)} {self.pool.directory}/state/tmp text")
        with open(os.path.join(self.pool.root, "got"), "rb") as f:
            self.assertEqual(f.read(), photo)
        self.assertEqual(os.listdir(os.path.join(self.pool.directory, "state/tmp")), [], "temporary files are removed")

    def test_status_and_headers(self):
        response = self.pool.ask("head.php")
        self.assertEqual(response.status, 404)
        self.assertEqual(response.body, b"gone")
        self.assertEqual(response.head.count(b"X-A: "), 2)
        self.assertIn(b"Set-Cookie: c=v", response.head)
        self.assertEqual(self.pool.ask("line.php").headers["status"], "418 Short and stout")
        self.assertEqual(self.pool.ask("moved.php").status, 302)
        self.assertNotIn("status", self.pool.ask("hello.php").headers)

    def test_head_has_no_body(self):
        response = self.pool.ask("hello.php", method="HEAD")
        self.assertEqual((response.status, response.body), (200, b""))
        self.assertIn("content-type", response.headers)

    def test_flush_is_seen_line_by_line(self):
        params = b"".join(pair(k, v) for k, v in parameters(self.pool.root + "/flush.php").items())
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.pool.socket)
            s.settimeout(10)
            s.sendall(record(BEGIN, struct.pack("!HB5x", 1, 0)) + record(PARAMS, params) + record(PARAMS) + record(STDIN))
            seen, data = [], b""
            while True:
                part = s.recv(65536)
                if not part:
                    break
                data += part
                for i in range(3):
                    if len(seen) == i and b"line %d\n" % i in data:
                        seen.append(time.monotonic())
        self.assertEqual(len(seen), 3)
        for before, after in zip(seen, seen[1:]):
            self.assertGreater(after - before, 0.2)

    def test_exit_runs_shutdown_functions(self):
        self.assertEqual(self.pool.ask("exit.php").body, b"start end")

    def test_errors_become_500_and_the_log_names_file_and_line(self):
        self.assertEqual(self.pool.ask("throw.php").status, 500)
        until("the exception is logged", lambda: "nobody catches this" in self.pool.log())
        self.assertIn(self.pool.root + "/throw.php:1", self.pool.log())
        self.assertEqual(self.pool.ask("parse.php").status, 500)
        self.assertEqual(self.pool.ask("hello.php").body, b"hello")

    def test_a_line_behind_an_error_that_the_script_has_handled(self):
        self.pool.write("handled.php", '<?php set_error_handler(fn() => true); trigger_error(str_repeat("x", 3 << 20)); '
                                       'error_log("behind it"); echo "ok";')
        for _ in range(3):
            self.assertEqual(self.pool.ask("handled.php").body, b"ok")
        until("it is logged", lambda: self.pool.log().count("behind it") >= 3)

    def test_exhausted_memory_retires_the_worker_alone(self):
        before = set(self.pool.workers())
        self.assertEqual(self.pool.ask("memory.php").status, 500)
        for _ in range(20):
            self.assertEqual(self.pool.ask("hello.php").body, b"hello")
        until("the worker is replaced",
              lambda: len(set(self.pool.workers()) & before) == len(before) - 1 and len(self.pool.workers()) >= 2)

    def test_large_answer(self):
        response = self.pool.ask("big.php")
        self.assertEqual(response.body, b"0123456789abcdef" * (1 << 16) * 20)

    def test_finish_request_lets_the_client_go(self):
        begin = time.monotonic()
        response = self.pool.ask("finish.php")
        self.assertLess(time.monotonic() - begin, 0.8)
        self.assertEqual(response.body, b"before")
        path = os.path.join(self.pool.root, "finished")
        until("the script goes on", lambda: os.path.exists(path) and os.path.getsize(path) > 0)
        with open(path, encoding="ascii") as f:
            self.assertEqual(f.read(), "no", "a second call has nothing to finish")

    def test_finish_request_frees_a_kept_connection(self):
        connection = Connection(self.pool.socket)
        self.addCleanup(connection.close)
        begin = time.monotonic()
        self.assertEqual(connection.request(parameters(self.pool.root + "/finish.php"), keep=True).body, b"before")
        self.assertEqual(connection.request(parameters(self.pool.root + "/hello.php"), keep=True).body, b"hello")
        self.assertLess(time.monotonic() - begin, 0.8, "another worker takes the next request")

    def test_finish_request_frees_a_kept_connection_whatever_the_script_does(self):
        lock = os.path.join(self.pool.root, "lock")
        waits = {
            "sleeps": "sleep(1);",
            "naps": "time_nanosleep(1, 0);",
            "computes": "for ($end = microtime(true) + 4; microtime(true) < $end; );",
            "waits for a socket": "[$a, $b] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); stream_set_timeout($a, 1); fread($a, 1);",
            "selects": "[$a, $b] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); $r = [$a]; $w = $e = null; stream_select($r, $w, $e, 1);",
            "runs a command": 'exec("sleep 1");',
            "runs a process": '$p = proc_open(["sleep", "1"], [], $pipes); proc_close($p);',
            "waits for a lock": f'$p = popen("flock {lock} sleep 1", "r"); usleep(200000); $f = fopen("{lock}", "c"); flock($f, LOCK_EX);',
        }
        before = {
            "reads from a command": '$p = popen("sleep 1", "r");',
            "waits in an extension": "socket_create_pair(AF_UNIX, SOCK_STREAM, 0, $s); "
                                     "socket_set_option($s[0], SOL_SOCKET, SO_RCVTIMEO, ['sec' => 1, 'usec' => 0]);",
            "waits in a library of an extension": '$l = stream_socket_server("tcp://127.0.0.1:0"); '
                                                  '$c = curl_init("http://" . stream_socket_get_name($l, false)); curl_setopt($c, CURLOPT_TIMEOUT, 1);',
        }
        waits["reads from a command"] = "fgets($p);"
        waits["waits in an extension"] = "socket_read($s[0], 1);"
        waits["waits in a library of an extension"] = "curl_exec($c);"
        for n, (what, code) in enumerate(waits.items()):
            self.pool.write(f"waits{n}.php", f'<?php {before.get(what, "")} echo "before"; fastcgi_finish_request(); {code}')
            connection = Connection(self.pool.socket)
            self.addCleanup(connection.close)
            with self.subTest(what):
                # one that has little left to do: what comes after is not known to take long
                self.assertEqual(connection.request(parameters(self.pool.root + "/finish-short.php"), keep=True).body, b"before")
                begin = time.monotonic()
                self.assertEqual(connection.request(parameters(f"{self.pool.root}/waits{n}.php"), keep=True).body, b"before")
                self.assertEqual(connection.request(parameters(self.pool.root + "/hello.php"), keep=True).body, b"hello")
                took = time.monotonic() - begin
                # who computes is looked at each 250 ms of its processor time, of which it may get little
                self.assertLess(took, 3 if what == "computes" else 0.8, "another worker takes the next request")
                time.sleep(max(1, 4.2 - took) if what == "computes" else 1)

    def test_finish_request_frees_a_kept_connection_of_who_waits_unnoticed(self):
        """In the kernel, for a file: the manager notices, a second later or two, and does no harm."""
        fifo = os.path.join(self.pool.root, "fifo")
        os.mkfifo(fifo, 0o666)
        os.chmod(fifo, 0o666)
        self.pool.write("waits.php", f"<?php echo 'before'; fastcgi_finish_request(); file_put_contents(__DIR__ . '/said', fgets(fopen('{fifo}', 'r')));")
        connection = Connection(self.pool.socket)
        self.addCleanup(connection.close)
        begin = time.monotonic()
        self.assertEqual(connection.request(parameters(self.pool.root + "/finish-short.php"), keep=True).body, b"before")
        self.assertEqual(connection.request(parameters(self.pool.root + "/waits.php"), keep=True).body, b"before")
        timer = threading.Timer(6, lambda: open(fifo, "w", encoding="ascii").close())  # for a pool that never notices
        timer.start()
        self.addCleanup(timer.cancel)
        self.assertEqual(connection.request(parameters(self.pool.root + "/hello.php"), keep=True).body, b"hello")
        self.assertLess(time.monotonic() - begin, 3.5)
        timer.cancel()
        time.sleep(1.5)  # it is reminded once
        with open(fifo, "w", encoding="ascii") as f:
            f.write("whole")
        path = os.path.join(self.pool.root, "said")
        until("the script has gone on", lambda: os.path.exists(path) and os.path.getsize(path) > 0)
        with open(path, encoding="ascii") as f:
            self.assertEqual(f.read(), "whole")

    def test_finish_request_keeps_the_connection_where_little_is_left_to_do(self):
        """As frameworks call it, at the end of every request: no turn through the manager for each."""
        def switches():
            with open(f"/proc/{self.pool.manager}/status", encoding="ascii") as f:
                return int(next(line for line in f if line.startswith("voluntary")).split()[1])

        connection = Connection(self.pool.socket)
        self.addCleanup(connection.close)
        with self.undisturbed():
            for n in range(400):
                if n == 100:
                    before = switches()
                self.assertEqual(connection.request(parameters(self.pool.root + "/finish-short.php"), keep=True).body, b"before")
            self.assertLess(switches() - before, 150, "of 300 requests")

    @contextlib.contextmanager
    def undisturbed(self):
        """Whom others hold up for 2 ms behind an answer is taken for one who goes on."""
        pids = [os.getpid(), *self.pool.workers()]
        with contextlib.suppress(PermissionError):
            for pid in pids:
                os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(OSError):
                    os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))

    def test_sessions(self):
        first = self.pool.ask("session.php")
        cookie = first.headers["set-cookie"].split(";")[0]
        self.assertEqual(first.body.decode(), f"1 {self.pool.directory}/state/sessions")
        for n in (2, 3, 4):
            self.assertTrue(self.pool.ask("session.php", extra={"HTTP_COOKIE": cookie}).body.startswith(b"%d " % n))

    def test_php_value_of_the_front_end_is_ignored(self):
        plain = self.pool.ask("ini.php").body
        extra = {"PHP_VALUE": "precision=3", "PHP_ADMIN_VALUE": "memory_limit=77M\nauto_prepend_file=/etc/passwd"}
        self.assertEqual(self.pool.ask("ini.php", extra=extra).body, plain)

    def test_user_ini(self):
        self.assertEqual(self.pool.ask("user/ini.php").body, b"5")
        self.assertNotEqual(self.pool.ask("ini.php").body.split()[0], b"5")

    def test_opcache_is_shared_by_the_workers(self):
        pids = {}
        deadline = time.monotonic() + 10
        while len(pids) < 2 and time.monotonic() < deadline:
            self.pool.ask("hello.php")
            holder = Connection(self.pool.socket)  # takes a turn, so that not always the same worker answers
            pid, hits = json.loads(self.pool.ask("cache.php").body)
            holder.close()
            pids.setdefault(pid, hits)
        self.assertEqual(len(pids), 2, "two workers answered")
        self.assertTrue(all(hits > 0 for hits in pids.values()), pids)

    def test_nothing_that_a_script_declares_is_left(self):
        """More than the tables of functions, classes and constants have room for, so that they grow."""
        declare = "".join(f"function f{i}() {{}} class C{i} {{}} define('K{i}', 1);" for i in range(4000))
        self.pool.write("many.php", f"<?php {declare} echo 'declared';")
        self.pool.write("count.php", "<?php echo count(get_defined_functions()['user']), ' ', class_exists('C0', false) ? 1 : 0, "
                                     "' ', defined('K0') ? 1 : 0;")
        connection = self.pool.connect()  # a kept one leads to the same worker
        self.addCleanup(connection.close)
        for script, body in [("many.php", b"declared"), ("count.php", b"0 0 0")] * 4:
            answer = connection.request(parameters(os.path.join(self.pool.root, script)), keep=True)
            self.assertEqual((answer.status, answer.body), (200, body))

    def test_workers_do_not_share_their_random_numbers(self):
        seen = [self.pool.ask("random.php").body.split()[1:] for _ in range(20)]
        for column in zip(*seen):
            self.assertEqual(len(set(column)), len(column))

    def test_path_info_is_found_by_walking(self):
        script = self.pool.root + "/vars.php"
        for name, info, expected in (
            ("/vars.php", "/a/b", ("/vars.php", "/a/b", None)),
            ("/vars.php", "/vars.php/a/b", ("/vars.php", "/a/b", "/vars.php/a/b")),
            ("/vars.php/a/b", None, ("/vars.php/a/b", None, None)),  # nobody said what is path info
        ):
            extra = {"SCRIPT_FILENAME": script + "/a/b", "SCRIPT_NAME": name}
            if info:
                extra["PATH_INFO"] = info
            server = self.vars(extra=extra)["server"]
            self.assertEqual((server["SCRIPT_NAME"], server.get("PATH_INFO"), server.get("ORIG_PATH_INFO")), expected)
            self.assertEqual((server["SCRIPT_FILENAME"], server["ORIG_SCRIPT_FILENAME"]), (script, script + "/a/b"))

    def test_interim_answers(self):
        self.pool.write("hints.php", '<?php header("Link: </a.css>; rel=preload"); $sent = headers_send(103); header("X-B: c");'
                        'echo $sent, " ", json_encode(headers_send(200)), " ", headers_sent() ? "out" : "not yet";')
        raw = self.pool.ask("hints.php", extra={"PHP_POOL_INTERIM_ANSWERS": "1"})
        self.assertEqual(raw.status, 103, "what comes first")
        self.assertIn(b"\r\n\r\n1 1 out", raw.body, "and then the final head, and the body")
        self.assertEqual(raw.body.count(b"Link:"), 1)
        plain = self.pool.ask("hints.php")
        self.assertEqual((plain.status, plain.body), (200, b"0 1 out"), "a front end that does not know them gets none")
        self.pool.write("wrong.php", "<?php try { headers_send(99); } catch (ValueError $e) { echo $e->getMessage(); }")
        self.assertIn(b"between 100 and 599", self.pool.ask("wrong.php").body)

    def test_the_forms_of_apache(self):
        script = self.pool.root + "/vars.php"
        os.makedirs(self.pool.root + "/a b", exist_ok=True)
        spaced = self.pool.write("a b/vars.php", SCRIPTS["vars.php"])
        proxy = "proxy:fcgi://localhost:9000"
        for given, name, info, expected in (
            ((proxy + script, "/vars.php", None), "/vars.php", None, script),
            ((proxy + script + "?q=1", "/vars.php", "/x y"), "/vars.php", "/x y", script),
            ((proxy + script + "/foo/b%20r", "/vars.php/foo/b r", None), "/vars.php", "/foo/b r", script),
            (("proxy:balancer://pool" + script + "/x", "/vars.php/x", None), "/vars.php", "/x", script),
            ((proxy + self.pool.root + "/a%20b/vars.php", "/a b/vars.php", None), "/a b/vars.php", None, spaced),
            ((proxy + spaced, "/a b/vars.php", "/i"), "/a b/vars.php", "/i", spaced),
        ):
            extra = {"SCRIPT_FILENAME": given[0], "SCRIPT_NAME": given[1]}
            if given[2]:
                extra["PATH_INFO"] = given[2]
            server = self.vars(extra=extra)["server"]
            self.assertEqual((server["SCRIPT_FILENAME"], server["SCRIPT_NAME"], server.get("PATH_INFO"), server["PHP_SELF"]),
                             (expected, name, info, name + (info or "")), given)
        self.assertEqual(self.pool.ask("x", extra={"SCRIPT_FILENAME": proxy + script + "%00.txt"}).status, 403)

    def test_what_may_not_run(self):
        outside = os.path.join(self.pool.directory, "outside.php")
        with open(outside, "w", encoding="ascii") as f:
            f.write("<?php echo 'secret';")
        os.symlink(outside, os.path.join(self.pool.root, "link.php"))
        os.symlink(os.path.join(self.pool.root, "page.txt"), os.path.join(self.pool.root, "text.php"))
        for name, status in {
            outside: 403, self.pool.root + "/../outside.php": 404, self.pool.root + "/link.php": 403,
            self.pool.root + "/text.php": 403, self.pool.root + "/page.txt": 403, self.pool.root: 404,
            self.pool.root + "/none.php": 404, self.pool.root + "/page.txt/x.php": 403, "": 404, "/" * 5000: 404,
            self.pool.root + "/page.txt\0.php": 403,
        }.items():
            response = self.pool.ask("x", extra={"SCRIPT_FILENAME": name})
            self.assertEqual(response.status, status, name)
            self.assertNotIn(b"<?php", response.body)
            self.assertNotIn(b"secret", response.body)
        until("the refusal is logged", lambda: "link.php" in self.pool.log())

    def test_a_switched_link_is_seen_at_once(self):
        for name in ("one", "two"):
            self.pool.write(f"{name}/where.php", SCRIPTS["where.php"])
        link = os.path.join(self.pool.root, "current")
        os.symlink("one", link)
        for i in range(10):
            target = ("one", "two")[i % 2]
            os.symlink(target, link + ".new")
            os.rename(link + ".new", link)
            time.sleep(0.003)  # a worker does not ask within 2 ms of the last time
            self.assertEqual(self.pool.ask("current/where.php").body.decode(), os.path.join(self.pool.root, target))

    def test_the_pools_own_figures(self):
        figures = json.loads(self.pool.ask("status.php").body)
        self.assertEqual(figures["pool"], "test")
        self.assertGreaterEqual(figures["active-processes"], 1)
        self.assertIn("/status.php", [p["request-uri"] for p in figures["procs"]])


class MemoryTest(unittest.TestCase):
    def test_the_last_kilobyte_is_the_scripts(self):
        """Each second the worker asks for opcache's figures, inside a request."""
        pool = Engine('workers: { max = 1; }; php: { values = [ "memory_limit=8M", "display_errors=0" ]; };')
        self.addCleanup(pool.remove)
        path = pool.write("fill.php", '<?php $a = new SplFixedArray(14000); for ($i = 0; $i < $_GET["n"]; $i++) $a[$i] = str_repeat("x", 600 + ($i & 1)); echo "done";')
        os.utime(path, (1, 1))  # opcache has it: its code takes none of the memory
        pool.start()
        most, too_many = 1000, 14000
        while too_many - most > 1:
            n = (most + too_many) // 2
            pool.ask("fill.php", "n=1")  # the first request of a worker needs more
            if b"done" in pool.ask("fill.php", f"n={n}").body:
                most = n
            else:
                too_many = n
        bodies = []
        for n in range(most - 3, most + 2):
            pool.ask("fill.php", "n=1")
            time.sleep(1.1)
            bodies.append(pool.ask("fill.php", f"n={n}").body)
        self.assertIn(b"done", bodies)
        self.assertNotIn("in Unknown on line 0", pool.log(), "memory ran out behind the script")


class LimitTest(unittest.TestCase):
    def test_what_is_too_large_is_answered(self):
        pool = Engine('limits: { body = "64K"; params = "8K"; }; workers: { max = 1; };')
        self.addCleanup(pool.remove)
        pool.write("hello.php", '<?php echo "hello";')
        pool.start()
        for extra, body, status in (({"X": "y" * 20000}, None, 431), ({f"X{n}": "y" for n in range(1200)}, None, 431),
                                    ({}, b"x" * 100000, 413), ({}, b"x" * 65536, 200), ({"X": "y" * 4000}, None, 200)):
            self.assertEqual(pool.ask("hello.php", body=body, extra=extra).status, status)
        log = pool.log()
        self.assertIn("Answered 431: ", log)
        self.assertIn("Answered 413: ", log)


class AllowedTest(unittest.TestCase):
    def test_php_value_does_not_stick(self):
        pool = Engine("workers: { max = 1; }; php: { params_may_set_ini = true; };")
        self.addCleanup(pool.remove)
        pool.write("ini.php", SCRIPTS["ini.php"])
        pool.start()
        plain = pool.ask("ini.php").body
        changed = pool.ask("ini.php", extra={"PHP_VALUE": "precision=3", "PHP_ADMIN_VALUE": "memory_limit=77M"}).body
        self.assertEqual(changed, b"3 77M")
        self.assertEqual(pool.ask("ini.php").body, plain)

    def test_admin_values_cannot_be_changed_by_scripts(self):
        pool = Engine('php: { values = [ "precision=7" ]; admin_values = [ "memory_limit=99M" ]; };')
        self.addCleanup(pool.remove)
        pool.write("set.php", '<?php ini_set("precision", "8"); @ini_set("memory_limit", "1G"); '
                              'echo ini_get("precision"), " ", ini_get("memory_limit");')
        pool.start()
        self.assertEqual(pool.ask("set.php").body, b"8 99M")

    def test_flags_of_error_reporting_are_calculated(self):
        """As in php.ini, where they stand without quotes; what does not calculate spoils none of the others."""
        pool = Engine('php: { values = [ "error_reporting=E_ALL & ~E_NOTICE" ]; };')
        self.addCleanup(pool.remove)
        pool.write("level.php", '<?php echo error_reporting() === (E_ALL & ~E_NOTICE) ? "flags" : error_reporting(), " ", ini_get("memory_limit");')
        pool.start()
        self.assertRegex(pool.ask("level.php").body, b"^flags ")
        pool.stop()
        pool.configure('php: { admin_values = [ "error_reporting=E_ALL &", "memory_limit=99M" ]; };')
        pool.start()
        self.assertEqual(pool.ask("level.php").body, b"0 99M")


if __name__ == "__main__":
    unittest.main(verbosity=2)
