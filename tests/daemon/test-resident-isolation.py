# SPDX-License-Identifier: MIT
"""What a request leaves behind in a resident worker, and what it must not. One worker, so that each request meets what the last one left."""

import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import until  # noqa: E402
from fcgi import Peer, encoded, whole  # noqa: E402
from resident import ONE, ResidentTest, cookie  # noqa: E402

FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
MULTIPART = {"CONTENT_TYPE": "multipart/form-data; boundary=B"}


def upload(name, content):
    return (f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.txt"\r\nContent-Type: text/plain\r\n\r\n{content}'
            "\r\n--B--\r\n").encode()


class Isolated(ResidentTest):
    def setUp(self):
        self.before = self.pid()

    def tearDown(self):
        self.assertEqual(self.pid(), self.before, "the same worker answered all of it")


class SuperglobalsTest(Isolated):
    SEE = "echo json_encode([$_GET, $_POST, $_COOKIE, $_REQUEST, count($_FILES), isset($_SERVER['HTTP_X_A']), $_SERVER['QUERY_STRING']]);"

    def test_all_of_them_are_renewed(self):
        self.says(self.SEE, '[{"a":"1"},{"b":"2"},{"c":"3"},{"a":"1","b":"2"},0,true,"a=1"]', query="a=1", body=b"b=2",
                  extra=FORM | {"HTTP_COOKIE": "c=3", "HTTP_X_A": "1"})
        self.says(self.SEE, '[[],[],[],[],0,false,""]')

    def test_what_a_script_wrote_into_them(self):
        self.says("$_GET['w'] = $_POST['w'] = $_COOKIE['w'] = $_REQUEST['w'] = $_FILES['w'] = $_SERVER['W'] = 1; echo 'x';", "x")
        self.says("echo json_encode([$_GET, $_POST, $_COOKIE, $_REQUEST, $_FILES, isset($_SERVER['W'])]);", "[[],[],[],[],[],false]")

    def test_references_into_them(self):
        self.says("static $kept = []; $kept[] = &$_GET; $kept[] = &$_SERVER['QUERY_STRING']; $kept[] = &$_POST; echo $_GET['a'];", "1", query="a=1")
        self.says("echo json_encode([$_GET, $_POST, $_SERVER['QUERY_STRING']]);", '[{"b":"2"},[],"b=2"]', query="b=2")

    def test_they_can_be_unset_and_replaced(self):
        self.says("unset($_GET, $_SERVER, $_POST); $_COOKIE = 'text'; echo 'x';", "x", query="a=1")
        self.says("echo $_GET['b'], $_SERVER['REQUEST_METHOD'], json_encode($_COOKIE), json_encode($_POST);", "2GET[][]", query="b=2")

    def test_request_time_moves_on(self):
        first = float(self.php("echo $_SERVER['REQUEST_TIME_FLOAT'];").body)
        time.sleep(0.05)
        self.assertGreater(float(self.php("echo $_SERVER['REQUEST_TIME_FLOAT'];").body), first + 0.04)

    def test_the_environment_stays(self):
        self.says("putenv('LEFT=1'); $_ENV['LEFT_TOO'] = 1; echo 'x';", "x")
        self.says("echo getenv('LEFT'), $_ENV['LEFT_TOO'];", "11", "as the manual says")

    def test_input_is_of_this_request(self):
        self.says("echo file_get_contents('php://input');", "first", body=b"first", extra={"CONTENT_TYPE": "text/plain"})
        self.says("echo file_get_contents('php://input');", "")
        self.says("static $open; $open = fopen('php://input', 'r'); echo fread($open, 3);", "abc", body=b"abcdef", extra={"CONTENT_TYPE": "text/plain"})
        self.says("echo file_get_contents('php://input');", "second", body=b"second", extra={"CONTENT_TYPE": "text/plain"})
        for size in (100, 70000, 3 << 20):
            self.says("echo strlen(file_get_contents('php://input'));", str(size), body=b"x" * size, extra={"CONTENT_TYPE": "text/plain"})

    def test_a_body_that_nobody_reads(self):
        for _ in range(3):
            self.says("echo 'x';", "x", body=b"y" * 1000000, extra={"CONTENT_TYPE": "text/plain"})
        self.says("echo json_encode($_POST);", '{"a":"b"}', body=b"a=b", extra=FORM)

    def test_filter_input(self):
        self.says("echo filter_input(INPUT_GET, 'a'), json_encode(filter_input(INPUT_POST, 'b'));", "1null", query="a=1")
        self.says("echo json_encode(filter_input(INPUT_GET, 'a')), filter_input(INPUT_POST, 'b');", "null2", body=b"b=2", extra=FORM)


