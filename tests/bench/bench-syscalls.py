#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""System calls per hello-world request in the process that runs PHP.

    tests/bench/bench-syscalls.py BUILD_DIRECTORY

counts with strace, for a new connection each and for a kept one, in a pool of
one worker, and in php-fpm with one child where it is installed. Then it shows
that a request late on a kept connection makes no more calls than an early one.
"""

import collections
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

REQUESTS = 500


def record(kind, content):
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def request(script, keep):
    pairs = b""
    for name, value in {
        "SCRIPT_FILENAME": script, "SCRIPT_NAME": "/hello.php", "REQUEST_METHOD": "GET", "QUERY_STRING": "",
        "REQUEST_URI": "/hello.php", "DOCUMENT_ROOT": os.path.dirname(script), "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost", "GATEWAY_INTERFACE": "CGI/1.1", "REMOTE_ADDR": "127.0.0.1",
    }.items():
        pairs += bytes((len(name), len(value))) + name.encode() + value.encode()
    begin = struct.pack(">HB5x", 1, 1 if keep else 0)
    return record(1, begin) + record(4, pairs) + record(4, b"") + record(5, b"")


def answer(s):
    data = b""
    while True:
        while len(data) >= 8:
            size, padding = struct.unpack(">HB", data[4:7])
            if len(data) < 8 + size + padding:
                break
            kind, data = data[1], data[8 + size + padding:]
            if kind == 3:
                return
        more = s.recv(65536)
        if not more:
            raise RuntimeError("the server closed before the end of its answer")
        data += more


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s


def load(path, script, n, keep):
    s = connect(path) if keep else None
    for _ in range(n):
        if not keep:
            s = connect(path)
        s.sendall(request(script, keep))
        answer(s)
        if not keep:
            s.close()
    if keep:
        s.close()


def wait_for(path):
    for _ in range(500):
        try:
            connect(path).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{path} does not answer")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(child) for child in f.read().split()]


def leaf(pid):
    """The worker: at the end of manager, template, worker; or master, child."""
    while True:
        below = children(pid)
        if not below:
            return pid
        pid = below[-1]


def traced(pid, path, script, n, keep):
    """The names of all calls in order while the load runs."""
    with tempfile.NamedTemporaryFile("r") as log:
        strace = subprocess.Popen(["strace", "-q", "-o", log.name, "-p", str(pid)], stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        load(path, script, n, keep)
        time.sleep(0.2)
        strace.send_signal(signal.SIGINT)
        strace.wait()
        return re.findall(r"^(\w+)\(", log.read(), re.M)


def per_request(names):
    """Calls of each request on a kept connection: from one send to the next."""
    counts, n = [], 0
    for name in names:
        n += 1
        if name in ("sendmsg", "sendto", "write", "writev"):
            counts.append(n)
            n = 0
    return counts


def start_pool(build, directory, script):
    os.makedirs(f"{directory}/conf.d")
    with open(f"{directory}/conf.d/bench.conf", "w", encoding="ascii") as f:
        f.write(f'root = "{os.path.dirname(script)}";\nworkers: {{ max = 1; min = 1; spare = 0; }};\n')
    worker = next(name for name in os.listdir(f"{build}/daemon") if re.fullmatch(r"php-pool-worker-[\d.]+", name))
    return subprocess.Popen(
        ["systemd-socket-activate", "-l", f"{directory}/pool.sock", "--fdname=fastcgi", f"{build}/daemon/php-poold",
         "bench", "--config-dir", directory, "--worker", f"{build}/daemon/{worker}"],
        stderr=subprocess.DEVNULL)


def start_fpm(fpm, directory):
    with open(f"{directory}/fpm.conf", "w", encoding="ascii") as f:
        f.write("[global]\nerror_log = /dev/null\n[bench]\nuser = root\ngroup = root\n"
                f"listen = {directory}/fpm.sock\npm = static\npm.max_children = 1\n")
    return subprocess.Popen([fpm, "-R", "-F", "-y", f"{directory}/fpm.conf"], stderr=subprocess.DEVNULL)


def measure(name, process, path, script):
    try:
        wait_for(path)
        load(path, script, 50, False)  # opcache is warm then
        pid = leaf(process.pid)
        for keep in (False, True):
            names = traced(pid, path, script, REQUESTS, keep)
            top = ", ".join(f"{call} {count / REQUESTS:.1f}" for call, count in collections.Counter(names).most_common(12))
            print(f"{name}, {'kept connection' if keep else 'new connections'}: "
                  f"{len(names) / REQUESTS:.1f} system calls per request ({top})")
        if name == "php-pool":
            counts = per_request(traced(pid, path, script, 10, True))
            print(f"{name}, kept connection: request 2 makes {counts[1]} calls, request 10 makes {counts[9]}")
            if counts[9] > counts[1]:
                raise SystemExit("FAILED: a kept connection becomes dearer with each request")
    finally:
        process.terminate()
        process.wait(10)


def main():
    build = os.path.abspath(sys.argv[1])
    fpm = shutil.which("php-fpm8.2") or shutil.which("php-fpm8.4")
    with tempfile.TemporaryDirectory() as directory:
        script = f"{directory}/www/hello.php"
        os.mkdir(f"{directory}/www")
        with open(script, "w", encoding="ascii") as f:
            f.write('<?php echo "Hello, world!\\n";\n')
        os.utime(script, (1, 1))  # opcache does not keep files that have just been written
        measure("php-pool", start_pool(build, directory, script), f"{directory}/pool.sock", script)
        if fpm:
            measure("php-fpm", start_fpm(fpm, directory), f"{directory}/fpm.sock", script)
        else:
            print("php-fpm is not installed: nothing to compare with")


main()
