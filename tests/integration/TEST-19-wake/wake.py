#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""wake.py POOL=SCRIPT...: how long the first request of a pool that sleeps takes, and a warm one.

Prints medians in microseconds. The pools take turns, so what else the machine does concerns all; the first
one is an empty program, and what the others need beyond it is told in their warm times.
"""

import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fcgi_client import Connection, parameters  # noqa: E402

ROUNDS = 9


def ask(name, script):
    """Microseconds until the whole answer is there."""
    begin = time.monotonic()
    connection = Connection(f"/run/php-pool/{name}.sock", 30)
    response = connection.request(parameters(script, extra={"HTTP_HOST": name + ".test"}))
    taken = time.monotonic() - begin
    connection.close()
    if response.status != 200 or not response.body:
        raise SystemExit(f"{name}: {response.status} {response.head!r}")
    return taken * 1e6


def sleep(name):
    """As after timeouts.idle_exit: the socket stays."""
    subprocess.run(["systemctl", "stop", f"php-pool@{name}.service"], check=True, stderr=subprocess.DEVNULL)


def files(name):
    """Scripts in the file cache of the pool."""
    return sum(file.endswith(".bin") for _, _, names in os.walk(f"/var/cache/php-pool/{name}/opcache/") for file in names)


def main():
    pools = dict(argument.split("=", 1) for argument in sys.argv[1:])
    first, warm = {name: [] for name in pools}, {name: [] for name in pools}
    for name, script in pools.items():  # the application makes its own caches; opcache keeps no file that is new
        for _ in range(3):
            ask(name, script)
    for _ in range(ROUNDS):
        for name in pools:
            sleep(name)
        for name, script in pools.items():
            first[name].append(ask(name, script))
        for name, script in pools.items():
            ask(name, script)  # by the same worker, or by one that is new
            ask(name, script)
            warm[name].append(ask(name, script))
    for kind, table in (("first", first), ("warm", warm)):
        for name, values in table.items():
            print(f"{kind} of {name}: {statistics.median(values):.0f} us, {min(values):.0f} to {max(values):.0f}")
    empty, *others = pools
    for name in others:
        beyond = statistics.median(mine - its for mine, its in zip(first[name], first[empty]))
        print(f"beyond an empty program's: {name} needs {beyond / 1000:.1f} ms, {beyond / statistics.median(warm[name]):.1f} warm times")
    for name in pools:
        print(f"files of {name}: {files(name)}")


if __name__ == "__main__":
    main()
