#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A FastCGI client: as a module for the load, as a command for the scenarios.

    fcgi_client.py ADDRESS SCRIPT [--query Q] [--post TEXT] [--param K=V] [--show status|head|body|stderr|all]

ADDRESS is a path or HOST:PORT. The exit status is 0 for an answer below 400,
22 for one from 400 on (as curl --fail has it), 1 when there was no whole answer.
"""

import argparse
import socket
import struct
import sys

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = range(1, 8)
RESPONDER, KEEP_CONN = 1, 1


class Lost(Exception):
    """The connection ended before the answer did; .answered tells whether any of it came."""

    def __init__(self, why, answered):
        super().__init__(why)
        self.answered = answered


class Response:
    def __init__(self, stdout, stderr, app_status, protocol_status):
        head, separator, self.body = stdout.partition(b"\r\n\r\n")
        if not separator:
            head, _, self.body = stdout.partition(b"\n\n")
        self.headers = {}
        for line in head.decode("latin-1").splitlines():
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.head = head
        self.stderr = stderr
        self.app_status = app_status
        self.protocol_status = protocol_status
        self.status = int(self.headers.get("status", "200").split()[0]) if protocol_status == 0 else 503


def record(kind, data=b"", request=1):
    out = b""
    while True:
        part, data = data[:65528], data[65528:]
        padding = -len(part) % 8
        out += struct.pack("!BBHHBx", 1, kind, request, len(part), padding) + part + bytes(padding)
        if not data:
            return out


def pair(name, value):
    def size(n):
        return struct.pack("!B", n) if n < 128 else struct.pack("!I", n | 0x80000000)

    name, value = name.encode(), value.encode()
    return size(len(name)) + size(len(value)) + name + value


def parameters(script, query="", method="GET", length=0, extra=None):
    root, _, name = script.rpartition("/")
    path = "/" + name
    params = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "test",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": method,
        "REQUEST_URI": path + ("?" + query if query else ""),
        "SCRIPT_NAME": path,
        "SCRIPT_FILENAME": script,
        "DOCUMENT_ROOT": root,
        "QUERY_STRING": query,
    }
    if method == "POST":
        params["CONTENT_TYPE"] = "application/octet-stream"
        params["CONTENT_LENGTH"] = str(length)
    params.update(extra or {})
    return params


class Connection:
    def __init__(self, address, timeout=30):
        if address.startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            try:
                self.socket.connect(address)
            except OSError:
                self.socket.close()
                raise
        else:
            host, _, port = address.rpartition(":")
            self.socket = socket.create_connection((host, int(port)), timeout)

    def close(self):
        self.socket.close()

    def _read(self, n, answered):
        data = b""
        while len(data) < n:
            try:
                part = self.socket.recv(n - len(data))
            except (ConnectionError, socket.timeout) as error:
                raise Lost(repr(error), answered or bool(data)) from error
            if not part:
                raise Lost("end of file", answered or bool(data))
            data += part
        return data

    def request(self, params, body=b"", keep=False):
        encoded = b"".join(pair(k, v) for k, v in params.items())
        out = record(BEGIN, struct.pack("!HB5x", RESPONDER, KEEP_CONN if keep else 0))
        out += record(PARAMS, encoded) + record(PARAMS)
        if body:
            out += record(STDIN, body)
        out += record(STDIN)
        try:
            self.socket.sendall(out)
        except (ConnectionError, socket.timeout) as error:
            # The answer may stand in the socket all the same.
            if isinstance(error, socket.timeout):
                raise Lost(repr(error), False) from error
        stdout, stderr, answered = [], [], False
        while True:
            version, kind, _, length, padding = struct.unpack("!BBHHBx", self._read(8, answered))
            if version != 1:
                raise Lost("not FastCGI", True)
            answered = True
            data = self._read(length + padding, True)[:length]
            if kind == STDOUT:
                stdout.append(data)
            elif kind == STDERR:
                stderr.append(data)
            elif kind == END:
                app_status, protocol_status = struct.unpack("!IB3x", data)
                return Response(b"".join(stdout), b"".join(stderr), app_status, protocol_status)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("script")
    parser.add_argument("--query", default="")
    parser.add_argument("--post")
    parser.add_argument("--param", action="append", default=[])
    parser.add_argument("--timeout", type=float, default=30)
    parser.add_argument("--show", choices=["status", "head", "body", "stderr", "all"], default="body")
    args = parser.parse_args()

    body = args.post.encode() if args.post is not None else b""
    method = "POST" if args.post is not None else "GET"
    extra = dict(p.split("=", 1) for p in args.param)
    try:
        connection = Connection(args.address, args.timeout)
        response = connection.request(parameters(args.script, args.query, method, len(body), extra), body)
    except (OSError, Lost) as error:
        print(f"no answer: {error}", file=sys.stderr)
        return 1
    text = {
        "status": f"{response.status}\n".encode(),
        "head": response.head + b"\n",
        "body": response.body,
        "stderr": response.stderr,
        "all": response.head + b"\n\n" + response.body,
    }
    sys.stdout.buffer.write(text[args.show])
    return 0 if response.status < 400 else 22


if __name__ == "__main__":
    sys.exit(main())