class SessionTest(Isolated):
    COUNT = "session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n'];"

    def test_the_session_of_one_client_is_not_the_next_ones(self):
        """GHSA-r3xh-3r3w-47gp: without session_start() the data of the last one."""
        self.says("session_start(); $_SESSION['secret'] = 'of ann'; echo session_status();", "2")
        self.says("echo json_encode([isset($_SESSION), $_SESSION ?? null, session_status()]);", "[false,null,1]")
        self.says("session_start(); echo json_encode($_SESSION);", "[]")

    def test_the_id_of_one_client_is_not_the_next_ones(self):
        """GHSA-v3ph-cgqh-r8p5: who brings no cookie would get the session of who came before."""
        first = self.php(self.COUNT)
        second = self.php(self.COUNT)
        self.assertEqual((first.body, second.body), (b"1", b"1"))
        self.assertNotEqual(cookie(first), cookie(second))
        self.says("echo json_encode(session_id());", '""')

    def test_two_clients_in_turns(self):
        ann, bob = cookie(self.php(self.COUNT)), cookie(self.php(self.COUNT))
        for n in range(2, 6):
            self.says(self.COUNT, str(n), extra={"HTTP_COOKIE": ann})
            self.says("echo session_id();", "", extra={"HTTP_COOKIE": ann})
        self.says(self.COUNT, "2", extra={"HTTP_COOKIE": bob})

    def test_a_session_that_was_left_open_is_written_and_unlocked(self):
        first = cookie(self.php("session_start(); $_SESSION['a'] = 1; exit;"))
        self.says("session_start(); echo $_SESSION['a'];", "1", extra={"HTTP_COOKIE": first})
        self.says("session_start(); throw new Exception('x');", "", extra={"HTTP_COOKIE": first})
        self.says("session_start(); echo $_SESSION['a'];", "1", extra={"HTTP_COOKIE": first})

    def test_an_id_that_a_script_chose(self):
        self.says("session_id('chosenbyone'); session_start(); echo session_id();", "chosenbyone")
        self.assertNotIn(b"chosenbyone", self.php("session_start(); echo session_id();").body)

    def test_a_handler_of_the_applications_stays(self):
        self.says("class H implements SessionHandlerInterface { public static $log = []; public static $data = [];"
                  "function open($p, $n): bool { self::$log[] = 'o'; return true; } function close(): bool { self::$log[] = 'c'; return true; }"
                  "function read($i): string { return self::$data[$i] ?? ''; } function write($i, $d): bool { self::$data[$i] = $d; return true; }"
                  "function destroy($i): bool { return true; } function gc($t): int { return 0; } }"
                  "session_set_save_handler(new H, false); session_id('one'); session_start(); $_SESSION['a'] = 5; echo 'x';", "x")
        self.says("session_id('one'); session_start(); echo $_SESSION['a'], implode(H::$log);", "5oco")
        self.says("session_set_save_handler(new SessionHandler, false); echo 'back';", "back")


