# SPDX-License-Identifier: MIT
"""php-pool-proxy on a port of the loopback, started as a person would by hand."""

import os
import signal
import socket
import subprocess
import time

from ports import free_port


class Proxy:
    """start(), stop(), reload(); .port; .log is the path of its messages."""

    def __init__(self, program, config_dir, directory):
        self.program = program
        self.config_dir = config_dir
        self.log = os.path.join(directory, "proxy.log")
        self.notify_path = os.path.join(directory, "notify.sock")
        self.port = free_port()
        self.process = None
        self.notify = None
        self.messages = []
        self.prefix = []  # a command that runs the proxy
        self.listeners = [(f"127.0.0.1:{self.port}", "http")]

    def start(self):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.notify_path)
        environment = dict(os.environ, NOTIFY_SOCKET=self.notify_path)
        command = [*self.prefix, "systemd-socket-activate", "-E", "NOTIFY_SOCKET"]
        for address, _ in self.listeners:
            command += ["-l", address]
        command.append("--fdname=" + ":".join(name for _, name in self.listeners))
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "CACHE_DIRECTORY", "RUNTIME_DIRECTORY", "WATCHDOG_USEC", "MALLOC_PERTURB_"):
            if name in environment:
                command += ["-E", name]
        command += [self.program, "--config-dir", self.config_dir]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 10
        while True:
            try:
                self.connect().close()
                break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError("the proxy does not start: " + self.messages_text()) from None
                time.sleep(0.02)
        self.wait_for("READY=1")

    def wait_for(self, text, seconds=10):
        """The notification that holds @text; earlier ones are dropped."""
        self.notify.settimeout(seconds)
        while True:
            message = self.notify.recv(65536).decode()
            self.messages.append(message)
            if text in message:
                return message

    def messages_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def connect(self, timeout=20, source="127.0.0.1", to=None):
        """@to: another listener's port or path."""
        if isinstance(to, str):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(timeout)
            s.connect(to)
            return s
        return socket.create_connection(("127.0.0.1", to or self.port), timeout, (source, 0))

    def pids(self):
        """The program and its processes."""
        pids, i = [self.process.pid], 0
        while i < len(pids):
            with open(f"/proc/{pids[i]}/task/{pids[i]}/children", encoding="ascii") as f:
                pids += [int(pid) for pid in f.read().split()]
            i += 1
        return pids

    def open_files(self):
        names = []
        for pid in self.pids():
            for fd in os.listdir(f"/proc/{pid}/fd"):
                try:
                    names.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
                except OSError:
                    pass  # closed meanwhile
        return names

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        self.wait_for("RELOADING=1")
        n = len(self.messages)
        self.wait_for("READY=1")
        return [message for message in self.messages[n:] if "STATUS=" in message][-1]  # it says one each few seconds too

    def stop(self):
        """Its exit status."""
        if not self.process:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process = None
        self.notify.close()
        os.unlink(self.notify_path)
        return status
