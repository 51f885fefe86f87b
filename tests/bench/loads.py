# SPDX-License-Identifier: MIT
"""Load on servers, and what came of it: a table with rate, p50, p99 (milliseconds), requests and bad (errors, unanswered)."""

import json
import re
import socket
import subprocess
import threading
import time

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


def fcgi(program, address, script, connections, seconds, keep=False, count=0, rate=0, query="", body=0, params=(), root=None):
    """fcgi-load: closed loop; with @rate an open one."""
    command = [program, "--connections", str(connections), "--duration", f"{int(seconds * 1000)}ms", "--query", query]
    command += ["--keep"] if keep else []
    command += ["--count", str(count)] if count else []
    command += ["--rate", str(rate), "--poisson"] if rate else []
    command += ["--body", str(body)] if body else []
    command += ["--root", root] if root else []
    for param in params:
        command += ["--param", param]
    said = subprocess.run([*command, address, script], capture_output=True, text=True, check=True, timeout=seconds + 60)
    report = json.loads(said.stdout)
    return {
        "rate": report["rate"], "p50": report["latency_ms"]["p50"], "p99": report["latency_ms"]["p99"], "requests": report["requests"],
        "bad": sum(report["errors"].values()), "unanswered": report["unanswered"], "stale": report["stale"], "seconds": report["seconds"],
    }


def span(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * UNITS[unit]


def http(port, path, connections, seconds, script=None, header=()):
    """wrk, one thread, kept connections; a closed loop."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout", "10s"]
    command += ["-s", script] if script else []
    for line in header:
        command += ["-H", line]
    said = subprocess.run([*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True).stdout
    bad = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
    bad += sum(sum(int(n) for n in re.findall(r"\d+", line)) for line in re.findall(r"Socket errors: (.*)", said))
    latency = dict(re.findall(r"^\s+(50|99)%\s+(\S+)", said, re.M))
    return {
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1)), "p50": span(latency["50"]), "p99": span(latency["99"]),
        "requests": int(re.search(r"(\d+) requests in", said).group(1)), "bad": bad,
    }


def http_count(port, path, connections, count, body=None):
    """How many of @count requests on kept connections have been answered well, by h2load."""
    command = ["h2load", "--h1", "-t1", f"-c{connections}", f"-n{count}", *(["-d", body] if body else [])]
    try:
        said = subprocess.run([*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True, timeout=15).stdout
    except subprocess.TimeoutExpired:
        return 0
    return int(re.search(r"(\d+) succeeded", said).group(1))


def get(port, path, timeout=20):
    """The whole answer to one request."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while piece := s.recv(65536):
            data += piece
        return data


class SlowClients:
    """Half of @n send their request byte by byte, half take their answer in small pieces, for as long as the block runs."""

    PAUSE = 0.1

    def __init__(self, port, path, n):
        self.port = port
        self.path = path
        self.n = n
        self.refused = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        time.sleep(1)
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join(20)

    def connect(self, takes):
        s = socket.socket()
        if takes:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(2)
        s.connect(("127.0.0.1", self.port))
        head = f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        s.sendall((head + ("Connection: close\r\n\r\n" if takes else "X-Slow: ")).encode())
        s.setblocking(False)
        return s

    def step(self, s, takes):
        """None when the connection is over."""
        try:
            if takes:
                return s if s.recv(2048) else None
            s.send(b"x")
            return s
        except BlockingIOError:
            return s
        except OSError:
            return None

    def run(self):
        clients = [None] * self.n
        while not self.ending.is_set():
            begin = time.monotonic()
            for i in range(self.n):
                takes = i % 2 == 0
                try:
                    before = clients[i]
                    clients[i] = self.step(before, takes) if before else self.connect(takes)
                    if before and not clients[i]:
                        before.close()
                except OSError:
                    self.refused += 1
                if self.ending.is_set():
                    break
            self.ending.wait(max(0.0, self.PAUSE - (time.monotonic() - begin)))
        for s in clients:
            if s:
                s.close()
