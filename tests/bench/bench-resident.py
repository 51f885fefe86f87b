#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Resident mode beside our ordinary mode and php-fpm: processor time of a request, requests per second, p99, memory.

    tests/bench/bench-resident.py [--front] [--rounds N] [--seconds S] BUILD_DIRECTORY [NAME…]

The same application on the same PHP with the same opcache settings, three times: php-fpm,
a pool, a pool with the application resident. A FastCGI load generator loads them in turns,
so that a figure is compared with its neighbours in time; what is printed are median, least
and most of the rounds, and ratios of the medians to php-fpm. Processor time is that of the
whole tree, manager and template included, and of PSS the highest of the rounds. With
--front each has an nginx with kept connections before it, which wrk loads, and whose
processor time is printed by itself.

Names: hello, symfony, laravel, blade, slim. Then grow: hello and symfony run N_MANY times
to see whether their memory grows; and deploy: reloads of symfony and laravel under a steady
load of half of what they can take.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "daemon"))
import apps  # noqa: E402
import loads  # noqa: E402
import stacks  # noqa: E402

CHILDREN, CONNECTIONS = 4, 4
N_MANY = 200000
INI = {"opcache.validate_timestamps": "0", "opcache.memory_consumption": "192", "opcache.max_accelerated_files": "20000", "realpath_cache_ttl": "600"}
# Its runner ends after 500 requests if it is told nothing.
SYMFONY = {"APP_ENV": "prod", "APP_DEBUG": "0", "FRANKENPHP_LOOP_MAX": "0"}
LARAVEL = {"APP_ENV": "production", "APP_KEY": "base64:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "SESSION_DRIVER": "file", "CACHE_STORE": "file",
           "LOG_CHANNEL": "errorlog", "APP_DEBUG": "false"}

# name: (application, URL, what is in the answer, environment, ordinary script, resident script)
CASES = {
    "hello": (None, "/hello.php", b"Hello, world!", {}, "hello.php", "worker.php"),
    "symfony": ("symfony", "/json", b'{"hello":"world"', SYMFONY, "public/index.php", "public/index.php"),
    "laravel": ("laravel", "/api/json", b'{"hello":"world"', LARAVEL, "public/index.php", "public/worker.php"),
    "blade": ("laravel", "/page", b"<li class=", LARAVEL, "public/index.php", "public/worker.php"),
    "slim": ("slim", "/json", b'{"hello":"world"', {}, "public/index.php", "public/worker.php"),
}
HELLO = {
    "hello.php": '<?php echo "Hello, world!\\n";\n',
    "worker.php": '<?php $handler = static function () { echo "Hello, world!\\n"; }; while (PhpPool\\handle_request($handler));\n',
}
FPM = """[global]
error_log = {directory}/fpm.log
daemonize = no
[bench]
{user}listen = {socket}
listen.mode = 0666
listen.backlog = 4096
pm = static
pm.max_children = {children}
clear_env = no
{values}
"""
# One process: each of several would keep connections of its own, and php-fpm has a worker for each connection.
NGINX = """worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
{user}events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/t1; fastcgi_temp_path {directory}/t2; proxy_temp_path {directory}/t3; uwsgi_temp_path {directory}/t4; scgi_temp_path {directory}/t5;
    upstream php {{ server unix:{socket}; keepalive {children}; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME {script};
            fastcgi_param SCRIPT_NAME {name};
            fastcgi_param DOCUMENT_ROOT {root};
            fastcgi_keep_conn on;
            fastcgi_pass php;
        }}
    }}
}}
"""


def tree(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            below = [int(child) for child in f.read().split()]
    except OSError:
        return []
    return [pid, *(p for child in below for p in tree(child))]


def cpu_usec(pids):
    """Theirs, and that of children which have ended: a worker may be replaced meanwhile."""
    ticks = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                ticks += sum(int(n) for n in f.read().rsplit(")", 1)[1].split()[11:15])
        except OSError:
            pass  # has ended
    return ticks * 1000000 / os.sysconf("SC_CLK_TCK")


def pss_size(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1)) << 10
        except OSError:
            pass
    return total


