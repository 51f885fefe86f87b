# SPDX-License-Identifier: MIT
"""FastCGI 1.0 in 36 rows: an input, and in words what comes back.

The same inputs go to php-fpm where it is installed; each row prints both
answers. Ours is compared with what the specification, or safety, asks for
(a regular expression); php-fpm's decides nothing.
"""

import os
import re
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fpm  # noqa: E402
from engine import Engine, until  # noqa: E402
from fcgi import (ABORT, BEGIN, DATA, GET_VALUES, GET_VALUES_RESULT, PARAMS, STDERR, STDIN, UNKNOWN_TYPE,  # noqa: E402
                  begin, pair, record, whole)
from talk import KINDS, PROTOCOL, Talk, compare, words  # noqa: E402

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SCRIPTS = {
    "hello.php": '<?php echo "hello";',
    "echo.php": '<?php echo "[", file_get_contents("php://input"), "]";',
    "size.php": '<?php echo strlen(file_get_contents("php://input"));',
    "unread.php": '<?php echo "unread";',
    "sleep.php": '<?php usleep(300000); echo "slept";',
    "second.php": '<?php sleep(3); echo "slept";',
    "role.php": '<?php echo $_SERVER["FCGI_ROLE"];',
    "long.php": '<?php echo strlen($_SERVER["LONG"] ?? "");',
    "names.php": '<?php echo json_encode([$_SERVER["EMPTY"] ?? null, array_key_exists("", $_SERVER)]);',
    "ran.php": '<?php touch(__DIR__ . "/ran"); echo "ran";',
    "says.php": '<?php error_log("says so"); echo "hello";',
    # at its end the file says whether the client had gone, and whether the loop was cut short
    "loop.php": '<?php ignore_user_abort((bool) $_GET["ignore"]); touch(__DIR__ . "/looping"); $cut = true; '
                'register_shutdown_function(function () { global $cut; '
                'file_put_contents(__DIR__ . "/loop", (connection_aborted() ? "aborted" : "connected") . ($cut ? " cut" : " whole")); }); '
                'for ($end = microtime(true) + $_GET["s"]; microtime(true) < $end;) $i = 1; $cut = false;',
    "evil.jpg": '<?php echo "evil";',
}

CONFIG = {
    "main": ("workers: { max = 1; min = 1; };", []),
    "logging": ('workers: { max = 1; }; php: { admin_values = [ "fastcgi.logging=1" ]; };',
                ["php_admin_value[fastcgi.logging] = 1"]),
    "queue": ('workers: { max = 1; }; timeouts: { queue = "1s"; };', []),
}

ROWS = []


def row(number, title, expected, pool="main"):
    def add(conversation):
        ROWS.append((number, title, expected, pool, conversation))
        return conversation
    return add


@row(1, "a plain request without KEEP_CONN", r"STDOUT( STDOUT)? END hello, closed")
def _(t):
    peer = t.peer(t.request(keep=False))
    reply = t.reply(peer)
    if isinstance(reply, str):
        return reply
    return f"{' '.join(KINDS[kind] for kind in reply.kinds)} {words(reply)}, {t.next(peer)}"


@row(2, "two requests at once on one connection", "hello, hello, kept")
def _(t):
    peer = t.peer(t.request(request=1), t.request(request=2))
    return f"{t.heard(peer, 1)}, {t.heard(peer, 2)}, {t.kept(peer)}"


def values(t, peer):
    try:
        kind, request, content = peer.record() or (0, 0, b"")
    except socket.timeout:
        return "silence"
    if kind != GET_VALUES_RESULT:
        return t.end(peer)
    names = re.findall(rb"FCGI_[A-Z_]+", content)
    multiplexed = b" = 0" if pair("FCGI_MPXS_CONNS", "0") in content else b""
    return f"id {request}: " + (b" ".join(sorted(names)) + multiplexed).decode()


@row(3, "GET_VALUES of all three names and an unknown one",
     "id 0: FCGI_MAX_CONNS FCGI_MAX_REQS FCGI_MPXS_CONNS = 0, id 0: FCGI_MPXS_CONNS = 0")
