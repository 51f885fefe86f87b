# SPDX-License-Identifier: MIT
"""A port of the loopback for a server that a test starts."""

import random
import socket


def free_port():
    """Below those that the kernel gives to clients (ip_local_port_range): such a one is a client's for a minute behind its end."""
    for _ in range(1000):
        port = random.randrange(10000, 32768)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port of the loopback is free")