class Side:
    """One server with the application of a case; @kind: php-fpm, ordinary, resident."""

    def __init__(self, build, directory, case, kind, front=False):
        app, self.url, self.part, self.environment, ordinary, resident = CASES[case]
        self.kind, self.build = kind, build
        self.directory = os.path.join(directory, kind)
        self.root = os.path.join(self.directory, "www")
        self.socket = os.path.join(self.directory, "sock")
        os.makedirs(self.root)
        if app:
            tree_ = apps.fetch(app)
            self.environment = self.environment | {"FRAMEWORK": tree_}
            apps.install(app, tree_, self.root)
        else:
            for name, text in HELLO.items():
                with open(os.path.join(self.root, name), "w", encoding="ascii") as f:
                    f.write(text)
        for folder, _, names in os.walk(self.root):  # opcache does not keep files that have just been written
            for name in names:
                os.utime(os.path.join(folder, name), (1, 1))
        self.script = resident if kind == "resident" else ordinary
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(os.path.join(self.directory, "stderr"), "wb"), start_new_session=True,
                                        env=os.environ | self.environment)
        self.front = self.start_front() if front else None

    def start_front(self):
        self.port = stacks.free_port()
        path = os.path.join(self.directory, "nginx.conf")
        script = os.path.join(self.root, self.script)
        with open(path, "w", encoding="ascii") as f:
            f.write(NGINX.format(directory=self.directory, socket=self.socket, port=self.port, children=CHILDREN, script=script,
                                 name="/" + os.path.basename(script), root=os.path.dirname(script), user="user root;\n" if os.getuid() == 0 else ""))
        return subprocess.Popen(["nginx", "-g", "daemon off;", "-c", path], stdin=subprocess.DEVNULL, start_new_session=True)

    def command(self):
        if self.kind == "php-fpm":
            path = os.path.join(self.directory, "fpm.conf")
            root = os.getuid() == 0
            with open(path, "w", encoding="ascii") as f:
                f.write(FPM.format(directory=self.directory, socket=self.socket, children=CHILDREN,
                                   user="user = root\ngroup = root\n" if root else "",
                                   values="".join(f"php_admin_value[{k}] = {v}\n" for k, v in INI.items() if not k.startswith("opcache"))))
            fpm = shutil.which("php-fpm8.2") or "/usr/sbin/php-fpm8.2"
            ini = [argument for k, v in INI.items() for argument in ("-d", f"{k}={v}")]
            return [fpm, "-F", "-R", "-y", path, *ini]

        os.makedirs(os.path.join(self.directory, "conf.d"))
        with open(os.path.join(self.directory, "conf.d/bench.conf"), "w", encoding="ascii") as f:
            values = ", ".join(f'"{k}={v}"' for k, v in INI.items())
            env = ", ".join(f'"{k}={v}"' for k, v in self.environment.items())
            f.write(f'root = "{self.root}";\nworkers: {{ max = {CHILDREN}; min = {CHILDREN}; spare = {CHILDREN}; }};\n'
                    f"env = [ {env} ];\nphp: {{ admin_values = [ {values} ]; }};\n"
                    + (f'resident = "{self.script}";\n' if self.kind == "resident" else ""))
        daemon = os.path.join(self.build, "daemon")
        worker = next(n for n in os.listdir(daemon) if re.fullmatch(r"php-pool-worker-[\d.]+", n))
        return ["systemd-socket-activate", "-l", self.socket, "--fdname=fastcgi", f"{daemon}/php-poold", "bench", "--config-dir", self.directory,
                "--worker", f"{daemon}/{worker}"]

    def check(self):
        server = apps.Engine.__new__(apps.Engine)
        server.socket, server.root = self.socket, self.root
        for _ in range(100):
            try:
                response = server.ask(self.script, extra=dict(self.params()))
                if response.status == 200 and self.part in response.body:
                    return
            except OSError:
                response = None
            except Exception as error:  # pylint: disable=broad-except
                response = error
            time.sleep(0.1)
        raise SystemExit(f"FAILED: {self.kind} does not answer {self.url}: {getattr(response, 'body', response)!r}")

    def params(self):
        return [("SCRIPT_NAME", "/" + os.path.basename(self.script)), ("REQUEST_URI", self.url), ("HTTP_HOST", "localhost"),
                ("SERVER_NAME", "localhost"), ("SERVER_PORT", "80"), ("REMOTE_ADDR", "127.0.0.1"), ("SERVER_PROTOCOL", "HTTP/1.1"),
                ("HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64)"), ("HTTP_ACCEPT", "*/*")]

    def load_front(self, seconds):
        pids, front = tree(self.process.pid), tree(self.front.pid)
        before = cpu_usec(pids), cpu_usec(front)
        said = loads.http(self.port, self.url, CONNECTIONS, seconds)
        n = max(1, said["requests"])
        return {"rate": said["rate"], "latency_ms": said, "errors": {"bad": said["bad"]}, "requests": said["requests"],
                "cpu": (cpu_usec(pids) - before[0]) / n, "front": (cpu_usec(front) - before[1]) / n, "pss": pss_size(pids)}

    def load_for(self, seconds):
        return self.load_front(seconds) if self.front else self.load("--duration", f"{seconds}s")

    def load(self, *options):
        command = [os.path.join(self.build, "tests/fcgi-load"), "--keep", "--connections", str(CONNECTIONS), *options, "--root",
                   os.path.dirname(os.path.join(self.root, self.script))]
        for name, value in self.params():
            command += ["--param", f"{name}={value}"]
        pids = tree(self.process.pid)
        before = cpu_usec(pids)
        figures = json.loads(subprocess.run(command + [self.socket, os.path.join(self.root, self.script)], check=True, stdout=subprocess.PIPE).stdout)
        figures["cpu"] = (cpu_usec(pids) - before) / max(1, figures["requests"])
        figures["pss"] = pss_size(pids)
        return figures

    def serves(self, generation):
        with open(os.path.join(self.directory, "stderr"), encoding="utf-8", errors="replace") as f:
            return f"Generation {generation} serves" in f.read()

    def stop(self):
        for process in (self.front, self.process):
            if not process:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def spread(values, unit, digits=0):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f}) {unit}"


