# SPDX-License-Identifier: MIT
"""Scripts do here what they do under php-fpm: answers, settings, functions.

As in test-fpm-parity.py php-fpm itself says what is right. Where it is wrong,
what is right stands in the test.
"""

import base64
import json
import os
import re
import sys
import tempfile
import time
import unittest
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from engine import Connection, Engine, until  # noqa: E402
from fcgi import END, STDOUT, Peer, encoded, whole  # noqa: E402
from sides import ENVIRONMENT, SEE, Sides, answer, seen  # noqa: E402

FATAL = "trigger_error('given up', E_USER_ERROR);"

# Each is one script; status, headers in their order and body are compared.
ANSWERS = {
    "nothing at all": "",
    "text": 'echo "hello";',
    "headers in order, and twice": 'header("X-A: 1"); header("X-B: 2"); header("X-A: 3", false); header("X-B: 4"); echo "x";',
    "removed headers": 'header("X-A: 1"); header_remove("X-A"); header_remove("Content-Type"); echo "x";',
    "a status by code": 'http_response_code(418); echo "tea";',
    "a status by line": 'header("HTTP/1.1 404 Gone Fishing"); echo "x";',
    "a status by line of HTTP/1.0": 'header("HTTP/1.0 403 No"); echo "x";',
    "a status by Status": 'header("Status: 451 Unavailable"); echo "x";',
    "a status by Status of 200": 'header("Status: 200 Fine"); echo "x";',
    "a status with a header": 'header("X-A: 1", true, 503); echo "x";',
    "an unknown status": 'http_response_code(599); echo "x";',
    "a status line of two kilobytes": 'header("HTTP/1.1 500 " . str_repeat("x", 2000)); echo "x";',
    "a Status header of two kilobytes": 'header("Status: 404 " . str_repeat("x", 2000)); echo "x";',
    "a header of ten kilobytes": 'header("X-Long: " . str_repeat("x", 10000)); echo "x";',
    "a thousand headers": 'for ($i = 0; $i < 1000; $i++) header("X-$i: $i"); echo "x";',
    "not modified": 'header("ETag: 1"); http_response_code(304);',
    "not modified, with a type and a body": 'header("Content-Type: text/plain"); http_response_code(304); echo "x";',
    "no content": "http_response_code(204);",
    "a location": 'header("Location: /elsewhere");',
    "a location with a status": 'header("Location: /elsewhere", true, 301);',
    "a location after a status": 'http_response_code(201); header("Location: /elsewhere");',
    "a type": 'header("Content-Type: text/plain"); echo "x";',
    "a type with a charset": 'header("Content-Type: text/plain; charset=latin1"); echo "x";',
    "an empty type": 'header("Content-Type:"); echo "x";',
    "a type that is no text": 'header("Content-Type: image/png"); echo "x";',
    "another default charset": 'ini_set("default_charset", "koi8-r"); echo "x";',
    "another default type": 'ini_set("default_mimetype", "application/x-y"); echo "x";',
    "cookies": 'setcookie("a", "b c"); setrawcookie("d", "e", 2000000000, "/", "example.org", true, true); echo "x";',
    "authentication wanted": 'header("WWW-Authenticate: Basic realm=x"); http_response_code(401);',
    "a length": 'header("Content-Length: 3"); echo "abc";',
    "a header with a new line": '@header("X-A: 1\\r\\nX-B: 2"); echo "x";',
    "a header after the body": 'echo "x"; ob_flush(); flush(); @header("X-Late: 1"); var_dump(headers_sent());',
    "flush with all in the buffer": 'echo "x"; flush(); header("X-A: 1"); http_response_code(404); var_dump(headers_sent());',
    "flush of nothing": 'flush(); flush(); header("X-A: 1"); echo "x"; flush();',
    "implicit flush": 'ob_implicit_flush(); echo "x"; header("X-A: 1"); echo "y";',
    "no buffer": 'while (ob_get_level()) ob_end_clean(); echo ""; echo "x"; echo "y"; var_dump(headers_sent());',
    "a buffer's callback": 'ob_start(fn($b) => strtoupper($b)); echo "x";',
    "output at the end": 'register_shutdown_function(function () { echo "end"; }); echo "begin ";',
    "output in a destructor": 'class D { function __destruct() { echo "end"; } } $d = new D; echo "begin ";',
    "exit with a text": 'echo "a"; exit("b");',
    "exit with a number": 'echo "a"; exit(7);',
    "exit with 255": 'echo "a"; exit(255);',
    "an exception": "throw new Exception('x');",
    "an exception after output": "echo 'x'; throw new Exception('x');",
    "an exception after headers": "header('X-A: 1'); throw new Exception('x');",
    "an error after a status": "http_response_code(404); " + FATAL,
    "a fatal error": FATAL,
    "a fatal error after output": "echo 'x'; ob_flush(); flush(); " + FATAL,
    "a syntax error": "this is no PHP",
    "a warning": 'echo $undefined; echo "x";',
    "a missing include": "require 'none.php';",
    "too much memory": 'ini_set("memory_limit", "4M"); str_repeat("x", 100000000);',
    "too much time": "set_time_limit(1); while (true);",
    "an error that is shown": 'ini_set("display_errors", 1); ini_set("html_errors", 0); echo $undefined; throw new Exception("x");',
    "html errors": 'ini_set("display_errors", 1); ini_set("html_errors", 1); echo $undefined;',
    "X-Powered-By": 'ini_set("expose_php", 1); echo implode(headers_list());',
    "headers_list": 'header("X-A: 1"); echo json_encode(headers_list());',
    "a callback for headers": 'header_register_callback(function () { header("X-Callback: 1"); }); echo "x";',
    "php://output": 'file_put_contents("php://output", "x"); fwrite(fopen("php://output", "w"), "y");',
    "php://stdin": 'var_dump(file_get_contents("php://stdin"));',
    "compressed": 'ini_set("zlib.output_compression", 1); echo str_repeat("x", 5000);',
    "a large body": 'echo str_repeat("0123456789", 50000);',
    "bytes of all kinds": 'for ($i = 0; $i < 256; $i++) echo chr($i);',
    "constants": 'echo PHP_SAPI, php_sapi_name(), PHP_OS, PHP_VERSION, PHP_EOL, PHP_DEBUG, PHP_ZTS, PHP_MAXPATHLEN;',
    "argv": 'var_dump($argv ?? null, $argc ?? null, $_SERVER["argv"] ?? null);',
    "STDIN and STDERR": 'var_dump(defined("STDIN"), defined("STDERR"));',
    "dl": 'var_dump(function_exists("dl"));',
    "connection": 'var_dump(connection_status(), connection_aborted(), ignore_user_abort());',
    "the directory": 'echo getcwd() === __DIR__ ? "its own" : "another"; chdir("/"); echo getcwd();',
    "the directory again": 'echo getcwd() === __DIR__ ? "its own" : "another";',
    "umask": "printf('%o', umask(027)); ",
    "umask again": "printf('%o', umask());",
    "set_time_limit": 'echo ini_get("max_execution_time"); set_time_limit(5); echo ini_get("max_execution_time");',
    "locale": 'echo setlocale(LC_ALL, 0); setlocale(LC_ALL, "C.UTF-8");',
    "locale again": "echo setlocale(LC_ALL, 0);",
    "putenv": 'putenv("X_LEFT=1"); echo getenv("X_LEFT"); ini_set("precision", 3); date_default_timezone_set("Asia/Tokyo");',
    "putenv again": 'var_dump(getenv("X_LEFT"), ini_get("precision"), date_default_timezone_get());',
    "early end": 'echo "a"; fastcgi_finish_request(); echo "b"; header("X-Late: 1");',
    "early end twice": 'echo "a"; file_put_contents(__DIR__ . "/twice", json_encode([fastcgi_finish_request(), fastcgi_finish_request(), connection_status(), headers_sent()]));',
    "getallheaders": '$h = getallheaders(); ksort($h); echo json_encode([$h, apache_request_headers() == getallheaders()]);',
    "included files": 'echo json_encode(array_map("basename", get_included_files()));',
    "superglobals": 'echo json_encode([$_GET, $_POST, $_COOKIE, $_FILES, $_REQUEST, array_keys($GLOBALS)]);',
}

