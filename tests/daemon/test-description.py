# SPDX-License-Identifier: MIT
"""The control socket describes itself: what it says it answers is what it answers, and the other way round."""

import os
import re
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import call, status  # noqa: E402
from engine import Engine, until  # noqa: E402
from fcgi_client import Lost  # noqa: E402

POOL = "io.phppool.Pool"
TOKEN = re.compile(r"#[^\n]*|->|\[string\]|\[\]|[A-Za-z][A-Za-z0-9_.]*|[():,?]|\S")
FIELD = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")
SCALARS = {"bool": bool, "int": int, "float": (int, float), "string": str}
SCRIPTS = {
    "hello.php": '<?php echo "hello";',
    "sleep.php": '<?php usleep((int) $_GET["ms"] * 1000); echo "slept";',
    "die.php": "<?php posix_kill(getmypid(), 9);",
}


class Description:
    """varlink's definition language, strictly: .types, .methods (in, out), .errors"""

    def __init__(self, text):
        self.tokens = [token for token in TOKEN.findall(text) if not token.startswith("#")]
        self.types, self.methods, self.errors = {}, {}, {}
        self.take("interface")
        self.name = self.tokens.pop(0)
        while self.tokens:
            kind, name = self.tokens.pop(0), self.tokens.pop(0)
            assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", name), name
            if kind == "type":
                self.types[name] = self.fields()
            elif kind == "error":
                self.errors[name] = self.fields()
            else:
                assert kind == "method", kind
                given = self.fields()
                self.take("->")
                self.methods[name] = given, self.fields()

    def take(self, token):
        assert self.tokens[0] == token, f"{self.tokens[:5]} instead of {token}"
        self.tokens.pop(0)

    def fields(self):
        table = {}
        self.take("(")
        while self.tokens[0] != ")":
            if table:
                self.take(",")
            name = self.tokens.pop(0)
            assert FIELD.fullmatch(name) and name not in table, name
            self.take(":")
            table[name] = self.kind()
        self.take(")")
        return table

    def kind(self):
        prefix = []
        while self.tokens[0] in ("?", "[]", "[string]"):
            prefix.append(self.tokens.pop(0))
        return prefix, self.tokens.pop(0)

    def differences(self, value, kind, where, seen):
        """What in @value is not as described; each described field that is there goes into @seen."""
        prefix, name = kind
        prefix = [one for one in prefix if one != "?"]
        if prefix and prefix[0] == "[]":
            if not isinstance(value, list):
                return [f"{where} is no array"]
            return [line for one in value for line in self.differences(one, (prefix[1:], name), where + "[]", seen)]
        if prefix:
            if not isinstance(value, dict):
                return [f"{where} is no map"]
            return [line for one in value.values() for line in self.differences(one, (prefix[1:], name), where + "{}", seen)]
        if name in SCALARS:
            good = isinstance(value, SCALARS[name]) and (name == "bool" or not isinstance(value, bool))
            return [] if good else [f"{where} is {value!r} and no {name}"]
        return self.compare(value, self.types[name], name, seen)

    def compare(self, value, fields, where, seen):
        if not isinstance(value, dict):
            return [f"{where} is no object"]
        lines = [f"{where}.{name} is not described" for name in value if name not in fields]
        for name, kind in fields.items():
            if name in value:
                seen.add(f"{where}.{name}")
                lines += self.differences(value[name], kind, f"{where}.{name}", seen)
            elif "?" not in kind[0]:
                lines.append(f"{where}.{name} is missing")
        return lines


def described(pool, interface=POOL):
    return Description(call(pool, "org.varlink.service.GetInterfaceDescription", interface=interface)["description"])