class UploadTest(Isolated):
    def test_files_and_temporary_files(self):
        path = self.php("echo $_FILES['f']['tmp_name'], ' ', file_get_contents($_FILES['f']['tmp_name']);",
                        body=upload("f", "hello"), extra=MULTIPART).body.decode()
        name, text = path.split(" ")
        self.assertEqual(text, "hello")
        until("the temporary file is removed", lambda: not os.path.exists(name))
        self.says("echo json_encode([$_FILES, is_uploaded_file($_GET['f'])]);", "[[],false]", query="f=" + name)

    def test_a_name_that_comes_again_is_no_upload(self):
        name = self.php("echo $_FILES['f']['tmp_name'];", body=upload("f", "x"), extra=MULTIPART).body.decode()
        self.says("file_put_contents($_GET['f'], 'forged'); echo json_encode(is_uploaded_file($_GET['f'])); unlink($_GET['f']);", "false",
                  query="f=" + name)

    def test_a_file_that_was_moved_stays(self):
        self.says("move_uploaded_file($_FILES['f']['tmp_name'], __DIR__ . '/moved'); echo 'x';", "x", body=upload("f", "kept"), extra=MULTIPART)
        with open(os.path.join(self.pool.root, "moved"), encoding="ascii") as f:
            self.assertEqual(f.read(), "kept")
        self.assertEqual(os.listdir(os.path.join(self.pool.directory, "state/tmp")), [])

    def test_files_after_an_exit(self):
        name = self.php("echo $_FILES['f']['tmp_name']; exit;", body=upload("f", "x"), extra=MULTIPART).body.decode()
        until("the temporary file is removed", lambda: not os.path.exists(name))


class AnswerTest(Isolated):
    def test_headers_and_status(self):
        first = self.php("http_response_code(418); header('X-Left: 1'); header('Content-Type: image/png'); setcookie('a', 'b'); echo 'x';")
        self.assertEqual((first.status, first.headers["x-left"]), (418, "1"))
        second = self.php("echo json_encode([http_response_code(), headers_sent()]); header_remove('X-Powered-By'); echo json_encode(headers_list());")
        self.assertEqual(second.status, 200)
        self.assertTrue(second.body.startswith(b"[200,false]"), second.body)
        for name in ("x-left", "set-cookie"):
            self.assertNotIn(name, second.headers)
        self.assertTrue(second.headers["content-type"].startswith("text/html"))

    def test_a_status_line(self):
        self.assertEqual(self.php("header('HTTP/1.1 404 Not Here');").headers["status"], "404 Not Here")
        self.assertNotIn("status", self.php("echo 1;").headers)

    def test_buffers_left_open(self):
        self.says("ob_start(); echo 'a'; ob_start(fn($b) => strtoupper($b)); echo 'b';", "aB", "what was in them goes out")
        level = self.php("echo ob_get_level();").body
        self.says("echo ob_get_level();", level.decode())
        self.says("ob_start(fn($b) => 'gone'); exit('text');", "gone")
        self.says("while (ob_get_level()) ob_end_clean(); echo 'bare';", "bare")
        self.says("echo ob_get_level();", level.decode())

    def test_output_between_requests_is_nobodys(self):
        self.says("static $n; register_shutdown_function(fn() => print('end')); echo 'x';", "xend")
        self.says("echo 'y';", "y")

    def test_a_callback_for_headers(self):
        self.assertEqual(self.php("header_register_callback(fn() => header('X-Callback: 1'));").headers["x-callback"], "1")
        self.assertNotIn("x-callback", self.php("echo 1;").headers)

    def test_rewrite_vars(self):
        form = "<form></form>"
        self.says(f"output_add_rewrite_var('a', 'b'); echo '{form}';", '<form><input type="hidden" name="a" value="b" /></form>')
        self.says(f"echo '{form}';", form)
        self.says(f"output_add_rewrite_var('c', 'd'); echo '{form}';", '<form><input type="hidden" name="c" value="d" /></form>')