def compare(build, case, rounds, seconds, front):
    """The ratio of php-fpm's processor time to the resident pool's, and of the ordinary pool's."""
    with tempfile.TemporaryDirectory(prefix="php-pool-bench-") as directory:
        os.chmod(directory, 0o755)
        sides = []
        try:
            for kind in ("php-fpm", "ordinary", "resident"):
                sides.append(Side(build, directory, case, kind, front))
            for side in sides:
                side.check()
                side.load_for(1)
            rows = {side.kind: [] for side in sides}
            for _ in range(rounds):
                for side in sides:
                    rows[side.kind].append(side.load_for(seconds))
        finally:
            for side in sides:
                side.stop()

    print(f"{case} ({CASES[case][1]}), {rounds} rounds of {seconds} s, {CONNECTIONS} connections, {CHILDREN} workers{', behind nginx' if front else ''}:")
    cpu = {kind: statistics.median(row["cpu"] for row in found) for kind, found in rows.items()}
    for kind, found in rows.items():
        rate = [row["rate"] for row in found]
        nginx = spread([row["front"] for row in found], "us of nginx") + ", " if front else ""
        print(f"  {kind}: {spread([row['cpu'] for row in found], 'us CPU')}, {nginx}{spread(rate, 'requests/s')}, "
              f"p99 {spread([row['latency_ms']['p99'] for row in found], 'ms', 2)}, PSS {max(row['pss'] for row in found) >> 20} MB, "
              f"{sum(sum(row['errors'].values()) for row in found)} failed; 1/{cpu['php-fpm'] / cpu[kind]:.2f} of php-fpm's CPU", flush=True)
    return cpu["php-fpm"] / cpu["resident"], cpu["ordinary"] / cpu["resident"]