class DescriptionTest(unittest.TestCase):
    def pool(self, config, **how):
        pool = Engine(config, **how)
        self.addCleanup(pool.remove)
        for name, text in SCRIPTS.items():
            pool.write(name, text)
        pool.start()
        return pool

    def later(self, function, *arguments, **keywords):
        """The value, when it is there."""
        result = []

        def run():
            try:
                result.append(function(*arguments, **keywords))
            except (Lost, OSError) as error:
                result.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return thread, result

    def test_replies_have_what_is_described_and_nothing_else(self):
        pool = self.pool("workers: { max = 4; min = 1; };")
        idl = described(pool)
        self.assertEqual(idl.name, POOL)
        seen = set()

        def agrees(method, reply):
            self.assertEqual(idl.compare(reply, idl.methods[method][1], method, seen), [])
            return reply

        self.assertEqual(pool.ask("hello.php").body, b"hello")
        with self.assertRaises(Lost):
            pool.ask("die.php")
        until("the slowest are collected, and opcache was asked", lambda: pool.ask("hello.php") and (s := status(pool)) and
              s["slowest"] and "opcache" in s, 15)
        thread, _ = self.later(pool.ask, "sleep.php", "ms=20000")
        until("its script runs", lambda: any(stack.get("frames") for stack in call(pool, "GetStacks")["stacks"]))  # it is busy before
        agrees("GetStatus", call(pool, "GetStatus"))
        agrees("GetStacks", call(pool, "GetStacks"))
        agrees("Profile", call(pool, "Profile", hz=50, msec=100))
        one = next(w for w in status(pool)["list"] if w["state"] == "busy")
        agrees("KillRequest", call(pool, "KillRequest", id=one["request_id"]))
        thread.join()
        agrees("Reload", call(pool, "Reload"))
        agrees("WaitReload", call(pool, "WaitReload"))

        # a stack that nobody can read: its template does not answer
        thread, _ = self.later(pool.ask, "sleep.php", "ms=6000")
        until("it runs", lambda: [w for w in status(pool)["list"] if w["state"] == "busy"])
        template = pool.templates()[-1]
        os.kill(template, signal.SIGSTOP)
        try:
            agrees("GetStacks", call(pool, "GetStacks"))
        finally:
            os.kill(template, signal.SIGCONT)
        thread.join()

        resident = Engine('resident = "app.php"; workers: { max = 1; min = 1; };')
        self.addCleanup(resident.remove)
        resident.write("app.php", "<?php while (PhpPool\\handle_request(fn () => print('hello')));")
        resident.start()
        self.assertEqual(resident.ask("app.php").body, b"hello")
        agrees("GetStatus", call(resident, "GetStatus"))

        every = {f"{name}.{field}" for name, fields in idl.types.items() for field in fields}
        self.assertEqual(sorted(every - seen), [], "described, and in no reply")

    def test_methods_are_those_described(self):
        pool = self.pool("workers: { max = 1; };")
        for interface in (POOL, "org.varlink.service"):
            idl = described(pool, interface)
            for name, (given, _) in idl.methods.items():
                answer = call(pool, f"{interface}.{name}")
                if given:
                    self.assertEqual(answer, "org.varlink.service.InvalidParameter", f"{name} wants {', '.join(given)}")
                else:
                    self.assertIsInstance(answer, dict, name)
            self.assertEqual(call(pool, interface + ".Nonsense"), "org.varlink.service.MethodNotFound")
        self.assertEqual(call(pool, "org.varlink.service.GetInfo")["interfaces"], ["org.varlink.service", POOL])

    def test_errors_are_those_described(self):
        preload = '<?php if (file_exists(__DIR__ . "/slowly")) sleep(3);'
        pool = self.preloading(preload)
        seen = set()

        def fails(method, name, **parameters):
            self.assertEqual(call(pool, method, **parameters), f"{POOL}.{name}")
            seen.add(name)

        fails("KillRequest", "NoSuchRequest", id="none")

        calls = [self.later(call, pool, "Profile", hz=10, msec=60000) for _ in range(2)]
        until("one is being taken", lambda: [r for _, r in calls if r == [f"{POOL}.Busy"]])
        seen.add("Busy")
        os.kill(pool.templates()[-1], signal.SIGKILL)
        for thread, _ in calls:
            thread.join()
        self.assertEqual(sorted(r[0] for _, r in calls), [f"{POOL}.Busy", f"{POOL}.Unavailable"])
        seen.add("Unavailable")
        until("another template serves", lambda: "Generation 2 serves" in pool.log())

        pool.write("slowly", "")
        thread, result = self.later(call, pool, "Reload")
        until("it is on its way", lambda: status(pool)["state"] == "reloading")
        fails("Reload", "ReloadInProgress")
        thread.join()
        self.assertTrue(result[0]["ok"], result)

        if os.getuid() == 0:
            path = os.path.join(pool.directory, "rd", "test", "control")
            os.chown(path, 65534, -1)
            for name in ("Reload", "GetStacks", "Profile", "KillRequest"):
                said = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", sys.executable, "-c", ASK, path, f"{POOL}.{name}"],
                                      capture_output=True, text=True, check=True).stdout
                self.assertIn(f'"{POOL}.PermissionDenied"', said, name)
            seen.add("PermissionDenied")
        # what needs a reply above 1 MiB is shown in tests/unit/pool/test-control.c
        self.assertEqual(set(described(pool).errors) - seen - {"StatusUnavailable", "TooLarge"},
                         set() if os.getuid() == 0 else {"PermissionDenied"})

    def preloading(self, text):
        pool = Engine()
        self.addCleanup(pool.remove)
        path = pool.write("preload.php", text)
        settings = [f"opcache.preload={path}"] + (["opcache.preload_user=root"] if os.getuid() == 0 else [])
        pool.configure("workers: { max = 2; min = 1; }; php: { admin_values = [ " + ", ".join(f'"{s}"' for s in settings) + " ]; };")
        pool.start()
        return pool


# Alone, because a user without rights may be unable to read this file.
ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    s.sendall(('{"method":"%s"}' % sys.argv[2]).encode() + b"\\0")
    print(s.recv(1 << 16).decode())
"""


if __name__ == "__main__":
    unittest.main(verbosity=2)