class StateTest(Isolated):
    def test_who_was_logged_in(self):
        see = "echo json_encode([$_SERVER['PHP_AUTH_USER'] ?? null, $_SERVER['PHP_AUTH_PW'] ?? null, $_SERVER['PHP_AUTH_DIGEST'] ?? null]);"
        self.says(see, '["user","pass",null]', extra={"HTTP_AUTHORIZATION": "Basic dXNlcjpwYXNz"})
        self.says(see, "[null,null,null]")
        self.says(see, '[null,null,"username=x"]', extra={"HTTP_AUTHORIZATION": "Digest username=x"})
        self.says(see, "[null,null,null]")

    def test_the_last_error(self):
        self.says("@file_get_contents('/none'); echo isset(error_get_last()['message']) ? 'yes' : 'no';", "yes")
        self.says("echo json_encode(error_get_last());", "null")

    def test_shutdown_functions_run_at_the_end_of_their_request(self):
        self.says("register_shutdown_function(function () { echo ' one'; register_shutdown_function(fn() => print(' two')); }); echo 'begin';",
                  "begin one two")
        self.says("echo 'next';", "next")
        self.says("register_shutdown_function(fn() => print(' end')); exit('out');", "out end")

    def test_time_limit(self):
        self.says("set_time_limit(7); echo ini_get('max_execution_time');", "7")
        self.assertNotEqual(self.php("echo ini_get('max_execution_time');").body, b"7")
        self.says("set_time_limit(1); echo 'x';", "x")
        time.sleep(1.2)
        self.says("$t = hrtime(true); while (hrtime(true) - $t < 1.3e9); echo 'not interrupted';", "not interrupted")

    def test_memory_limit_and_peak(self):
        before = self.php("echo ini_get('memory_limit');").body.decode()
        self.says("ini_set('memory_limit', '300M'); $x = str_repeat('x', 60 << 20); echo memory_get_peak_usage() > (60 << 20) ? 'much' : 'little';", "much")
        self.says("echo ini_get('memory_limit'), memory_get_peak_usage() > (30 << 20) ? 'much' : 'little';", before + "little")

    def test_ignore_user_abort_and_connection_status(self):
        before = self.php("echo json_encode([ignore_user_abort(), connection_status(), connection_aborted()]);").body.decode()
        self.says("echo json_encode(ignore_user_abort(!ignore_user_abort()) !== null);", "true")
        self.says("echo json_encode([ignore_user_abort(), connection_status(), connection_aborted()]);", before)

    def test_a_client_that_went_away(self):
        path = os.path.join(self.pool.root, "gone")
        self.pool.write("long.php", f"<?php ignore_user_abort(true); for ($i = 0; $i < 40 && !connection_aborted(); $i++) "
                                    f"{{ echo str_repeat('x', 100000); flush(); usleep(20000); }} file_put_contents('{path}', connection_status());")
        peer = Peer(self.pool.socket)
        peer.send(whole(encoded(os.path.join(self.pool.root, "long.php"))))
        self.assertTrue(peer.record())
        peer.socket.close()
        until("the handler has noticed", lambda: os.path.exists(path) and os.path.getsize(path) > 0)
        self.says("echo connection_status(), connection_aborted();", "00")

    def test_what_stays_on_purpose(self):
        self.says("class Stays { public static $n = 0; } Stays::$n = 1; define('STAYS', 2); $GLOBALS['stays'] = 3; ini_set('precision', 5);"
                  "setlocale(LC_ALL, 'C.UTF-8'); date_default_timezone_set('Asia/Tokyo'); mb_internal_encoding('ISO-8859-1');"
                  "set_error_handler(fn($n, $m) => print(\"<$m>\")); error_reporting(E_ALL & ~E_NOTICE); spl_autoload_register('strlen'); echo 'x';", "x")
        self.says("echo json_encode([Stays::$n, STAYS, $GLOBALS['stays'], ini_get('precision'), setlocale(LC_ALL, 0), date_default_timezone_get(),"
                  "mb_internal_encoding(), error_reporting() & E_NOTICE, count(spl_autoload_functions())]); trigger_error('handled', E_USER_WARNING);",
                  '[1,2,3,"5","C.UTF-8","Asia\\/Tokyo","ISO-8859-1",0,1]<handled>')
        self.says("restore_error_handler(); error_reporting(E_ALL); ini_restore('precision'); setlocale(LC_ALL, 'C'); date_default_timezone_set('UTC');"
                  "mb_internal_encoding('UTF-8'); spl_autoload_unregister('strlen'); echo 'x';", "x")

    def test_an_exception_handler_stays_and_is_called_each_time(self):
        self.says("set_exception_handler(function ($e) { http_response_code(503); echo 'handled ', $e->getMessage(); }); throw new Exception('a');",
                  "handled a")
        for text in "bc":
            response = self.php(f"throw new Exception('{text}');")
            self.assertEqual((response.status, response.body.decode()), (503, f"handled {text}"))
        self.says("restore_exception_handler(); echo 'x';", "x")

    def test_an_exception_handler_that_throws(self):
        self.says("set_exception_handler(function ($e) { throw $e; }); echo 'x';", "x")
        for _ in range(3):
            self.assertEqual(self.php("throw new LogicException('given back');").status, 500)
        until("it is in the journal each time", lambda: self.pool.log().count("given back") >= 3)
        self.says("restore_exception_handler(); echo 'x';", "x")

    def test_the_working_directory_is_the_scripts_own_to_change(self):
        self.says("chdir('/tmp'); echo getcwd();", "/tmp")
        self.says("echo getcwd();", "/tmp", "as the manual says")
        self.says(f"chdir('{self.pool.root}'); echo 'x';", "x")

    def test_the_stat_cache(self):
        self.says("touch(__DIR__ . '/file'); echo json_encode(is_file(__DIR__ . '/file'));", "true")
        os.unlink(os.path.join(self.pool.root, "file"))
        self.says("echo json_encode(is_file(__DIR__ . '/file'));", "false")

    def test_a_front_end_sets_no_ini(self):
        plain = self.php("echo ini_get('precision');").body
        self.assertEqual(self.php("echo ini_get('precision');", extra={"PHP_VALUE": "precision=3"}).body, plain)

    def test_a_bad_body_is_this_requests_error(self):
        self.says("echo json_encode(error_get_last() !== null);", "true", body=b"x", extra={"CONTENT_TYPE": "multipart/form-data"})
        self.says("echo json_encode(error_get_last());", "null")


