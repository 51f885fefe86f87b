# SPDX-License-Identifier: MIT
"""What resident scripts can call, ours and what they know from FrankenPHP."""

import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import Engine, until  # noqa: E402
from resident import ONE, ResidentTest  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
FUNCTIONS = ["PhpPool\\handle_request", "frankenphp_handle_request", "fastcgi_finish_request", "frankenphp_finish_request", "headers_send",
             "frankenphp_log", "frankenphp_request_headers", "apache_request_headers", "getallheaders", "frankenphp_response_headers",
             "apache_response_headers"]


class ApiTest(ResidentTest):
    settings = ONE + 'env = [ "MAX_REQUESTS=500", "FRANKENPHP_LOOP_MAX=400", "APP_ENV=prod" ];\n'

    def test_functions_and_constants(self):
        for name in FUNCTIONS:
            self.says(f'echo json_encode(function_exists({json.dumps(name)}));', "true", name)
        self.says("echo FRANKENPHP_LOG_LEVEL_DEBUG, FRANKENPHP_LOG_LEVEL_INFO, FRANKENPHP_LOG_LEVEL_WARN, FRANKENPHP_LOG_LEVEL_ERROR;", "-4048")

    def test_signatures(self):
        self.says('foreach (["PhpPool\\\\handle_request", "frankenphp_handle_request"] as $f) { $r = new ReflectionFunction($f); '
                  'echo $r->getReturnType(), " ", $r->getParameters()[0], "\\n"; }',
                  "bool Parameter #0 [ <required> callable $handler ]\n" * 2)

    def test_the_file_for_editors_says_what_is_there(self):
        with open(os.path.join(HERE, "../../daemon/sapi/php-pool.stub.php"), encoding="utf-8") as f:
            text = f.read()
        found = re.findall(r"(?m)^namespace PhpPool|^ +function (\w+)\((.*)\): (\S+)$", text)
        functions = [(("PhpPool\\" if i == 1 else "") + name, signature, kind) for i, (name, signature, kind) in enumerate(found) if name]
        self.assertLessEqual(set(FUNCTIONS), {name for name, _, _ in functions})
        for name, signature, kind in functions:
            self.says(f'$f = new ReflectionFunction({json.dumps(name)}); echo implode(", ", array_map(fn($p) => $p->getType() . " \\$" . $p->getName() . '
                      '($p->isDefaultValueAvailable() ? " = " . str_replace(["array (\\n)"], "[]", var_export($p->getDefaultValue(), true)) : ""), '
                      '$f->getParameters())), ": ", $f->getReturnType();', f"{signature}: {kind}", name)
        for name, value in re.findall(r"const (\w+) = (-?\d+);", text):
            self.says(f"echo {name};", value, name)

    def test_it_is_known_to_be_a_worker(self):
        self.says('echo $_SERVER["FRANKENPHP_WORKER"], getenv("FRANKENPHP_WORKER");', "11")
        self.says('echo $_SERVER["MAX_REQUESTS"], " ", $_SERVER["FRANKENPHP_LOOP_MAX"], " ", $_SERVER["APP_ENV"], " ", getenv("MAX_REQUESTS");',
                  "500 400 prod 500")

    def test_standard_files(self):
        self.says('echo get_resource_type(STDIN), get_resource_type(STDOUT), get_resource_type(STDERR); fwrite(STDERR, "to the journal\\n");',
                  "stream" * 3)
        until("STDERR is the journal", lambda: "to the journal" in self.pool.log())

    def test_wrong_arguments(self):
        self.says('try { PhpPool\\handle_request("no such function"); } catch (TypeError $e) { echo get_class($e); }', "TypeError")
        self.says('try { PhpPool\\handle_request(); } catch (ArgumentCountError $e) { echo get_class($e); }', "ArgumentCountError")

    def test_a_call_inside_a_request(self):
        for name in ("PhpPool\\handle_request", "frankenphp_handle_request"):
            self.says(f'try {{ {name}(fn() => 1); }} catch (RuntimeException $e) {{ echo $e->getMessage(); }}',
                      f"{name}() called while it handles a request")

    def test_request_headers(self):
        for name in ("getallheaders", "apache_request_headers", "frankenphp_request_headers"):
            self.says(f'echo {name}()["X-Some-Thing"] ?? "none";', "here", name, extra={"HTTP_X_SOME_THING": "here"})
            self.says(f'echo {name}()["X-Some-Thing"] ?? "none";', "none", "nothing of the one before")

    def test_response_headers(self):
        for name in ("apache_response_headers", "frankenphp_response_headers"):
            response = self.php(f'header("X-A: 1"); header("X-B:two"); $h = {name}(); unset($h["X-Powered-By"]); echo json_encode($h);')
            self.assertEqual(json.loads(response.body), {"X-A": "1", "X-B": "two"} | (
                {"Content-type": "text/html; charset=UTF-8"} if b"Content-type" in response.body else {}))
            self.assertEqual(response.headers["x-a"], "1")

    def test_finish_request(self):
        for name in ("fastcgi_finish_request", "frankenphp_finish_request"):
            begin = time.monotonic()
            self.says(f'echo "out"; {name}(); usleep(3000000); echo "lost"; file_put_contents(__DIR__ . "/{name}", json_encode({name}()));', "out")
            self.assertLess(time.monotonic() - begin, 2.5)
            path = os.path.join(self.pool.root, name)
            until("the handler goes on", lambda: os.path.exists(path) and os.path.getsize(path) > 0)
            with open(path, encoding="ascii") as f:
                self.assertEqual(f.read(), "false", "a second call has nothing to finish")
            self.says('echo "next";', "next")

    def test_headers_send(self):
        response = self.php('header("Link: </a.css>; rel=preload"); echo headers_send(103), json_encode(headers_send()); echo "body";',
                            extra={"PHP_POOL_INTERIM_ANSWERS": "1"})
        self.assertEqual(response.status, 103)
        self.assertTrue(response.body.endswith(b"\r\n\r\n11body"), response.body)

    def test_log(self):
        self.says('frankenphp_log("a note"); frankenphp_log("a warning", FRANKENPHP_LOG_LEVEL_WARN, ["user" => 7]); echo "x";', "x")
        until("both are logged", lambda: "a note" in self.pool.log() and "a warning" in self.pool.log())

    def test_what_the_client_asked_for(self):
        response = self.php('http_response_code(404); header("X-A: b"); echo $_SERVER["REQUEST_METHOD"], $_GET["q"];', query="q=2", method="PUT")
        self.assertEqual((response.status, response.body, response.headers["x-a"]), (404, b"PUT2", "b"))
        self.assertEqual(self.php('echo "long";', method="HEAD").body, b"")


