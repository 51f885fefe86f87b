# SPDX-License-Identifier: MIT
"""php-poold by itself, started by hand as its help tells, and a FastCGI client.

PHP_POOLD and PHP_POOL_WORKER in the environment name the programs.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from fcgi_client import Connection, parameters  # noqa: E402


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(child) for child in f.read().split()]
    except OSError:
        return []


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return ""


def until(what, condition, seconds=10):
    """Waits for the condition and gives its value; fails with @what."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class Engine:
    """A pool of its own in a directory of its own."""

    def __init__(self, config=""):
        self.directory = tempfile.mkdtemp(prefix="php-pool-test-")
        self.root = os.path.join(self.directory, "www")
        self.socket = os.path.join(self.directory, "pool.sock")
        self.log_path = os.path.join(self.directory, "stderr")
        os.makedirs(os.path.join(self.directory, "conf.d"))
        for name in ("www", "state", "cache", "rd", "rd/test"):
            os.mkdir(os.path.join(self.directory, name))
        self.process = None
        self.configure(config)

    def configure(self, config):
        with open(os.path.join(self.directory, "conf.d", "test.conf"), "w", encoding="utf-8") as f:
            f.write(f'root = "{self.root}";\n{config}\n')

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def start(self):
        environment = dict(
            os.environ,
            STATE_DIRECTORY=os.path.join(self.directory, "state"),
            CACHE_DIRECTORY=os.path.join(self.directory, "cache"),
            RUNTIME_DIRECTORY=os.path.join(self.directory, "rd", "test"),
        )
        command = ["systemd-socket-activate", "-l", self.socket, "--fdname=fastcgi"]
        for name in ("STATE_DIRECTORY", "CACHE_DIRECTORY", "RUNTIME_DIRECTORY", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in environment:
                command += ["-E", name]
        command += [os.environ["PHP_POOLD"], "test", "--config-dir", self.directory,
                    "--worker", os.environ["PHP_POOL_WORKER"]]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        probe = until("the socket listens", self.connect)  # systemd-socket-activate waits for a first connection
        try:
            until("the pool serves", lambda: "Generation 1 serves" in self.log() or self.process.poll() is not None)
        finally:
            probe.close()
        if self.process.poll() is not None:
            raise AssertionError("php-poold ended: " + self.log())

    def connect(self):
        """A connection, or None while the socket is not there, or bound and not listening yet."""
        try:
            return Connection(self.socket)
        except OSError:
            return None

    def stop(self, seconds=15):
        """SIGTERM; gives the exit status."""
        if not self.process:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None

    def remove(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    @property
    def manager(self):
        return self.process.pid

    def templates(self):
        return [child for child in children(self.manager) if name_of(child) == "php-template"]

    def workers(self):
        """Also those whose template has died: they are the manager's then."""
        below = [worker for template in self.templates() for worker in children(template)]
        return [pid for pid in children(self.manager) + below if name_of(pid) == "php-worker"]

    def ask(self, script, query="", body=None, method=None, extra=None, timeout=30):
        """One request on a connection of its own."""
        method = method or ("GET" if body is None else "POST")
        params = parameters(os.path.join(self.root, script), query, method, len(body or b""), extra)
        connection = Connection(self.socket, timeout)
        try:
            return connection.request(params, body or b"")
        finally:
            connection.close()
