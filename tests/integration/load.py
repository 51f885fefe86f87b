#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Load that notices a lost request: eight clients, half of them on kept
connections, until a file appears.

    load.py --fcgi SOCKET --root DIR --until FILE
    load.py --http HOST:PORT --host NAME --until FILE

Each client sends in turn a script of 200 ms and a POST that is echoed, each with
a token of its own, and compares the whole body. A kept connection that ends
before a byte of the answer came was closed in the instant of sending: the request
is sent again, as every front end does, and counted as stale; unless the pool ran
it, which the pool's list of tokens tells: then it is lost.

Prints one line: requests N stale N lost N, then each loss with its reason.
"""

import argparse
import http.client
import os
import random
import socket
import sys
import threading
import time

from fcgi_client import Connection, Lost, parameters

N_CLIENTS = 8


class FastCgi:
    def __init__(self, args, keep):
        self.args, self.keep, self.connection = args, keep, None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def exchange(self, script, query, body):
        self.connection = self.connection or Connection(self.args.fcgi)
        method = "GET" if body is None else "POST"
        params = parameters(f"{self.args.root}/{script}", query, method, len(body or b""))
        response = self.connection.request(params, body or b"", self.keep)
        if not self.keep:
            self.close()
        return response.status, response.body


class Http:
    def __init__(self, args, keep):
        self.args, self.keep, self.connection = args, keep, None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def exchange(self, script, query, body):
        if not self.connection:
            host, _, port = self.args.http.rpartition(":")
            self.connection = http.client.HTTPConnection(host, int(port), timeout=30)
            self.connection.connect()
        headers = {"Host": self.args.host, "Connection": "keep-alive" if self.keep else "close"}
        try:
            self.connection.request("GET" if body is None else "POST", f"/{script}?{query}", body, headers)
            response = self.connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            raise Lost(repr(error), False) from error
        except (http.client.HTTPException, socket.timeout) as error:
            raise Lost(repr(error), True) from error
        try:
            data = response.read()
        except (http.client.HTTPException, OSError) as error:
            raise Lost(repr(error), True) from error
        if not self.keep or response.will_close:
            self.close()
        return response.status, data


class Load:
    def __init__(self, args):
        self.args = args
        self.lock = threading.Lock()
        self.requests = 0
        self.stale = []
        self.lost = []

    def one(self, client, fresh, token, body):
        """Sends a request; fresh: on a connection of its own. Gives what was lost, or None."""
        script = "slow.php" if body is None else "echo.php"
        query = f"ms=200&token={token}" if body is None else f"token={token}"
        expected = f"slow {token}\n".encode() if body is None else body
        try:
            status, data = client.exchange(script, query, body)
        except Lost as error:
            client.close()
            if not fresh and not error.answered:
                return "stale"
            return f"{script}: {error}"
        except OSError as error:
            client.close()
            return f"{script}: connect: {error!r}"
        if status != 200:
            return f"{script}: status {status}: {data[:200]!r}"
        if data != expected:
            return f"{script}: body differs: {len(data)} bytes for {len(expected)}: {data[:80]!r}"
        return None

    def run(self, number):
        rng = random.Random(number)
        keep = number % 2 == 0
        client = (FastCgi if self.args.fcgi else Http)(self.args, keep)
        count = 0
        while not os.path.exists(self.args.until):
            count += 1
            body = rng.randbytes(rng.choice([1, 1000, 8192, 65536, 200000])) if count % 2 == 0 else None
            for attempt in range(2):
                token = f"{os.getpid()}-{number}-{count}-{attempt}"
                why = self.one(client, client.connection is None, token, body)
                with self.lock:
                    if attempt == 0:
                        self.requests += 1
                    if why == "stale":
                        self.stale.append(token)
                    elif why:
                        self.lost.append(f"{token} {why} at {time.time():.3f}")
                if why != "stale":
                    break
        client.close()

    def executed(self):
        """The tokens that PHP saw."""
        client = (FastCgi if self.args.fcgi else Http)(self.args, False)
        return set(client.exchange("tokens.php", "", None)[1].decode().split())

    def report(self):
        ran = self.executed()
        for token in self.stale:
            if token in ran:
                self.lost.append(f"{token} ran, but was not answered")
        print(f"requests {self.requests} stale {len(self.stale)} lost {len(self.lost)}")
        for loss in self.lost:
            print(loss)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fcgi")
    parser.add_argument("--http")
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--root")
    parser.add_argument("--until", required=True)
    load = Load(parser.parse_args())
    threads = [threading.Thread(target=load.run, args=(n,), daemon=True) for n in range(N_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if any(thread.is_alive() for thread in threads):
        print("a client still waits for its answer")
        return 1
    load.report()
    return 0


if __name__ == "__main__":
    sys.exit(main())
