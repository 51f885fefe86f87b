# SPDX-License-Identifier: MIT
"""One call on a control socket, in varlink: JSON ended by a NUL."""

import json
import os
import socket


def call(pool, method, **parameters):
    """The reply's parameters, or the error's name."""
    message = {"method": method if "." in method else "io.phppool.Pool." + method}
    if parameters:
        message["parameters"] = parameters
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(os.path.join(pool.directory, "rd", "test", "control"))
        s.sendall(json.dumps(message).encode() + b"\0")
        data = b""
        while not data.endswith(b"\0"):
            more = s.recv(1 << 16)
            if not more:
                raise AssertionError("the control socket was closed")
            data += more
    reply = json.loads(data[:-1])
    return reply["error"] if "error" in reply else reply.get("parameters", {})


def status(pool):
    return call(pool, "GetStatus")["status"]
