# SPDX-License-Identifier: MIT
"""The pool and php-fpm side by side: the same scripts, settings and requests."""

import json
import os

import fpm
from engine import Connection, Engine

# What a process has from its service manager, not from the request.
ENVIRONMENT = {"USER", "HOME", "LOGNAME", "SHELL", "PATH", "TERM", "LANG", "INVOCATION_ID", "STATE_DIRECTORY", "CACHE_DIRECTORY",
               "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY", "ASAN_OPTIONS", "UBSAN_OPTIONS"}
TIMES = {"REQUEST_TIME", "REQUEST_TIME_FLOAT"}

# Shows all that a script can see of its request.
SEE = ('<?php header("Content-Type: application/json"); echo json_encode(["server" => $_SERVER, '
       '"get" => $_GET, "file" => __FILE__, "cwd" => getcwd()], '
       'JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_UNESCAPED_SLASHES);')


class Sides:
    """@settings: of php.ini, NAME: VALUE, which scripts cannot change; "{root}" in a value is the root. @free: those they can."""

    def __init__(self, scripts, settings=None, free=None, config="", ini=None):
        self.ours = Engine()
        for name, text in scripts.items():
            self.ours.write(name, text.replace("{root}", self.ours.root))
        settings = {name: value.replace("{root}", self.ours.root) for name, value in (settings or {}).items()}
        free = {name: value.replace("{root}", self.ours.root) for name, value in (free or {}).items()}
        keys = [f'"{name}={value}"' for name, value in settings.items()]
        values = [f'"{name}={value}"' for name, value in free.items()]
        path = None
        if ini:
            path = os.path.join(self.ours.directory, "php.ini")
            with open(path, "w", encoding="ascii") as f:
                f.write(ini.replace("{root}", self.ours.root))
        self.ours.configure(f"workers: {{ max = 2; min = 1; }};\nphp: {{ admin_values = [ {', '.join(keys)} ]; values = [ {', '.join(values)} ]; "
                            + (f'ini = "{path}"; ' if path else "") + "params_may_set_ini = true; };\n" + config)
        self.theirs = None
        if fpm.AVAILABLE:
            lines = [f"php_admin_value[{name}] = {value}" for name, value in settings.items()]
            lines += [f"php_value[{name}] = {value}" for name, value in free.items()]
            self.theirs = fpm.Fpm(self.ours.root, children=2, lines=lines, ini=path)

    @property
    def root(self):
        return self.ours.root

    def start(self):
        self.ours.start()
        if self.theirs:
            self.theirs.start()
        return self

    def remove(self):
        if self.theirs:
            self.theirs.remove()
        self.ours.remove()

    def both(self, ask):
        """What @ask makes of each; None for php-fpm where there is none."""
        return ask(self.ours), ask(self.theirs) if self.theirs else None


def answer(server, params, body=b""):
    """The Response to exactly these parameters; "{root}" in a value is the root."""
    connection = Connection(server.socket, 10)
    try:
        return connection.request({name: value.replace("{root}", server.root) for name, value in params.items()}, body)
    finally:
        connection.close()


def seen(server, params, body=b""):
    """What the script of SEE sees, without what is of its process: a flat table; or the answer's status and text."""
    response = answer(server, params, body)
    try:
        data = json.loads(response.body)
        server_table = data["server"]
    except (ValueError, TypeError, KeyError):
        return {"status": str(response.status), "body": response.body.decode("latin-1").strip()}
    table = {"status": str(response.status), "file": data["file"], "cwd": data["cwd"], "get": json.dumps(data["get"])}
    table |= {name: value for name, value in server_table.items() if name not in ENVIRONMENT | TIMES}
    return {name: value.replace(server.root, "{root}") if isinstance(value, str) else value for name, value in table.items()}


def difference(ours, theirs):
    """(name, line) for each that differs."""
    return [(name, f"{name}: {ours.get(name, '(none)')!r}, php-fpm {theirs.get(name, '(none)')!r}")
            for name in sorted(set(ours) | set(theirs)) if ours.get(name) != theirs.get(name)]