# In END_REQUEST, where php-fpm always has 0; and nothing of it is left for the next.
EXIT_STATUS = {"exit with a number": 7} | dict.fromkeys((
    "exit with 255", "an exception", "an exception after output", "an exception after headers", "an error after a status", "a fatal error",
    "a fatal error after output", "a syntax error", "a missing include", "too much memory", "too much time", "an error that is shown"), 255)

BASE = {"REQUEST_METHOD": "GET", "QUERY_STRING": "q=1", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost", "DOCUMENT_ROOT": "{root}",
        "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "test", "HTTP_HOST": "localhost", "HTTP_COOKIE": "c=d", "HTTP_ACCEPT": "*/*"}


def get(script, **extra):
    return BASE | {"SCRIPT_FILENAME": "{root}/" + script, "SCRIPT_NAME": "/" + script, "REQUEST_URI": "/" + script + "?q=1"} | extra


def told(server, params, body=b""):
    """An answer as a table."""
    response = answer(server, params, body)
    text = response.body.decode("latin-1").replace(server.root, "{root}")
    head = "\n".join(line.rstrip() for line in response.head.decode("latin-1").split("\r\n"))
    head = re.sub(r"^(Status: 500) x{1000,}", r"\1 (long)", head)  # cut somewhere behind a thousand
    head = re.sub(r"Max-Age=\d+", "Max-Age=", head)  # a second may end between the two
    return {"head": head, "body": text, "protocol status": response.protocol_status}


class Compared(unittest.TestCase):
    settings, free, config, ini, scripts = {}, {}, "", None, {}

    @classmethod
    def setUpClass(cls):
        cls.sides = Sides({"hello.php": '<?php echo "hello";', "see.php": SEE} | cls.scripts, cls.settings, cls.free, cls.config, cls.ini)
        cls.addClassCleanup(cls.sides.remove)
        cls.sides.start()

    def same(self, title, ask):
        ours, theirs = self.sides.both(ask)
        verdict = "not compared" if theirs is None else "the same" if ours == theirs else "DIFFERENT"
        print(f"  {title}: {verdict}", flush=True)
        if verdict == "DIFFERENT":
            self.fail(f"{title}\n    ours:    {shorten(ours)}\n    php-fpm: {shorten(theirs)}")


def shorten(value):
    """The whole, or what tables differ in is for the reader to find; long texts are cut."""
    text = repr(value)
    return text if len(text) < 1200 else text[:600] + " … " + text[-600:]


class AnswersTest(Compared):
    """php-src: bug80849, bug72185, bug77780, header and exit behaviour."""

    settings = {"display_errors": "0", "max_input_time": "-1"}
    scripts = {re.sub(r"\W+", "-", name) + ".php": "<?php " + code for name, code in ANSWERS.items()}

    def test_answers(self):
        print()
        for name in ANSWERS:
            with self.subTest(name):
                self.same(name, lambda server, n=name: told(server, get(re.sub(r"\W+", "-", n) + ".php")))

    def test_exit_status(self):
        wrong = {}
        for name in ANSWERS:
            status = answer(self.sides.ours, get(re.sub(r"\W+", "-", name) + ".php")).app_status
            if status != EXIT_STATUS.get(name, 0):
                wrong[name] = status
        self.assertEqual(wrong, {})

    def test_head_requests(self):
        print()
        for name in ("text", "a large body", "a length", "not modified", "a location", "headers in order, and twice", "flush of nothing"):
            with self.subTest(name):
                self.same(f"HEAD: {name}", lambda server, n=name: told(server, get(re.sub(r"\W+", "-", n) + ".php", REQUEST_METHOD="HEAD")))

    def test_methods_and_protocols(self):
        print()
        for extra in ({"REQUEST_METHOD": "OPTIONS"}, {"REQUEST_METHOD": "PURGE"}, {"REQUEST_METHOD": "get"}, {"SERVER_PROTOCOL": "HTTP/1.0"},
                      {"SERVER_PROTOCOL": "HTTP/2.0"}, {"SERVER_PROTOCOL": ""}):
            for name in ("text", "a status by code", "a location", "a status by line"):
                with self.subTest(f"{extra} {name}"):
                    self.same(f"{extra} {name}", lambda server, n=name, e=extra: told(server, get(re.sub(r"\W+", "-", n) + ".php", **e)))

    def test_posts(self):
        """Bodies as forms, with and without a type."""
        form = b"a=1&b[]=2&b[]=3&c%20d=e+f"
        multipart = (b'--B\r\nContent-Disposition: form-data; name="t"\r\n\r\ntext\r\n--B\r\nContent-Disposition: form-data; name="f[]"; filename="a.txt"\r\n'
                     b"Content-Type: text/plain\r\n\r\nfile\r\n--B--\r\n")
        print()
        script = "<?php foreach ($_FILES as &$f) unset($f['tmp_name']); echo json_encode([$_POST, $_FILES, file_get_contents('php://input'), file_get_contents('php://input')]);"
        self.sides.ours.write("post.php", script)
        for kind, body in (("application/x-www-form-urlencoded", form), ("application/x-www-form-urlencoded; charset=utf-8", form),
                           ("multipart/form-data; boundary=B", multipart), ("multipart/form-data", multipart), ("text/plain", form), ("", form),
                           ("APPLICATION/X-WWW-FORM-URLENCODED", form), ("application/json", b'{"a":1}')):
            for method in ("POST", "PUT", "GET"):
                with self.subTest(f"{method} {kind}"):
                    self.same(f"{method} of {kind or 'no type'}", lambda server, m=method, k=kind, b=body: told(server, get(
                        "post.php", REQUEST_METHOD=m, CONTENT_TYPE=k, CONTENT_LENGTH=str(len(b))), b))
        self.sides.ours.write("body.txt", "from a file")
        # not as php-fpm: who speaks to the socket could read any file
        told_ = told(self.sides.ours, get("post.php", REQUEST_METHOD="POST", CONTENT_TYPE="text/plain", CONTENT_LENGTH="0", REQUEST_BODY_FILE="{root}/body.txt"))
        self.assertEqual(told_["body"], '[[],[],"",""]')

    def test_authentication_data(self):
        """php-src: gh15395; both what is seen, and that nothing of it is left for the next."""
        self.sides.ours.write("auth.php", '<?php register_shutdown_function(function () { echo json_encode([$_SERVER["PHP_AUTH_USER"] ?? null, '
                                          '$_SERVER["PHP_AUTH_PW"] ?? null, $_SERVER["PHP_AUTH_DIGEST"] ?? null, $_SERVER["AUTH_TYPE"] ?? null, '
                                          '$_SERVER["REMOTE_USER"] ?? null, $_SERVER["HTTP_AUTHORIZATION"] ?? null]); });')
        print()
        basic = base64.b64encode(b"user:pass:word").decode()
        for header in (f"Basic {basic}", f"basic {basic}", "Basic ", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(), "Digest username=\"x\", realm=\"y\"",
                       "digest x", "Bearer token", "", "Basic" + " " * 20 + basic):
            with self.subTest(header):
                self.same(f"Authorization: {header[:40]}", lambda server, h=header: told(server, get("auth.php", HTTP_AUTHORIZATION=h)))
                self.same("and then none", lambda server: told(server, get("auth.php")))
        self.same("AUTH_TYPE and REMOTE_USER of the front end", lambda server: told(server, get("auth.php", AUTH_TYPE="Basic", REMOTE_USER="remote")))

    def test_environment_functions(self):
        """php-src: bug75712, bug72573"""
        self.sides.ours.write("env.php", '<?php echo json_encode([(object) array_diff_key(getenv(), array_flip(' + repr(sorted(ENVIRONMENT)) +
                              ')), getenv("SCRIPT_NAME"), getenv("HTTP_X_A"), getenv("HTTP_PROXY"), getenv("http_proxy"), getenv("NONE"), getenv("QUERY_STRING", true), $_ENV === [], '
                              'isset($_SERVER["HTTP_PROXY"])], JSON_PARTIAL_OUTPUT_ON_ERROR);')

        def ask(server):
            return json.loads(told(server, get("env.php", HTTP_X_A="1", HTTP_PROXY="evil", http_proxy="lower"))["body"])
        print()
        with self.subTest("getenv() with a name"):
            self.same("getenv() with a name", lambda server: ask(server)[1:])
        with self.subTest("getenv() of all"):
            self.same("getenv() of all", lambda server: {name: value for name, value in ask(server)[0].items() if name != "HTTP_PROXY"})
        for value in (ask(self.sides.ours)[0].get("HTTP_PROXY", False), ask(self.sides.ours)[3]):
            self.assertFalse(value, "httpoxy lives on getenv('HTTP_PROXY')")

    def test_what_is_no_script(self):
        """php-src: bug69625; exact answers"""
        print()
        for title, params in (
            ("no SCRIPT_FILENAME", {"REQUEST_METHOD": "GET"}),
            ("none there", get("none.php")),
            ("none there, with path info", get("none.php/x")),
            ("another extension", get("page.txt")),
            ("upper case", get("UP.PHP")),
            ("a component ..", get("dir/../hello.php")),
        ):
            with self.subTest(title):
                self.same(title, lambda server, p=params: (answer(server, p).status, answer(server, p).body))
        # an empty 200 says nothing of what is wrong
        self.assertEqual(answer(self.sides.ours, {"SCRIPT_FILENAME": "{root}/hello.php"}).status, 400)

    scripts = scripts | {"page.txt": "<?php echo 'text';", "UP.PHP": "<?php echo 'up';", "dir/x": ""}

    def test_the_stream_ends_once(self):
        """php-src: bug72185: an empty STDOUT record is the end of the stream, so none stands before more of it"""
        for name in ("flush of nothing", "no buffer", "nothing at all", "a large body", "early end"):
            params = encoded(os.path.join(self.sides.root, re.sub(r"\W+", "-", name) + ".php"))
            peer = Peer(self.sides.ours.socket)
            self.addCleanup(peer.socket.close)
            peer.send(whole(params))
            sizes = []
            while True:
                kind, _, content = peer.record()
                if kind == END:
                    break
                if kind == STDOUT:
                    sizes.append(len(content))
            self.assertNotIn(0, sizes[:-1], name)

    def test_early_end(self):
        """php-src: fastcgi_finish_request_basic"""
        path = os.path.join(self.sides.root, "twice")
        seen_ = []
        for server in filter(None, (self.sides.ours, self.sides.theirs)):
            if os.path.exists(path):
                os.unlink(path)
            self.assertEqual(told(server, get("early-end-twice.php"))["body"], "a")
            until("the script goes on", lambda: os.path.exists(path) and os.path.getsize(path))
            with open(path, encoding="ascii") as f:
                seen_.append(f.read())
        self.assertEqual(seen_[0], seen_[-1])

    def test_kept_connections_do_not_mix_answers(self):
        """php-src: bug77780: settings and headers of one request, then others on the same connection"""
        names = ("headers in order, and twice", "a status by code", "text", "a fatal error", "text", "cookies", "text", "early end", "text", "an exception", "text")
        heads = []
        for server in filter(None, (self.sides.ours, self.sides.theirs)):
            connection, one = Connection(server.socket), []
            self.addCleanup(connection.close)
            for name in names:
                params = {key: value.replace("{root}", server.root) for key, value in get(re.sub(r"\W+", "-", name) + ".php", PHP_VALUE="session.cookie_path=/x").items()}
                response = connection.request(params, keep=True)
                # the two servers may be asked in different seconds
                head = re.sub(rb"Max-Age=\d+", b"Max-Age=", response.head.replace(b" \r\n", b"\r\n"))
                one.append((name, head, response.body))
                time.sleep(0.02)
            heads.append(one)
        self.assertEqual(heads[0], heads[-1])


class LogTest(Compared):
    """fastcgi.logging=1: php-src bug77106 and the text of STDERR"""

    settings = {"fastcgi.logging": "1", "display_errors": "0", "log_errors": "1", "html_errors": "0"}
    scripts = {"two.php": '<?php error_log("one"); error_log("two"); echo "x";', "long.php": '<?php error_log(str_repeat("x", 5000)); echo "x";',
               "warn.php": "<?php echo $undefined;"}

    def test_messages(self):
        print()
        long = answer(self.sides.ours, get("long.php")).stderr
        self.assertEqual(len(long), len("PHP message: ") + 5000, "whole, where php-fpm cuts at a kilobyte")
        for script in ("two.php", "warn.php", "hello.php", "none.php"):
            with self.subTest(script):
                self.same(script, lambda server, s=script: answer(server, get(s)).stderr.replace(server.root.encode(), b"{root}"))


class ErrorHeaderTest(Compared):
    """php-src: bug68207, gh9981"""

    settings = {"fastcgi.error_header": "HTTP/1.1 550 Wrong", "display_errors": "0"}
    scripts = {"fatal.php": "<?php " + FATAL, "throw.php": "<?php throw new Exception('x');", "parse.php": "<?php this is no PHP",
               "late.php": "<?php echo 'x'; ob_flush(); flush(); " + FATAL, "own.php": "<?php http_response_code(404); " + FATAL, "exit.php": "<?php exit(255);"}

    def test_it_is_sent_for_what_failed_and_only_then(self):
        print()
        for script in ("fatal.php", "hello.php", "throw.php", "hello.php", "parse.php", "late.php", "own.php", "exit.php", "hello.php"):
            with self.subTest(script):
                self.same(script, lambda server, s=script: told(server, get(s)))


class HeaderFormTest(Compared):
    """cgi.rfc2616_headers=1"""

    settings = {"cgi.rfc2616_headers": "1", "display_errors": "0"}
    scripts = {"code.php": "<?php http_response_code(404);", "line.php": '<?php header("HTTP/1.1 404 Gone Fishing");'}

    def test_status_lines(self):
        print()
        for script in ("hello.php", "code.php", "line.php"):
            for protocol in ("HTTP/1.1", "HTTP/1.0"):
                with self.subTest(f"{script} {protocol}"):
                    self.same(f"{script} {protocol}", lambda server, s=script, p=protocol: told(server, get(s, SERVER_PROTOCOL=p)))


class NphTest(Compared):
    """cgi.nph=1"""

    settings = {"cgi.nph": "1"}
    scripts = HeaderFormTest.scripts

    def test_status_lines(self):
        print()
        for script in ("hello.php", "code.php", "line.php"):
            with self.subTest(script):
                self.same(script, lambda server, s=script: told(server, get(s)))


SHOW = ("precision", "memory_limit", "upload_max_filesize", "post_max_size", "session.name", "auto_prepend_file", "open_basedir", "display_errors",
        "max_execution_time", "default_charset", "date.timezone", "short_open_tag", "user_agent", "error_reporting", "doc_root")
INI = '<?php $o = []; foreach (' + repr(list(SHOW)) + ' as $n) $o[$n] = ini_get($n); echo json_encode($o);'


class RequestSettingsTest(Compared):
    """PHP_VALUE and PHP_ADMIN_VALUE, .user.ini, [PATH=] and [HOST=]; php-src: bug75212, gh9921, and the two that stick"""

    settings = {"memory_limit": "99M", "date.timezone": "Europe/Berlin", "user_ini.cache_ttl": "0"}
    free = {"precision": "7", "upload_max_filesize": "3M", "display_errors": "0"}
    ini = ("[PHP]\nprecision = 17\nuser_agent = general\nmax_execution_time = 77\n"
           "[PATH={root}/path]\nuser_agent = path\nprecision = 11\n[PATH={root}/path/deep]\nuser_agent = deep\nmemory_limit = 11M\n"
           "[HOST=one.example]\nuser_agent = host\nmemory_limit = 12M\n[HOST=two.example]\nprecision = 13\n")
    scripts = {
        "ini.php": INI, "path/ini.php": INI, "path/deep/ini.php": INI, "user/ini.php": INI, "user/sub/ini.php": INI, "user/sub/none/ini.php": INI,
        "user/.user.ini": 'precision = 5\nuser_agent = user\nmemory_limit = 5M\nupload_max_filesize = 5M\npost_max_size = 6M\n[x]\nsession.name = X5\n',
        "user/sub/.user.ini": "precision = 6\nopen_basedir = {root}\nmax_execution_time = 66\nshort_open_tag = 1\n",
        "prepend/ini.php": INI, "prepend/.user.ini": "auto_prepend_file = pre.php\n", "prepend/pre.php": "<?php header('X-Pre: 1');",
        "broken/ini.php": INI, "broken/.user.ini": "precision = 4\n=== [[[ \n\"\n",
        "set.php": '<?php foreach (["precision" => 8, "memory_limit" => "1G", "date.timezone" => "UTC", "user_agent" => "set"] as $n => $v) @ini_set($n, $v); ?>' + INI,
    }

    def fresh(self):
        """What PHP_VALUE sets sticks to php-fpm's children."""
        if self.sides.theirs:
            self.sides.theirs.restart()

    def ask(self, script, **extra):
        self.same(f"{script} {extra or ''}", lambda server: told(server, get(script, **extra)))

    def test_parameters(self):
        print()
        for extra in (
            {"PHP_VALUE": "precision=3"}, {"PHP_ADMIN_VALUE": "precision=3"}, {"PHP_ADMIN_VALUE": "memory_limit=77M"},
            {"PHP_VALUE": "precision=3\nsession.name=ABC\nuser_agent=\"a b\""}, {"PHP_VALUE": "precision=3\n\n\nuser_agent=x\n"},
            {"PHP_VALUE": "precision = 3 ; comment\n; all comment\nuser_agent = 'q'"}, {"PHP_VALUE": "display_errors=on"}, {"PHP_VALUE": "display_errors"},
            {"PHP_VALUE": "nonsense"}, {"PHP_VALUE": ""}, {"PHP_VALUE": "open_basedir={root}"}, {"PHP_VALUE": "upload_max_filesize=9M\npost_max_size=10M"},
            {"PHP_VALUE": "precision=3", "PHP_ADMIN_VALUE": "precision=4"}, {"PHP_ADMIN_VALUE": "open_basedir={root}\nuser_agent=admin"},
            {"PHP_VALUE": "max_execution_time=33"}, {"PHP_VALUE": "short_open_tag=1"}, {"PHP_VALUE": "error_reporting=E_ALL & ~E_NOTICE"},
        ):
            with self.subTest(str(extra)):
                self.fresh()
                self.ask("ini.php", **extra)
                plain = told(self.sides.ours, get("ini.php"))
                self.assertEqual(json.loads(plain["body"])["precision"], "7", "nothing sticks")
        # the pool's administrator stands above the web server's user settings, which php-fpm has the other way round
        self.assertEqual(json.loads(told(self.sides.ours, get("ini.php", PHP_VALUE="memory_limit=77M"))["body"])["memory_limit"], "99M")
        for extra in ({"PHP_VALUE": "precision=3\nuser_agent=v"}, {"PHP_ADMIN_VALUE": "precision=3\nuser_agent=a"}):
            with self.subTest(f"set by the script: {extra}"):
                self.fresh()
                self.ask("set.php", **extra)
        self.fresh()

    def test_user_ini(self):
        print()
        for script in ("user/ini.php", "user/sub/ini.php", "user/sub/none/ini.php", "ini.php", "prepend/ini.php", "broken/ini.php", "user/sub/ini.php", "ini.php"):
            with self.subTest(script):
                self.ask(script)
        for root in ("{root}/user", "{root}/user/", "{root}/other"):
            with self.subTest(f"document root {root}"):
                self.fresh()  # which keeps what it has read, for all document roots
                self.ask("user/sub/ini.php", DOCUMENT_ROOT=root)

    def test_sections_of_php_ini(self):
        print()
        for script in ("path/ini.php", "path/deep/ini.php", "ini.php"):
            for host in ("localhost", "one.example", "two.example", "ONE.example", ""):
                with self.subTest(f"{script} {host}"):
                    self.ask(script, SERVER_NAME=host)

    def test_scripts_cannot_change_the_pools(self):
        print()
        self.ask("set.php")
        self.ask("ini.php")


LEVELS = ("E_ALL & ~(E_NOTICE | E_USER_NOTICE)", "32767&~8192", "E_ALL ^ E_NOTICE", "!E_ALL")
WORDS = ("On", "off", "YES", "No", "true", "False", "none", "Null", "Offline", "Nothing")
# Settings that are texts, whatever they say.
TEXTS = ("user_agent", "error_prepend_string", "error_append_string", "auto_prepend_file", "sendmail_from", "default_mimetype", "arg_separator.output",
         "docref_root", "docref_ext", "mail.log")


class PoolValuesTest(Compared):
    """php.values and php.admin_values, and the same in php-fpm's pool file"""

    settings = dict(zip(TEXTS, WORDS)) | {"auto_prepend_file": "none", "display_errors": "Off", "log_errors": "No", "html_errors": "yes"}
    free = {"error_reporting": "E_ALL & ~E_DEPRECATED & ~E_STRICT", "precision": "7", "session.use_strict_mode": "On", "memory_limit": "99M"}
    scripts = {
        "values.php": "<?php $o = [error_reporting()]; foreach (" + repr([*TEXTS, "display_errors", "log_errors", "html_errors", *free]) +
                      " as $n) $o[$n] = ini_get($n); echo json_encode($o);",
        "level.php": "<?php echo json_encode([error_reporting(), ini_get('error_reporting')]);",
    }

    def test_words_and_error_levels(self):
        print()
        self.same("values", lambda server: told(server, get("values.php")))

    def test_error_levels(self):
        for level in LEVELS:
            with self.subTest(level):
                sides = Sides(self.scripts, {"error_reporting": level})
                self.addCleanup(sides.remove)
                sides.start()
                ours, theirs = sides.both(lambda server: json.loads(told(server, get("level.php"))["body"]))
                self.assertEqual(ours, theirs or ours)
                self.assertEqual(str(ours[0]), ours[1])

    def test_other_values_are_texts(self):
        values = {"user_agent": "a; b = {c} | $d", "error_prepend_string": "E_ALL & (", "error_append_string": "E_ALL 5", "sendmail_from": "E_ALL &",
                  "docref_root": "(E_ALL))", "docref_ext": "E_ALL & 5M", "mail.log": "E_ALL & e_notice", "precision": "3"}
        pool = Engine("php: { values = [ " + ", ".join(f'"{name}={value}"' for name, value in values.items()) + " ]; };")
        self.addCleanup(pool.remove)
        pool.write("values.php", "<?php foreach (" + repr(list(values)) + " as $n) $o[$n] = ini_get($n); echo json_encode($o);")
        pool.start()
        self.assertEqual(json.loads(pool.ask("values.php").body), values)


class LinksTest(Compared):
    """Scripts that are reached through symbolic links"""

    settings = {"user_ini.cache_ttl": "0"}
    scripts = {
        "app/real.php": "<?php include 'x.php'; echo json_encode([getcwd(), __FILE__, $x, file_exists('only-there'), ini_get('user_agent'), ini_get('precision')]);",
        "app/x.php": "<?php $x = 'beside the script';", "app/.user.ini": "user_agent = app\nprecision = 5\n", "app/only-there": "",
        "public/x.php": "<?php $x = 'beside the link';", "public/.user.ini": "user_agent = public\n",
        "public/sub/.user.ini": "precision = 6\n",
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, to in (("public/linked.php", "../app/real.php"), ("public/sub/linked.php", "../../app/real.php"), ("public/dir", "../app"),
                         ("public/sub/dir", "../../app"), ("elsewhere", "app"), ("current", "public")):
            os.symlink(to, os.path.join(cls.sides.root, name))

    def test_directory_and_settings(self):
        print()
        for script in ("public/linked.php", "public/sub/linked.php", "public/dir/real.php", "public/sub/dir/real.php", "elsewhere/real.php", "app/real.php",
                       "current/linked.php", "current/sub/linked.php", "public/linked.php"):
            for root in (script.partition("/")[0], "", "nowhere"):
                with self.subTest(f"{script} below {root}"):
                    if self.sides.theirs:
                        self.sides.theirs.restart()  # it keeps settings per directory, for all document roots
                    self.same(f"{script} below {root}", lambda server, s=script, r=root: told(
                        server, get(s, DOCUMENT_ROOT=os.path.join("{root}", r).rstrip("/")))["body"])


class DisabledTest(Compared):
    """disable_functions of php.ini and of the pool"""

    ini = "disable_functions = exec, system\ndisable_classes = SplHeap\n"
    settings = {"disable_functions": "passthru,shell_exec", "disable_classes": "SplFixedArray"}
    free = {"disable_functions": "popen"}
    scripts = {"there.php": "<?php foreach (['exec', 'system', 'passthru', 'shell_exec', 'popen', 'proc_open'] as $f) $o[$f] = function_exists($f);"
                            "try { @new SplFixedArray(1); $o['class'] = 'made'; } catch (Error $e) { $o['class'] = get_class($e); } echo json_encode($o);"}

    def test_both_count(self):
        print()
        self.same("functions", lambda server: told(server, get("there.php")))
        there = json.loads(told(self.sides.ours, get("there.php"))["body"])
        self.assertEqual([name for name, value in there.items() if value is True], ["proc_open"])

    def test_no_request_takes_any_away(self):
        for name in ("disable_functions", "disable_classes", "extension"):
            there = json.loads(told(self.sides.ours, get("there.php", PHP_ADMIN_VALUE=f"{name}=proc_open"))["body"])
            self.assertIs(there["proc_open"], True)
        self.assertRegex(self.sides.ours.log(), "'disable_functions' of PHP_VALUE or PHP_ADMIN_VALUE has no effect")


class DocumentRootTest(Compared):
    """doc_root of php.ini; php-src: fcgi-env-pif-php-admin-doc-root"""

    settings = {"doc_root": "{root}/docs"}
    scripts = {"docs/see.php": SEE, "docs/dir/see.php": SEE}

    def test_variables(self):
        print()
        for params in (
            get("docs/see.php", SCRIPT_NAME="/see.php", DOCUMENT_ROOT="{root}/docs"), get("docs/see.php", SCRIPT_NAME="/see.php", DOCUMENT_ROOT="{root}"),
            get("docs/see.php", SCRIPT_NAME="/see.php", DOCUMENT_ROOT="{root}/docs", PATH_INFO="/info", PATH_TRANSLATED="{root}/docs/info"),
            get("x", SCRIPT_FILENAME="proxy:fcgi://h{root}/docs/dir/see.php/info", SCRIPT_NAME="/dir/see.php/info", DOCUMENT_ROOT="{root}/docs"),
        ):
            title = f"{params['SCRIPT_FILENAME']} {params.get('PATH_INFO', '')}"
            with self.subTest(title):
                self.same(title, lambda server, p=params: seen(server, p))


class LimitsTest(Compared):
    """php-src: ghsa-54hq-*"""

    settings = {"max_multipart_body_parts": "5", "max_file_uploads": "3", "max_input_vars": "4", "display_errors": "0"}
    scripts = {"parts.php": "<?php echo count($_POST), ' ', count($_FILES), ' ', count($_GET);"}

    def test_limits_of_forms(self):
        print()
        for n, kind in ((4, b'name="a%d"'), (9, b'name="a%d"'), (3, b'name="f%d"; filename="x"'), (9, b'name="f%d"; filename="x"')):
            body = b"".join(b'--B\r\nContent-Disposition: form-data; ' + kind % i + b"\r\n\r\nx\r\n" for i in range(n)) + b"--B--\r\n"
            with self.subTest(f"{n} {kind}"):
                self.same(f"{n} parts {kind.decode()}", lambda server, b=body: told(server, get(
                    "parts.php", REQUEST_METHOD="POST", CONTENT_TYPE="multipart/form-data; boundary=B", CONTENT_LENGTH=str(len(b))), b))
        self.same("9 variables", lambda server: told(server, get("parts.php", QUERY_STRING="&".join(f"a{i}=1" for i in range(9)))))


class BasedirTest(unittest.TestCase):
    """open_basedir, and where uploads and temporary files are then"""

    SCRIPT = ("<?php $f = $_FILES['f']['tmp_name']; $t = tempnam(sys_get_temp_dir(), 't'); echo json_encode([dirname($f), is_file($f), file_get_contents($f), "
              "move_uploaded_file($f, __DIR__ . '/moved'), sys_get_temp_dir(), is_writable(sys_get_temp_dir()), is_file($t), ini_get('upload_tmp_dir'), "
              "get_cfg_var('upload_tmp_dir')]); @unlink($t);")
    BODY = b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nfile\r\n--B--\r\n'

    def upload(self, config):
        with mock.patch.object(tempfile, "tempdir", "/var/tmp"):  # so that the state directory is not below /tmp
            pool = Engine()
        self.addCleanup(pool.remove)
        pool.configure(config.replace("{directory}", pool.directory))
        pool.write("upload.php", self.SCRIPT)
        pool.start()
        answer_ = pool.ask("upload.php", body=self.BODY, extra={"CONTENT_TYPE": "multipart/form-data; boundary=B"})
        self.assertEqual(answer_.status, 200, pool.log())
        said = json.loads(answer_.body)
        return [text.replace(pool.directory, "{directory}") if isinstance(text, str) else text for text in said]

    def test_where_scripts_may_not_reach_the_state_directory(self):
        for key in ("values", "admin_values"):
            self.assertEqual(self.upload(f'php: {{ {key} = [ "open_basedir={{directory}}/www:/tmp" ]; }};'),
                             ["/tmp", True, "file", True, "/tmp", True, True, "", False])

    def test_else_they_are_there(self):
        state = "{directory}/state/tmp"
        for config in ("", 'php: { values = [ "open_basedir={directory}" ]; };'):
            self.assertEqual(self.upload(config)[:-1], [state, True, "file", True, state, True, True, state])

    def test_what_the_pool_says_counts(self):
        mine = "{directory}/cache"
        self.assertEqual(self.upload(f'php: {{ values = [ "open_basedir={{directory}}/www:{mine}", "upload_tmp_dir={mine}", "sys_temp_dir={mine}" ]; }};')[:-1],
                         [mine, True, "file", True, mine, True, True, mine])


# What of PHP itself may differ, with the reason.
OTHER_SETTINGS = {
    "session.save_path", "upload_tmp_dir", "sys_temp_dir",  # in the pool's own directory
    "session.gc_probability",                               # which only we clean
    "fastcgi.logging",                                      # the journal has it
    "fpm.config",                                           # is php-fpm's own file
    "error_log", "opcache.file_cache", "opcache.lockfile_path", "opcache.file_cache_fallback",
    "max_input_time",                                       # the manager watches the time of a request
}


# What is here and not in php-fpm: early hints, and the functions of resident scripts, which tell others that they are none.
EXTRA = {
    "functions": {"headers_send", "apache_response_headers", "phppool\\handle_request"}
    | {"frankenphp_" + name for name in ("handle_request", "finish_request", "request_headers", "response_headers", "log")},
}


class EngineTest(Compared):
    """The PHP that scripts find"""

    scripts = {
        "extensions.php": "<?php $e = get_loaded_extensions(); sort($e); echo json_encode($e);",
        "functions.php": "<?php $f = get_defined_functions()['internal']; sort($f); echo json_encode($f);",
        "classes.php": "<?php $f = get_declared_classes(); sort($f); echo json_encode($f);",
        "constants.php": "<?php $c = get_defined_constants(true); unset($c['user']); $o = []; foreach ($c as $k => $v) foreach ($v as $n => $x) "
                         "if (is_scalar($x) && !is_float($x)) $o[$n] = $x; ksort($o); echo json_encode($o, JSON_PARTIAL_OUTPUT_ON_ERROR);",
        "settings.php": "<?php echo json_encode(ini_get_all(null, false));",
        "access.php": "<?php echo json_encode(array_map(fn($s) => $s['access'], ini_get_all()));",
        "streams.php": "<?php echo json_encode([stream_get_wrappers(), stream_get_transports(), stream_get_filters()]);",
        "files.php": "<?php echo json_encode([php_ini_loaded_file(), php_ini_scanned_files()]);",
        "opcache.php": "<?php $s = opcache_get_status(false); echo json_encode([$s['opcache_enabled'], opcache_get_configuration()['version']['version']]);",
        "status.php": "<?php function keys($a) { $o = []; foreach ($a as $k => $v) $o[] = is_array($v) ? (is_int($k) ? 0 : $k) . keys($v) : $k . ':' . get_debug_type($v); "
                      "sort($o); return '(' . implode(' ', $o) . ')'; } $s = fpm_get_status(); $s['procs'] = [$s['procs'][0]]; echo json_encode(keys($s));",
        "arguments.php": "<?php foreach (['fastcgi_finish_request', 'fpm_get_status', 'getallheaders', 'apache_request_headers'] as $f) echo new ReflectionFunction($f);",
    }

    def body(self, script):
        return lambda server: json.loads(told(server, get(script))["body"])

    def test_extensions_functions_classes_constants(self):
        print()
        for what in ("extensions", "functions", "classes", "streams", "files", "opcache"):
            with self.subTest(what):
                ours, theirs = self.sides.both(self.body(what + ".php"))
                if theirs is not None and what in ("extensions", "functions", "classes"):
                    ours, theirs = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
                    print(f"  {what}: only here {ours}, only in php-fpm {theirs}")
                    self.assertEqual(theirs, [], "nothing is missing")
                    self.assertLessEqual(set(ours), EXTRA.get(what, set()), "nothing is there that php-fpm has not")
                else:
                    self.same(what, self.body(what + ".php"))
        with self.subTest("constants"):
            ours, theirs = self.sides.both(self.body("constants.php"))
            if theirs is not None:
                differ = {name: (ours.get(name), theirs.get(name)) for name in set(ours) | set(theirs) if ours.get(name) != theirs.get(name)}
                print(f"  constants that differ (ours, php-fpm): {shorten(differ)}")
                self.assertEqual([name for name in differ if not name.startswith("PHP_CONFIG_FILE_") and name != "PHP_BINARY" and not name.startswith("FRANKENPHP_LOG_LEVEL_")], [])

    def test_what_is_not_there_is_not_announced(self):
        self.sides.ours.write("pcntl.php", "<?php echo json_encode([extension_loaded('pcntl'), function_exists('pcntl_fork'), phpversion('pcntl')]);")
        for _ in range(3):
            self.assertEqual(told(self.sides.ours, get("pcntl.php"))["body"], "[false,false,false]")

    def test_settings(self):
        ours, theirs = self.sides.both(self.body("settings.php"))
        if theirs is None:
            self.skipTest("php-fpm is not installed")
        differ = {name: (ours.get(name, "(none)"), theirs.get(name, "(none)")) for name in sorted(set(ours) | set(theirs))
                  if ours.get(name, "(none)") != theirs.get(name, "(none)")}
        print("\n  settings that differ (ours, php-fpm):" + "".join(f"\n    {name}: {values}" for name, values in differ.items()))
        self.assertEqual(sorted(set(differ) - OTHER_SETTINGS), [])

    def test_functions_of_its_own(self):
        print()
        self.same("their arguments", lambda server: told(server, get("arguments.php"))["body"])

    def test_status_has_the_same_keys(self):
        """php-src: fpm_get_status_basic"""
        print()
        self.same("fpm_get_status()", self.body("status.php"))


class ManyWorkersTest(unittest.TestCase):
    """php-src: gh16432"""

    def test_status_of_many_workers(self):
        pool = Engine("workers: { max = 400; min = 50; };")
        self.addCleanup(pool.remove)
        pool.write("status.php", "<?php $s = fpm_get_status(); echo json_encode([count($s['procs']), $s['total-processes'], $s['active-processes'], $s['idle-processes']]);")
        pool.start()
        n, total, active, idle = until("all workers", lambda: (s := json.loads(pool.ask("status.php").body))[0] >= 50 and s)
        self.assertEqual((total, active + idle), (n, n))


if __name__ == "__main__":
    unittest.main(verbosity=2)