class NoResidentTest(unittest.TestCase):
    def test_an_ordinary_pool(self):
        pool = Engine(ONE)
        self.addCleanup(pool.remove)
        pool.start()
        for i, name in enumerate(("PhpPool\\handle_request", "frankenphp_handle_request")):
            pool.write(f"call{i}.php", f'<?php try {{ {name}(fn() => 1); }} catch (RuntimeException $e) {{ echo $e->getMessage(); }}')
            self.assertEqual(pool.ask(f"call{i}.php").body.decode(),
                             f"{name}() called while not in worker mode: the pool has no resident script")
        pool.write("worker.php", '<?php echo json_encode([isset($_SERVER["FRANKENPHP_WORKER"]), defined("STDIN")]);')
        self.assertEqual(pool.ask("worker.php").body, b"[false,false]")


class LoopTest(unittest.TestCase):
    def start(self, worker, settings=ONE):
        pool = Engine(settings + 'resident = "worker.php";\n')
        self.addCleanup(pool.remove)
        pool.write("worker.php", worker)
        pool.start()
        return pool

    def test_the_call_gives_true_and_at_the_end_false(self):
        pool = self.start('<?php do { $more = frankenphp_handle_request(function () { echo "x"; }); '
                          'file_put_contents(__DIR__ . "/calls", json_encode($more) . "\\n", FILE_APPEND); } while ($more);')
        for _ in range(3):
            self.assertEqual(pool.ask("worker.php").body, b"x")
        self.assertEqual(pool.stop(), 0)
        with open(os.path.join(pool.root, "calls"), encoding="ascii") as f:
            self.assertEqual(f.read(), "true\ntrue\ntrue\nfalse\n")

    def test_a_loop_that_counts(self):
        """The script of FrankenPHP's manual: it ends by itself, and another worker goes on."""
        pool = self.start('<?php $max = (int)($_SERVER["MAX_REQUESTS"] ?? 0); '
                          'for ($n = 0; !$max || $n < $max; ++$n) { '
                          '$keep = \\frankenphp_handle_request(static function () { echo getmypid(); }); gc_collect_cycles(); if (!$keep) break; }',
                          ONE + 'env = [ "MAX_REQUESTS=3" ];\n')
        pids = [pool.ask("worker.php").body for _ in range(9)]
        self.assertEqual([len(set(pids[i:i + 3])) for i in (0, 3, 6)], [1, 1, 1], pids)
        self.assertEqual(len(set(pids)), 3)

    def test_superglobals_before_during_and_after(self):
        pool = self.start('<?php function see() { return [$_SERVER["REQUEST_METHOD"] ?? null, $_GET, basename($_SERVER["SCRIPT_FILENAME"])]; } '
                          'function note($where) { file_put_contents(__DIR__ . "/seen", json_encode([$where, see()]) . "\\n", FILE_APPEND); } '
                          'note("before"); while (PhpPool\\handle_request(fn() => note("during"))) note("after"); note("end");')
        pool.ask("other.php", query="a=1")
        pool.ask("other.php", query="b=2", method="PUT")
        pool.stop()
        with open(os.path.join(pool.root, "seen"), encoding="ascii") as f:
            seen = [json.loads(line) for line in f]
        first, second = ["GET", {"a": "1"}, "other.php"], ["PUT", {"b": "2"}, "other.php"]
        self.assertEqual(seen, [["before", [None, [], "worker.php"]], ["during", first], ["after", first], ["during", second],
                                ["after", second], ["end", second]])


if __name__ == "__main__":
    unittest.main(verbosity=2)
