# SPDX-License-Identifier: MIT
"""A FastCGI responder that misbehaves on request."""

import os
import socket
import struct
import threading


def record(kind, content=b"", padding=0, request=1):
    return struct.pack(">BBHHBB", 1, kind, request, len(content), padding, 0) + content + b"\0" * padding


def stdout(content, padding=0):
    return record(6, content, padding)


def end(status=0, app_status=0):
    return record(3, struct.pack(">IB3x", app_status, status))


def answer(body=b"ok"):
    return stdout(b"Content-Type: text/plain\r\n\r\n" + body) + end()


def pairs(data):
    """The names and values of a PARAMS stream."""

    def length(at):
        if data[at] < 0x80:
            return data[at], at + 1
        return struct.unpack_from(">I", data, at)[0] & 0x7FFFFFFF, at + 4

    at = 0
    while at < len(data):
        name, at = length(at)
        value, at = length(at)
        yield data[at : at + name].decode("latin-1"), data[at + name : at + name + value].decode("latin-1")
        at += name + value


class FakePool:
    """Each connection is given to @script(pool, connection, number); .requests counts those read whole."""

    def __init__(self, path, script, family=socket.AF_UNIX):
        self.path = path  # or an address of another family
        self.script = script
        self.requests = 0
        self.seen = []  # the parameters of each of them
        self.connections = 0
        self.open = set()
        self.family = family
        self.listener = socket.socket(family)
        if family == socket.AF_UNIX and os.path.exists(path):
            os.unlink(path)
        if family == socket.AF_INET:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(path)
        if family == socket.AF_UNIX:
            os.chmod(path, 0o666)
        self.listener.listen(64)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection, self.connections), daemon=True).start()

    def serve(self, connection, number):
        try:
            self.script(self, connection, number)
        except OSError:
            pass
        finally:
            self.open.discard(connection)
            connection.close()

    def read_request(self, connection):
        """Up to the empty STDIN record; the body. None at the end of the stream."""
        body, params = b"", b""
        stream = connection.makefile("rb", buffering=0)

        def exactly(n):
            data = b""
            while len(data) < n:
                piece = stream.read(n - len(data))
                if not piece:
                    return None
                data += piece
            return data

        while True:
            header = exactly(8)
            if header is None:
                return None
            _, kind, _, size, padding, _ = struct.unpack(">BBHHBB", header)
            content = exactly(size + padding)
            if content is None:
                return None
            if kind == 4:
                params += content[:size]
            if kind == 5:
                if size == 0:
                    self.requests += 1
                    self.seen.append(dict(pairs(params)))
                    return body
                body += content[:size]

    def stop(self):
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # its thread was faster
        if self.family == socket.AF_UNIX:
            os.unlink(self.path)
