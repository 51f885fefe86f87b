# SPDX-License-Identifier: MIT
"""A pool behind a unix socket, for the tests of the proxy.

With PHP_POOLD in the environment it is that php-poold, started by
systemd-socket-activate as a person would by hand (PHP_POOL_WORKER: the worker
it runs); else it is php-fpm, which shows that the proxy speaks to any FastCGI
server.
"""

import os
import shutil
import signal
import socket
import subprocess
import time

FPM = shutil.which("php-fpm8.2") or "/usr/sbin/php-fpm8.2"


def wait_for_socket(path, process, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(path)
                return
            except OSError:
                time.sleep(0.02)
    raise RuntimeError(f"{path} does not answer")


class Pool:
    """start(), stop(); .socket is the path it listens on."""

    def __init__(self, name, config_dir, socket_dir, workers=48):
        self.name = name
        self.config_dir = config_dir
        self.socket = os.path.join(socket_dir, name + ".sock")
        self.directory = os.path.join(socket_dir, name + ".d")
        self.workers = workers  # of php-fpm, where a kept connection holds one
        self.process = None

    def command(self):
        poold = os.environ.get("PHP_POOLD")
        if poold:
            command = ["systemd-socket-activate", "-l", self.socket, "--fdname=fastcgi"]
            for name in ("PHP_POOL_WORKER", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TMPDIR"):
                if name in os.environ:
                    command += ["-E", name]
            command += [poold, self.name, "--config-dir", self.config_dir]
            if "PHP_POOL_WORKER" in os.environ:
                command += ["--worker", os.environ["PHP_POOL_WORKER"]]
            return command

        config = os.path.join(self.directory, "fpm.conf")
        root = os.getuid() == 0
        with open(config, "w", encoding="ascii") as f:
            f.write(
                f"[global]\nerror_log = {self.directory}/log\ndaemonize = no\n"
                f"[{self.name}]\n" + ("user = www-data\ngroup = www-data\n" if root else "") +
                f"listen = {self.socket}\nlisten.mode = 0666\npm = static\npm.max_children = {self.workers}\n"
                "php_admin_value[memory_limit] = 256M\nphp_admin_value[post_max_size] = 64M\n"
                "php_admin_value[enable_post_data_reading] = 0\nphp_admin_value[zlib.output_compression] = 0\n"
            )
        return [FPM, "-F", "-y", config]

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        with open(os.path.join(self.directory, "stderr"), "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for_socket(self.socket, self.process)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        if os.path.exists(self.socket):
            os.unlink(self.socket)