class SizeTest(Isolated):
    settings = ONE + 'php: { values = [ "post_max_size=1K", "session.auto_start=1", "html_errors=0" ]; };\n'

    def test_a_body_over_post_max_size_names_the_function(self):
        """By this a runtime tells the client 413 (error_get_last() after the call)."""
        self.says("echo explode(':', error_get_last()['message'])[0], count($_POST);", "PhpPool\\handle_request()0", body=b"a=" + b"x" * 5000, extra=FORM)
        self.says("echo json_encode([error_get_last(), $_POST]);", '[null,{"a":"b"}]', body=b"a=b", extra=FORM)

    def test_sessions_that_start_by_themselves(self):
        first = self.php("$_SESSION['a'] = 1; echo session_status();")
        self.assertEqual(first.body, b"2")
        self.says("echo json_encode($_SESSION);", "[]")
        self.says("echo json_encode($_SESSION);", '{"a":1}', extra={"HTTP_COOKIE": cookie(first)})

    def test_errors_that_are_shown(self):
        self.assertIn(b"Uncaught Exception: seen", self.php("ini_set('display_errors', 1); throw new Exception('seen');").body)
        self.assertIn(b"Warning: Undefined variable $none", self.php("echo $none;").body)


if __name__ == "__main__":
    unittest.main(verbosity=2)
