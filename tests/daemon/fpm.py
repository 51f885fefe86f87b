# SPDX-License-Identifier: MIT
"""php-fpm beside the pool, for comparison: own configuration, socket and log in a directory of its own.

What it does never decides a test; AVAILABLE tells whether it is installed.
"""

import os
import pwd
import shutil
import signal
import subprocess

from engine import Server, children, die_with_test, until
from ports import free_port

PROGRAM = shutil.which("php-fpm8.2") or shutil.which("php-fpm8.2", path="/usr/sbin:/usr/local/sbin")
AVAILABLE = PROGRAM is not None


class Fpm(Server):
    """@root: the directory of another server's scripts; @lines: of the pool's section, @general: of [global].

    @tcp: a second pool listens on a port of the loopback.
    """

    def __init__(self, root=None, children=1, lines=(), general=(), ini=None, tcp=False):
        super().__init__(root)
        self.port = free_port() if tcp else None
        self.children, self.lines, self.general, self.ini = children, list(lines), list(general), ini
        self.config = os.path.join(self.directory, "fpm.conf")

    def configure(self):
        user = pwd.getpwuid(os.getuid()).pw_name
        pool = list(self.lines)
        if os.getuid() == 0:
            pool += [f"user = {user}", f"group = {user}"]
        if not any(line.startswith("pm =") for line in self.lines):
            pool += ["pm = static", f"pm.max_children = {self.children}"]
        lines = ["[global]", f"error_log = {self.log_path}", "daemonize = no", *self.general,
                 "[test]", f"listen = {self.socket}", "listen.mode = 0666", *pool]
        if self.port:
            lines += ["[tcp]", f"listen = 127.0.0.1:{self.port}", *pool]
        with open(self.config, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")

    def start(self):
        self.configure()
        command = [PROGRAM, "-F", "-y", self.config]
        if os.getuid() == 0:
            command.append("-R")
        if self.ini:
            command += ["-c", self.ini]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_test)
        until("php-fpm listens", self.connect).close()
        return self

    def stop(self, seconds=2):
        """Also what does not end by itself; nothing it started is left."""
        process = self.process
        try:
            return super().stop(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process:
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def restart(self):
        self.stop()
        self.start()

    def reload(self):
        self.process.send_signal(signal.SIGUSR2)

    def quit(self):
        self.process.send_signal(signal.SIGQUIT)

    def workers(self):
        return children(self.process.pid)