def _(t):
    names = ("FCGI_MAX_CONNS", "FCGI_UNKNOWN", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS")
    peer = t.peer(record(GET_VALUES, b"".join(pair(name, "") for name in names), 0))
    heard = values(t, peer)
    t.send(peer, record(GET_VALUES, pair("FCGI_MPXS_CONNS", ""), 0))
    return f"{heard}, {values(t, peer)}"


@row(4, "GET_VALUES, then a request", "id 0: FCGI_MPXS_CONNS = 0, kept")
def _(t):
    peer = t.peer(record(GET_VALUES, pair("FCGI_MPXS_CONNS", ""), 0))
    return f"{values(t, peer)}, {t.kept(peer)}"


@row(5, "a management record of an unknown type", "UNKNOWN_TYPE 77 of id 0, kept")
def _(t):
    peer = t.peer(record(77, b"xyz", 0))
    try:
        got = peer.record()
    except socket.timeout:
        return "silence"
    if got is None or got[0] != UNKNOWN_TYPE:
        return t.end(peer)
    return f"UNKNOWN_TYPE {got[2][0]} of id {got[1]}, {t.kept(peer)}"


@row(6, "an application record of an unknown type", "hello, kept")
def _(t):
    peer = t.peer(begin(), record(99, b"?" * 100, padding=4), record(PARAMS, t.params()), record(PARAMS), record(STDIN))
    return f"{t.heard(peer)}, {t.kept(peer)}"


@row(7, "role 9, kept and not", "nothing UNKNOWN_ROLE, kept; nothing UNKNOWN_ROLE, closed")
def _(t):
    heard = []
    for keep in (True, False):
        peer = t.peer(begin(9, keep), record(PARAMS, t.params()), record(PARAMS), record(STDIN))
        heard.append(f"{t.heard(peer)}, {t.kept(peer) if keep else t.next(peer)}")
    return "; ".join(heard)


@row(8, "the roles authorizer and filter", "nothing UNKNOWN_ROLE, kept; nothing UNKNOWN_ROLE, kept")
def _(t):
    heard = []
    for role in (2, 3):
        peer = t.peer(begin(role), record(PARAMS, t.params("role.php")), record(PARAMS), record(STDIN))
        heard.append(f"{t.heard(peer)}, {t.kept(peer)}")
    return "; ".join(heard)


@row(9, "ids with a high byte are echoed", "hello, hello")
def _(t):
    return f"{t.heard(t.peer(t.request(request=258)), 258)}, {t.heard(t.peer(t.request(request=65535)), 65535)}"


@row(10, "records of another id are ignored", "hello, kept")
def _(t):
    other = record(PARAMS, pair("SCRIPT_FILENAME", os.path.join(t.server.root, "echo.php")), 5)
    peer = t.peer(begin(), record(PARAMS, t.params()), other, record(STDIN, b"x", 9), record(PARAMS, request=5),
                  record(PARAMS), record(STDIN, request=5), record(STDIN))
    return f"{t.heard(peer)}, {t.kept(peer)}"


@row(11, "a pair cut over two PARAMS records, at every byte", "hello everywhere")
def _(t):
    params = t.params()
    for cut in range(1, len(params)):
        heard = t.heard(t.peer(begin(keep=False), record(PARAMS, params[:cut]), record(PARAMS, params[cut:]), record(PARAMS),
                               record(STDIN)))
        if heard != "hello":
            return f"{heard} when cut at {cut}"
    return "hello everywhere"


def long_pair(t, size):
    params = t.params("long.php", extra={"LONG": "x" * size})
    parts = [record(PARAMS, params[i:i + 65535]) for i in range(0, len(params), 65535)]
    return t.peer(begin(), *parts, record(PARAMS), record(STDIN))


@row(12, "one pair of 70 000 bytes, and one of 3 MiB", r"70000, kept; (closed|reset|4\d\d.*), serves")
def _(t):
    peer = long_pair(t, 70000)
    return f"{t.heard(peer)}, {t.kept(peer)}; {t.heard(long_pair(t, 3 << 20))}, {t.serves()}"


@row(13, "a full PARAMS record of 65535 bytes with padding", "hello, kept; hello, kept")
def _(t):
    heard = []
    for padding in (1, 255):
        params = t.params()
        filler = 65535 - len(params) - len(pair("FILL", "x" * 60000)) + 60000
        params += pair("FILL", "x" * filler)
        assert len(params) == 65535
        peer = t.peer(begin(), record(PARAMS, params, padding=padding), record(PARAMS), record(STDIN))
        heard.append(f"{t.heard(peer)}, {t.kept(peer)}")
    return "; ".join(heard)


@row(14, "a BEGIN of 7 bytes", "(closed|reset), serves")
def _(t):
    peer = t.peer(record(BEGIN, b"\0\1\1\0\0\0\0"), record(PARAMS, t.params()), record(PARAMS), record(STDIN))
    return f"{t.heard(peer)}, {t.serves()}"


@row(15, "version 2, and version 0", "(closed|reset), (closed|reset), serves")
def _(t):
    heard = []
    for version in (2, 0):
        peer = t.peer(*[record(kind, content, version=version) for kind, content in (
            (BEGIN, struct.pack("!HB5x", 1, 0)), (PARAMS, t.params()), (PARAMS, b""), (STDIN, b""))])
        heard.append(t.heard(peer))
    return ", ".join(heard + [t.serves()])


@row(16, "no STDIN record: a GET may be answered, a POST of unknown length waits",
     "hello (before|after) its end, kept; silence before its end, then \\[\\], kept")
def _(t):
    heard = []
    for script, method in (("hello.php", "GET"), ("echo.php", "POST")):
        params = t.params(script, method=method, extra={"CONTENT_LENGTH": ""} if method == "POST" else None)
        peer = t.peer(begin(), record(PARAMS, params), record(PARAMS))
        peer.socket.settimeout(0.4)
        before = t.heard(peer)
        peer.socket.settimeout(t.patience)
        t.send(peer, record(STDIN))
        after = t.heard(peer) if before == "silence" else before
        if method == "GET":
            heard.append(f"{after} {'after' if before == 'silence' else 'before'} its end, {t.kept(peer)}")
        else:
            heard.append(f"{before} before its end, then {after}, {t.kept(peer)}")
    return "; ".join(heard)


def post(t, length, *body, script="echo.php", keep=True):
    extra = {"CONTENT_TYPE": "application/octet-stream"}
    params = t.params(script, method="POST", length=length or 0, extra=extra)
    if length is None:
        params = params.replace(pair("CONTENT_LENGTH", "0"), b"")
    return [begin(keep=keep), record(PARAMS, params), record(PARAMS), *[record(STDIN, part) for part in body], record(STDIN)]


@row(17, "a POST without CONTENT_LENGTH", r"\[some bytes\], kept")
def _(t):
    peer = t.peer(*post(t, None, b"some ", b"bytes"))
    return f"{t.heard(peer)}, {t.kept(peer)}"


@row(18, "CONTENT_LENGTH 10, but 5 bytes and the end", r"(400 .*|nothing app [1-9]\d*), kept, did not run")
def _(t):
    peer = t.peer(*post(t, 10, b"12345", script="ran.php"))
    heard = f"{t.heard(peer)}, {t.kept(peer)}"
    return f"{heard}, {t.ran()}"


@row(19, "CONTENT_LENGTH -1", r"\[some bytes\], kept")
def _(t):
    peer = t.peer(*post(t, -1, b"some bytes"))
    return f"{t.heard(peer)}, {t.kept(peer)}"


@row(20, "CONTENT_LENGTH 5, but 13 bytes, or 1 MiB more", r"\[12345\], (kept|closed); \[12345\], (kept|closed)")
def _(t):
    peer = t.peer(*post(t, 5, b"12345678", b"90abc"))
    heard = f"{t.heard(peer)}, {t.kept(peer)}"
    peer = t.peer(*post(t, 5, b"12345", *[b"x" * 65535] * 16))
    return f"{heard}; {t.heard(peer)}, {t.kept(peer)}"


@row(21, "a request forged behind the body", "(unread, (kept|closed); ){5}did not run")
def _(t):
    forged = whole(t.params("ran.php", extra={"PHP_ADMIN_VALUE": "auto_prepend_file=/etc/passwd"}))
    heard = []
    for body in (b"12345" + forged, b"12345" + b"\0" * 3 + forged, forged, b"", b"12345" + b"x" * 70000 + forged):
        parts = [body[i:i + 65535] for i in range(0, len(body), 65535)] or [b"12345"]
        peer = t.peer(*post(t, 5, *parts, script="unread.php"))
        if not body:
            t.send(peer, record(STDIN, forged), record(STDIN))  # behind the end of the stream
        heard.append(f"{t.heard(peer)}, {t.kept(peer)}")
    return "; ".join(heard + [t.ran()])


@row(22, "padding of 255 bytes in STDIN, on the empty records too", r"\[12345\], kept")
def _(t):
    peer = t.peer(begin(), record(PARAMS, t.params("echo.php", method="POST", length=5), padding=255), record(PARAMS, padding=255),
                  record(STDIN, b"123", padding=255), record(STDIN, b"45", padding=255), record(STDIN, padding=255))
    return f"{t.heard(peer)}, {t.kept(peer)}"


@row(23, "ABORT_REQUEST in the middle of STDIN", r"(\d+ .+|nothing) app [1-9]\d*, kept, did not run")
def _(t):
    params = t.params("ran.php", method="POST", length=9)
    peer = t.peer(begin(), record(PARAMS, params), record(PARAMS), record(STDIN, b"part"), record(ABORT))
    heard = f"{t.heard(peer)}, {t.kept(peer)}"
    return f"{heard}, {t.ran()}"


@row(24, "ABORT_REQUEST while the script runs, without and with ignore_user_abort",
     "ended, kept, aborted cut; ended, kept, aborted whole")
def _(t):
    heard = []
    looping = os.path.join(t.server.root, "looping")
    for ignore in (0, 1):
        if os.path.exists(looping):
            os.unlink(looping)
        # a worker looks each 250 ms of its processor time, of which it may get little
        peer = t.peer(t.request("loop.php", query=f"ignore={ignore}&s=3"))
        until("the loop runs", lambda: os.path.exists(looping))
        start = time.monotonic()
        reply = t.reply(t.send(peer, record(ABORT)))
        took = time.monotonic() - start
        said = reply if isinstance(reply, str) else "ended" if ignore or took < 2.5 else f"ended after {took:.1f} s"
        heard.append(f"{said}, {t.kept(peer)}, {t.file('loop', 4)}")
    return "; ".join(heard)


@row(25, "DATA for a responder", "hello, kept")
def _(t):
    peer = t.peer(begin(), record(DATA, b"?"), record(PARAMS, t.params()), record(PARAMS), record(DATA), record(STDIN))
    return f"{t.heard(peer)}, {t.kept(peer)}"


def both(t, peer):
    """What came for the ids 1 and 2, in any order."""
    heard = {}
    try:
        out = {1: b"", 2: b""}
        while len(heard) < 2:
            got = peer.record()
            if got is None:
                return t.end(peer)
            kind, request, content = got
            if KINDS[kind] == "STDOUT":
                out[request] += content
            elif KINDS[kind] == "END":
                heard[request] = (out[request].partition(b"\r\n\r\n")[2].decode() or "nothing") + PROTOCOL[content[4]]
    except socket.timeout:
        return "silence"
    return f"{heard[1]}, {heard[2]}"


@row(26, "a second BEGIN while one request is being sent, or runs",
     "hello, (hello|nothing CANT_MPX_CONN), kept; slept, (hello|nothing CANT_MPX_CONN), kept")
def _(t):
    one, two = t.params(), t.params()
    peer = t.peer(begin(request=1), begin(request=2), record(PARAMS, one, 1), record(PARAMS, two, 2), record(PARAMS, request=1),
                  record(PARAMS, request=2), record(STDIN, request=2), record(STDIN, request=1))
    heard = f"{both(t, peer)}, {t.kept(peer)}"
    peer = t.peer(t.request("sleep.php", request=1))
    time.sleep(0.1)
    t.send(peer, t.request(request=2))
    return f"{heard}; {both(t, peer)}, {t.kept(peer)}"


@row(27, "SCRIPT_FILENAME twice: the last wins", "hello, hello")
def _(t):
    first = pair("SCRIPT_FILENAME", os.path.join(t.server.root, "echo.php"))
    heard = t.heard(t.peer(begin(), record(PARAMS, first + t.params()), record(PARAMS), record(STDIN)))
    gone = t.peer(begin(), record(PARAMS, pair("SCRIPT_FILENAME", "/nonexistent.php")), record(PARAMS, t.params()), record(PARAMS),
                  record(STDIN))
    return f"{heard}, {t.heard(gone)}"


@row(28, "NUL in a parameter that becomes a path", r"4\d\d [^,]*, 4\d\d [^,]*, 4\d\d [^,]*, 4\d\d [^,]*, serves")
def _(t):
    script = os.path.join(t.server.root, "hello.php")
    heard = []
    for extra in ({"SCRIPT_FILENAME": os.path.join(t.server.root, "evil.jpg") + "\0.php"}, {"SCRIPT_FILENAME": script + "\0.jpg"},
                  {"SCRIPT_FILENAME": "", "PATH_TRANSLATED": script + "\0.jpg"}, {"DOCUMENT_ROOT": t.server.root + "\0/x"}):
        heard.append(t.heard(t.peer(t.request(keep=False, extra=extra))))
    return ", ".join(heard + [t.serves()])


@row(29, "empty names are ignored, empty values are values", r'\["",false\], kept')
def _(t):
    params = pair("", "") + pair("", "x") + pair("EMPTY", "") + t.params("names.php")
    peer = t.peer(begin(), record(PARAMS, params), record(PARAMS), record(STDIN))
    return f"{t.heard(peer)}, {t.kept(peer)}"


@row(30, "a length field that is cut, or says 2 GiB", "((closed|reset), ){3}((closed|reset|431 [^,]*), ){2}serves")
def _(t):
    heard = []
    for params in (b"\x05\x05abc", b"\x80", b"\x04\x80\x00", b"\x04\xff\xff\xff\xffNAME", b"\xff\xff\xff\xff\xff\xff\xff\xff"):
        peer = t.peer(begin(), record(PARAMS, t.params()), record(PARAMS, params), record(PARAMS), record(STDIN))
        heard.append(t.heard(peer))
    return ", ".join(heard + [t.serves()])


@row(31, "the reserved bytes of END_REQUEST", r"only b'\\x00\\x00\\x00'")
def _(t):
    seen = set()
    for script in ("hello.php", "echo.php", "names.php", "long.php", "none.php"):
        peer = t.peer(t.request(script), t.request(script, request=2))
        for request in (1, 2):
            reply = t.reply(peer, request)
            if isinstance(reply, str):
                return reply
            seen.add(reply.reserved)
    return "only " + " ".join(sorted(map(repr, seen)))


def errors(t):
    size = len(t.server.log())
    peer = t.peer(t.request("says.php"))
    reply = t.reply(peer)
    if isinstance(reply, str):
        return reply
    time.sleep(0.1)
    kinds = " ".join(KINDS[kind] for kind in dict.fromkeys(reply.kinds))
    return (f"{kinds}{' with the message' if b'says so' in reply.err else ''}{'' if peer.aligned[STDERR] else ' unpadded'}, "
            f"{'logged' if 'says so' in t.server.log()[size:] else 'not logged'}")


@row(32, "an error message, by default", "STDOUT END, logged")
def _(t):
    return errors(t)


@row(32, "an error message, with fastcgi.logging=1", "STDERR STDOUT END with the message, (logged|not logged)", "logging")
def _(t):
    return errors(t)


@row(33, "three bytes of a header, held", "serves, serves, serves")
def _(t):
    for _ in range(3):
        t.peer(b"\x01\x01\x00", held=True)
    return ", ".join(t.serves() for _ in range(3))


@row(34, "an idle kept connection, held", "hello, serves, serves, kept")
def _(t):
    peer = t.peer(t.request(), held=True)
    return f"{t.heard(peer)}, {t.serves()}, {t.serves()}, {t.kept(peer)}"


@row(35, "overload: one worker, three requests of three seconds, timeouts.queue 1s", "nothing OVERLOADED, nothing OVERLOADED; slept", "queue")
def _(t):
    first = t.peer(t.request("second.php"), held=True)
    time.sleep(0.1)
    others = [t.peer(t.request("second.php"), held=True) for _ in range(2)]
    heard = ", ".join(t.heard(peer) for peer in others)
    return f"{heard}; {t.heard(first)}"


class Conformance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pools = {}

    @classmethod
    def tearDownClass(cls):
        for servers in cls.pools.values():
            for server in reversed(servers):
                if server:
                    server.remove()

    def servers(self, name):
        if name not in self.pools:
            config, lines = CONFIG[name]
            ours = Engine(config, tcp=True)
            for script, text in SCRIPTS.items():
                ours.write(script, text)
            other = fpm.Fpm(ours.root, lines=lines) if fpm.AVAILABLE else None
            self.pools[name] = (ours, other)
            ours.start()
            if other:
                other.start()
        return self.pools[name]

    def unpin(self, other):
        """A child that php-fpm left pinned is not the next row's."""
        talk = Talk(other, 0.5)
        if talk.serves() != "serves":
            other.restart()
        talk.file("loop", 0.05)
        talk.ran()
        talk.close()

    def check(self, number, title, expected, pool, conversation):
        ours, other = self.servers(pool)

        def scenario(talk):
            try:
                return conversation(talk)
            finally:
                if talk.server is other:
                    talk.close()
                    self.unpin(other)

        compare(self, f"row {number}: {title}", expected, scenario, ours, other)
        self.assertEqual(ours.ask("hello.php").body, b"hello", "the pool serves on")

    def test_row_20_over_tcp_the_answer_survives_what_stands_behind_the_body(self):
        ours, _ = self.servers("main")
        for surplus in (100, 1 << 20):
            talk = Talk(ours, 5)
            self.addCleanup(talk.close)
            peer = talk.peer(address=("127.0.0.1", ours.port))
            talk.send(peer, *post(talk, 5, b"12345", *[b"x" * min(surplus, 65535)] * (surplus // 65535 + 1), keep=False))
            self.assertEqual(talk.heard(peer), "[12345]")
            self.assertEqual(talk.next(peer), "closed")

    def test_row_36_who_may_connect_is_said_by_the_socket(self):
        """No list of addresses is compared here: systemd and the kernel do that; the default is no network at all."""
        with open(os.path.join(SOURCE, "units", "php-pool@.socket.in"), encoding="utf-8") as f:
            lines = [line.strip() for line in f]
        listen = [line for line in lines if line.startswith("Listen")]
        self.assertEqual(listen, ["ListenStream=/run/php-pool/%i.sock"])
        self.assertIn("SocketMode=0660", lines)
        self.assertIn("SocketUser=root", lines)
        self.assertIn("SocketGroup=php-pool", lines)


def add_rows():
    for number, title, expected, pool, conversation in ROWS:
        def test(self, arguments=(number, title, expected, pool, conversation)):
            self.check(*arguments)
        name = "test_row_%02d_%s" % (number, re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_"))
        test.__doc__ = None
        setattr(Conformance, name, test)


add_rows()
assert {number for number, *_ in ROWS} | {36} == set(range(1, 37))

if __name__ == "__main__":
    unittest.main(verbosity=2)
