# SPDX-License-Identifier: MIT
"""FastCGI record by record: what a peer may send, right or wrong, and what comes back."""

import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from fcgi_client import pair, parameters  # noqa: E402

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = range(1, 12)
COMPLETE, CANT_MPX, OVERLOADED, UNKNOWN_ROLE = range(4)


def record(kind, content=b"", request=1, padding=0, version=1, reserved=0):
    return (struct.pack("!BBHHBB", version, kind, request, len(content), padding, reserved) + content
            + b"\xee" * padding)


def begin(role=1, keep=True, request=1):
    return record(BEGIN, struct.pack("!HB5x", role, 1 if keep else 0), request)


class Reply:
    """All that came for one request."""

    def __init__(self):
        self.out, self.err, self.kinds, self.end = b"", b"", [], None

    def finish(self, content):
        self.app, self.protocol, self.reserved = struct.unpack("!IB3s", content)
        self.end = content

    @property
    def head(self):
        return self.out.partition(b"\r\n\r\n")[0]

    @property
    def body(self):
        return self.out.partition(b"\r\n\r\n")[2]

    @property
    def status(self):
        for line in self.head.split(b"\r\n"):
            if line.lower().startswith(b"status:"):
                return int(line.split()[1])
        return 200


class Peer:
    """One connection; @address: the path of a socket, or (host, port)."""

    def __init__(self, address, timeout=5):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self.data = b""
        self.was_reset = False
        self.aligned = [True] * 256  # by type: each record was padded to eight bytes

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))
        return self

    def record(self):
        """(type, id, content), or None at the end."""
        while len(self.data) < 8 or len(self.data) < 8 + sum(struct.unpack("!HB", self.data[4:7])):
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                self.was_reset, more = True, b""
            if not more:
                return None
            self.data += more
        version, kind, request, size, padding, reserved = struct.unpack("!BBHHBB", self.data[:8])
        assert version == 1 and reserved == 0
        self.aligned[kind] = self.aligned[kind] and (size + padding) % 8 == 0
        content, self.data = self.data[8:8 + size], self.data[8 + size + padding:]
        return kind, request, content

    def reply(self, request=1):
        """The Reply to one request, or None when the connection ended before it did."""
        reply = Reply()
        while not reply.end:
            got = self.record()
            if got is None:
                return None
            kind, number, content = got
            assert number == request, got
            reply.kinds.append(kind)
            if kind == STDOUT:
                reply.out += content
            elif kind == STDERR:
                reply.err += content
            elif kind == END:
                reply.finish(content)
        return reply

    def answer(self, request=1):
        """(body, application status, protocol status) of one request."""
        reply = self.reply(request)
        if reply is None:
            return None
        assert reply.reserved == b"\0\0\0", "reserved bytes of END_REQUEST are zero"
        return reply.body, reply.app, reply.protocol


def encoded(script, query="", method="GET", length=0, extra=None):
    """The content of PARAMS."""
    return b"".join(pair(k, v) for k, v in parameters(script, query, method, length, extra).items())


def whole(params, body=b"", request=1, keep=True):
    """A request from BEGIN to the end of STDIN."""
    parts = [record(STDIN, body[i:i + 65535], request) for i in range(0, len(body), 65535)]
    return b"".join([begin(keep=keep, request=request), record(PARAMS, params, request), record(PARAMS, request=request),
                     *parts, record(STDIN, request=request)])
