# SPDX-License-Identifier: MIT
"""php-poold by itself, started by hand as its help tells, and a FastCGI client.

PHP_POOLD and PHP_POOL_WORKER in the environment name the programs.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from fcgi_client import Connection, Lost, parameters  # noqa: E402
from ports import free_port  # noqa: E402


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


def until(what, condition, seconds=30, pause=0.02):
    """Waits for the condition and gives its value; fails with @what."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError(f"not within {seconds} s: {what}")


def die_with_test():
    """For the start of a child: a test that is killed leaves nothing running. 1 is PR_SET_PDEATHSIG."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Server:
    """What answers FastCGI on a unix socket: the pool, or php-fpm beside it."""

    def __init__(self, root=None):
        self.directory = tempfile.mkdtemp(prefix="php-pool-test-")
        os.chmod(self.directory, 0o755)  # front ends run as users of their own
        self.socket = os.path.join(self.directory, "pool.sock")
        self.log_path = os.path.join(self.directory, "stderr")
        self.root = root or os.path.join(self.directory, "www")
        os.makedirs(self.root, exist_ok=True)
        self.process = None

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def connect(self):
        """A connection, or None while the socket is not there, or bound and not listening yet."""
        try:
            return Connection(self.socket)
        except OSError:
            return None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def ask(self, script, query="", body=None, method=None, extra=None, timeout=30):
        """One request on a connection of its own."""
        method = method or ("GET" if body is None else "POST")
        params = parameters(os.path.join(self.root, script), query, method, len(body or b""), extra)
        connection = Connection(self.socket, timeout)
        try:
            return connection.request(params, body or b"")
        finally:
            connection.close()

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


class Engine(Server):
    """A pool of its own in a directory of its own.

    @tcp: it listens on a port of the loopback as well. @held: the socket is the
    test's, as it is systemd's in earnest, and outlives the pool. @user: whom
    the pool runs as when the test is root; needs @held.
    """

    def __init__(self, config="", tcp=False, held=False, user=None):
        super().__init__()
        self.port = free_port() if tcp else None
        self.user = user if os.getuid() == 0 else None
        self.listener = socket.socket(socket.AF_UNIX) if held else None
        if held:
            self.listener.bind(self.socket)
            self.listener.listen(4096)
        os.makedirs(os.path.join(self.directory, "conf.d"))
        for name in ("state", "cache", "rd", "rd/test"):
            os.mkdir(os.path.join(self.directory, name))
        self.configure(config)

    def configure(self, config):
        with open(os.path.join(self.directory, "conf.d", "test.conf"), "w", encoding="utf-8") as f:
            f.write(f'root = "{self.root}";\n{config}\n')

    def command(self):
        programs = [os.environ["PHP_POOLD"], os.environ["PHP_POOL_WORKER"]]
        if self.user:  # who may not be able to reach the build directory
            programs = [shutil.copy(program, self.directory) for program in programs]
            subprocess.run(["chown", "-R", self.user, self.directory], check=True)
        poold = [programs[0], "test", "--config-dir", self.directory, "--worker", programs[1]]
        if self.listener:
            drop = ["setpriv", "--reuid", self.user, "--clear-groups"] if self.user else []
            return ["bash", "-c", 'LISTEN_PID=$$ exec "${@:2}" 3<&"$1"', "bash", str(self.listener.fileno()), *drop, *poold]
        command = ["systemd-socket-activate", "-l", self.socket]
        command += ["-l", f"127.0.0.1:{self.port}", "--fdname=fastcgi:tcp"] if self.port else ["--fdname=fastcgi"]
        for name in ("STATE_DIRECTORY", "CACHE_DIRECTORY", "RUNTIME_DIRECTORY", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ or name.endswith("_DIRECTORY"):
                command += ["-E", name]
        return command + poold

    def start(self, ready="Generation 1 serves"):
        """Until the log says that it is @ready."""
        environment = dict(
            os.environ,
            STATE_DIRECTORY=os.path.join(self.directory, "state"),
            CACHE_DIRECTORY=os.path.join(self.directory, "cache"),
            RUNTIME_DIRECTORY=os.path.join(self.directory, "rd", "test"),
        )
        if self.listener:
            environment.update(LISTEN_FDS="1", LISTEN_FDNAMES="fastcgi")
        size = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            preexec_fn=die_with_test, pass_fds=[self.listener.fileno()] if self.listener else [])
        probe = until("the socket listens", self.connect)  # systemd-socket-activate waits for a first connection
        try:
            until("the pool serves", lambda: ready in self.log()[size:] or self.process.poll() is not None)
        finally:
            probe.close()
        if self.process.poll() is not None:
            raise AssertionError("php-poold ended: " + self.log())

    def remove(self):
        super().remove()
        if self.listener:
            self.listener.close()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def quit(self):
        """The stop that lets running requests end."""
        self.process.send_signal(signal.SIGTERM)

    @property
    def manager(self):
        return self.process.pid

    def templates(self):
        return [child for child in children(self.manager) if name_of(child) == "php-template"]

    def workers(self):
        """Also those whose template has died: they are the manager's then."""
        below = [worker for template in self.templates() for worker in children(template)]
        return [pid for pid in children(self.manager) + below if name_of(pid) == "php-worker"]


class Notifying(Engine):
    """With a service manager: .told is what that was told, each with its time."""

    def __init__(self, config):
        super().__init__(config)
        self.told, self.path = [], self.directory + "/notify"
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.path)
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def command(self):
        activate, *rest = super().command()
        return [activate, "-E", "NOTIFY_SOCKET=" + self.path, *rest]

    def listen(self):
        while message := self.notify.recv(65536):  # always, for who notifies waits when there is no room
            self.told += [(time.monotonic(), line) for line in message.decode().split("\n")]

    def lines(self, *begin):
        return [(at, line) for at, line in self.told if line.startswith(begin)]

    def remove(self):
        try:
            self.stop()
        finally:
            self.notify.sendto(b"", self.path)  # the end
            self.thread.join()
            self.notify.close()
            super().remove()


class Load:
    """Clients without keep-alive, as long as the block lasts; .lost are the requests without their answer."""

    def __init__(self, pool, n=4):
        self.pool, self.lost, self.served = pool, [], 0
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(n)]

    def run(self):
        while not self.ended.is_set():
            try:
                body = self.pool.ask("hello.php", timeout=10).body
                if body != b"hello":
                    self.lost.append(body)
                self.served += 1
            except (Lost, OSError) as error:
                self.lost.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()