def grow(build, case, n):
    """Bytes that a worker's own memory grows by in 1000 requests, from the middle to the end."""
    with tempfile.TemporaryDirectory(prefix="php-pool-bench-") as directory:
        os.chmod(directory, 0o755)
        side = Side(build, directory, case, "resident")
        try:
            side.check()
            first = side.load("--count", str(n // 4), "--duration", "10min")
            sizes = [first["pss"]]
            for _ in range(3):
                sizes.append(side.load("--count", str(n // 4), "--duration", "10min")["pss"])
        finally:
            side.stop()
    growth = (sizes[-1] - sizes[0]) / (n * 3 / 4) * 1000
    print(f"{case}: {n} requests, PSS of the tree {', '.join(str(size >> 10) for size in sizes)} kB after each quarter: "
          f"{growth:.0f} bytes per 1000 requests", flush=True)
    return growth


def deploy(build, case, n_reloads, seconds):
    """What clients see of reloads, one after the other, under half the load that the pool can take."""
    with tempfile.TemporaryDirectory(prefix="php-pool-bench-") as directory:
        os.chmod(directory, 0o755)
        side = Side(build, directory, case, "resident")
        try:
            side.check()
            side.load_for(1)
            load = ["--duration", f"{seconds}s", "--rate", str(int(side.load_for(2)["rate"] / 2)), "--poisson"]
            with_reloads = {}
            before = side.load(*load)
            thread = threading.Thread(target=lambda: with_reloads.update(side.load(*load)))
            thread.start()
            took = []
            for n in range(n_reloads):
                time.sleep(seconds / (n_reloads + 1) / 2)
                begin = time.monotonic()
                side.process.send_signal(signal.SIGHUP)
                while not side.serves(n + 2) and time.monotonic() < begin + 30:
                    time.sleep(0.01)
                took.append(time.monotonic() - begin)
            thread.join()
            after = side.load(*load)
        finally:
            side.stop()
    print(f"{case}: {n_reloads} reloads of {', '.join(f'{t:.2f}' for t in took)} s under {load[3]} requests/s, open loop of {seconds} s each:", flush=True)
    lost = 0
    for name, found in (("before", before), ("during", with_reloads), ("after", after)):
        lost += sum(found["errors"].values()) + found["unanswered"]
        print(f"  {name}: p50 {found['latency_ms']['p50']:.2f}, p99 {found['latency_ms']['p99']:.2f}, most {found['latency_ms']['max']:.2f} ms, "
              f"{found['requests']} requests, {sum(found['errors'].values())} failed, {found['unanswered']} unanswered", flush=True)
    return lost


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--front", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("build")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    build, rounds, seconds = os.path.abspath(options.build), options.rounds, options.seconds
    names = options.names or [*CASES, "grow", "deploy"]
    failed = []
    for case in names:
        if case in CASES:
            to_fpm, to_ordinary = compare(build, case, rounds, seconds, options.front)
            if case == "symfony" and to_fpm < 6:
                failed.append(f"Symfony takes 1/{to_fpm:.1f} of php-fpm's processor time, not a sixth")
            if case == "hello" and to_ordinary < 2:
                failed.append(f"hello world takes 1/{to_ordinary:.2f} of the ordinary mode's processor time, not half")
    if "deploy" in names:
        for case in ("symfony", "laravel"):
            if deploy(build, case, 3, 15) > 0:
                failed.append(f"requests were lost while {case} was reloaded")
    if "grow" in names:
        for case in ("hello", "symfony"):
            if grow(build, case, N_MANY) > 1000:
                failed.append(f"the memory of {case} grows")
    for text in failed:
        print("FAILED:", text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
