# SPDX-License-Identifier: MIT
"""What runs PHP behind a unix socket: php-pool's pool, and php-fpm. Both with Debian's php.ini for php-fpm."""

import os
import re
import shutil
import socket
import time

USER = "www-data"
POLICY = ["chrt", "--batch", "0"]  # CPUSchedulingPolicy=batch of our units
FPM = shutil.which("php-fpm8.2", path="/usr/sbin:" + os.environ.get("PATH", ""))

FPM_CONF = """[global]
error_log = {dir}/fpm.log
[bench]
user = {user}
group = {user}
listen = {socket}
listen.mode = 0666
listen.backlog = 4096
pm = {mode}
pm.max_children = {workers}
pm.start_servers = {min}
pm.min_spare_servers = {min}
pm.max_spare_servers = {spare}
pm.process_idle_timeout = 10s
"""


def wait_for_socket(address, log):
    for _ in range(500):
        with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as s:
            try:
                s.connect(address)
                return
            except OSError:
                time.sleep(0.02)
    with open(log, encoding="utf-8", errors="replace") as f:
        raise RuntimeError(f"{address} does not answer: {f.read()[-2000:]}")


class PhpPool:
    """@min workers always, up to @workers."""

    def __init__(self, bench, directory, root, workers, min_workers=None, name="site", site="", config=""):
        self.bench = bench
        self.dir = directory
        self.root = root
        self.workers = workers
        self.name = name
        self.socket = f"{directory}/{name}.sock"
        minimum = workers if min_workers is None else min_workers
        os.makedirs(f"{directory}/conf.d", exist_ok=True)
        with open(f"{directory}/conf.d/{name}.conf", "w", encoding="ascii") as f:
            f.write(f'root = "{root}";\nworkers: {{ max = {workers}; min = {minimum}; }};\nsite: {{ {site} }};\n{config}\n')

    def start(self):
        log = f"{self.dir}/{self.name}.log"
        command = [*POLICY, "systemd-socket-activate", "-E", "STATE_DIRECTORY", "-E", "CACHE_DIRECTORY", "-l", self.socket, "--fdname=fastcgi", self.bench.poold, self.name,
                   "--config-dir", self.dir, "--worker", self.bench.worker]
        directories = {}
        for what in ("STATE", "CACHE"):  # as the unit has them
            path = directories[f"{what}_DIRECTORY"] = f"{self.dir}/{self.name}.{what.lower()}"
            os.makedirs(path, exist_ok=True)
            shutil.chown(path, USER, USER)
        self.process = self.bench.processes.start(command, user=USER, log=log, environment=directories)
        wait_for_socket(self.socket, log)

    def stop(self):
        self.bench.processes.stop(self.process)
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    @property
    def pids(self):
        return [self.process.pid]


class PhpFpm:
    def __init__(self, bench, directory, root, workers, mode="static", min_workers=1, spare=3, name="fpm"):
        self.bench = bench
        self.dir = directory
        self.root = root
        self.socket = f"{directory}/{name}.sock"
        self.conf = f"{directory}/{name}.conf"
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(FPM_CONF.format(dir=directory, socket=self.socket, workers=workers, mode=mode, min=min_workers, spare=spare, user=USER))

    def start(self):
        self.process = self.bench.processes.start([FPM, "-F", "-y", self.conf], log=f"{self.dir}/fpm.log")
        wait_for_socket(self.socket, f"{self.dir}/fpm.log")

    def stop(self):
        self.bench.processes.stop(self.process)

    @property
    def pids(self):
        return [self.process.pid]


def worker_program(build):
    name = next(n for n in sorted(os.listdir(f"{build}/daemon"), reverse=True) if re.fullmatch(r"php-pool-worker-[\d.]+", n))
    return f"{build}/daemon/{name}"
