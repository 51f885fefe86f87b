# SPDX-License-Identifier: MIT
"""How much longer an application's first request takes a pool that has just started than an empty program's.

Its scripts are in the file cache, as after timeouts.idle_exit. How long the start itself takes is another case
(first-request), so each pool is up before it is asked. The pools take turns.
"""

import os
import statistics
import sys
import tempfile
import time

import applications
import memory
from pools import PhpPool

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from fcgi_client import Connection, parameters  # noqa: E402 # pylint: disable=wrong-import-position

ROUNDS = 7
SETTLE = 0.05  # between the start and the first request: a worker waits for it


class Empty:
    part = b"hello"

    def __init__(self, _, directory):
        self.root = directory
        os.makedirs(directory)
        with open(f"{directory}/index.php", "w", encoding="ascii") as f:
            f.write("<?php echo 'hello';\n")
        os.utime(f"{directory}/index.php", (1, 1))

    def stop(self):
        pass


class Program:
    """One of APPLICATIONS with a pool of its own."""

    def __init__(self, bench, directory, name, application, script, query):
        self.name = name
        self.script = script
        self.query = query
        os.makedirs(f"{directory}/{name}/pool")
        for path in (f"{directory}/{name}", f"{directory}/{name}/pool"):
            os.chmod(path, 0o777)
        self.application = application(bench, f"{directory}/{name}/application")
        self.pool = PhpPool(bench, f"{directory}/{name}/pool", self.application.root, 4, min_workers=1)
        self.first, self.warm = [], []

    def start(self):
        log = f"{self.pool.dir}/{self.pool.name}.log"
        size = os.path.getsize(log) if os.path.exists(log) else 0
        self.pool.start()
        with open(log, "rb") as f:
            f.seek(size)
            said = b""
            while b"Generation 1 serves" not in said:
                time.sleep(0.002)
                said += f.read()
        time.sleep(SETTLE)

    def ask(self):
        """Milliseconds until the whole answer is there."""
        begin = time.monotonic()
        connection = Connection(self.pool.socket, 30)
        response = connection.request(parameters(f"{self.application.root}/{self.script}", query=self.query,
                                                 extra={"HTTP_HOST": "127.0.0.1", "REQUEST_URI": f"/?{self.query}"}))
        taken = time.monotonic() - begin
        connection.close()
        if self.application.part not in response.body:
            raise RuntimeError(f"{self.name}: {response.status} {response.head!r}")
        return taken * 1000

    def round(self):
        memory.touch()
        self.start()
        self.first.append(self.ask())
        self.ask()
        self.ask()
        self.warm.append(self.ask())
        self.pool.stop()


def spread(values):
    return f"{statistics.median(values):.1f} ms ({min(values):.1f} to {max(values):.1f})"


class Waking:
    def __init__(self, name, title, programs):
        self.name = name
        self.title = title
        self.programs = programs

    def measure(self, bench, directory, programs):
        for arguments in [("empty", Empty, "index.php", ""), *self.programs]:
            programs.append(Program(bench, directory, *arguments))
        for program in programs:  # fills the file cache, and the application's own
            program.start()
            for _ in range(4):
                program.ask()
            program.pool.stop()
        for _ in range(ROUNDS):
            for program in programs:
                program.round()

    def run(self, bench):
        """The figures as sentences."""
        programs, found = [], []
        with tempfile.TemporaryDirectory(prefix="php-pool-bench-") as directory:
            os.chmod(directory, 0o755)
            try:
                self.measure(bench, directory, programs)
            finally:
                for program in programs:
                    program.application.stop()
        empty = programs[0]
        for program in programs[1:]:
            more = [first - other for first, other in zip(program.first, empty.first)]
            times = statistics.median(more) / statistics.median(program.warm)
            found.append(f"{program.name}: first request {spread(program.first)}, warm {spread(program.warm)}; "
                         f"more than an empty program {spread(more)}, {times:.1f} warm times")
        for line in found:
            print(f"{self.name}: {line}", flush=True)
        return {"name": self.name, "title": self.title, "figures": found}


CASES = [
    Waking("first-application", "The first request to an application whose pool has just started",
           [("DokuWiki", applications.DokuWiki, "doku.php", ""), ("WordPress", applications.WordPress, "index.php", "p=1")]),
]
