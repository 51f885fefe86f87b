#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""peers.py SOCKET HOST:PORT SCRIPT HOST: many peers that misbehave at once, each
kind twelve or thirteen times; meanwhile both ways are asked properly."""

import http.client
import os
import socket
import sys
import time

sys.path.insert(0, "/opt/tests")
from fcgi_client import BEGIN, PARAMS, STDIN, Connection, Lost, pair, parameters, record

fcgi, web, script, host = sys.argv[1:]
address, _, port = web.rpartition(":")

params = b"".join(pair(k, v) for k, v in parameters(script, method="POST", length=1000).items())
request = record(BEGIN, b"\0\1\0\0\0\0\0\0") + record(PARAMS, params) + record(PARAMS)
KINDS = {
    "FastCGI garbage": os.urandom(4096).replace(b"\x01", b"\x02"),
    "FastCGI half a header": request[:12],
    "FastCGI silence": b"",
    "FastCGI half a body": request + record(STDIN, b"x" * 500)[:300],
    "HTTP garbage": os.urandom(4096).replace(b"\n", b"\r"),
    "HTTP half a header": b"GET / HTTP/1.1\r\nHost: " + host.encode() + b"\r\nX-Half",
    "HTTP silence": b"",
    "HTTP half a body": b"POST /info.php HTTP/1.1\r\nHost: " + host.encode() + b"\r\nContent-Length: 1000\r\n\r\nhalf",
}


def connect(kind):
    if kind.startswith("FastCGI"):
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(fcgi)
    else:
        peer = socket.create_connection((address, int(port)))
    return peer


def cut_off(peer, until):
    """The other side has ended the connection (an answer before is allowed)."""
    try:
        while True:
            peer.settimeout(max(0.01, until - time.monotonic()))
            if not peer.recv(65536):
                return True
    except socket.timeout:
        return False
    except ConnectionError:
        return True


def served():
    if Connection(fcgi, 5).request(parameters(script)).status != 200:
        return False
    connection = http.client.HTTPConnection(address, int(port), timeout=5)
    connection.request("GET", "/info.php", headers={"Host": host})
    return connection.getresponse().status == 200


def main():
    peers = []
    for kind, data in KINDS.items():
        for _ in range(13):
            peer = connect(kind)
            try:
                peer.sendall(data)
            except ConnectionError:
                pass
            peers.append((kind, peer))

    ok = 0
    for _ in range(10):
        try:
            ok += served()
        except (OSError, Lost, http.client.HTTPException) as error:
            print(f"a proper request failed: {error!r}")
        time.sleep(0.1)
    print("others:", "served" if ok == 10 else f"only {ok} of 10 served")

    until = time.monotonic() + 15
    ended = {kind: True for kind in KINDS}
    for kind, peer in peers:
        ended[kind] = cut_off(peer, until) and ended[kind]
    for kind, end in ended.items():
        print(f"{kind}:", "cut off" if end else "still open after 15 s")


main()
