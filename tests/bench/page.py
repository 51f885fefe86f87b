#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of php-pool-figures(7), from the figures of a run.

    tests/bench/page.py DIRECTORY…

DIRECTORY is what bench.py wrote; of cases that are in several the last one counts.
"""

import json
import os
import sys

# case: what the page calls it; the peers that it has there
CASES = {
    "fcgi-new-1": "new connections, 1",
    "fcgi-new-8": "new connections, 8",
    "fcgi-new-64": "new connections, 64",
    "fcgi-kept-1": "kept connection, 1",
    "fcgi-kept-8": "kept connections, 8",
    "fcgi-kept-64": "kept connections, 64, 8 workers",
    "front-8": "through the front, 8",
    "front-256": "through the front, 256",
    "static-8": "static file of 10 kB, 8",
    "dokuwiki": "DokuWiki's start page, 8",
    "wordpress": "WordPress, a post with comments, 8",
}
NAMES = {"apache, php-fpm": "Apache, php-fpm", "apache mod_php": "Apache mod_php", "apache": "Apache", "haproxy, php-fpm": "HAProxy, php-fpm",
         "caddy, php-fpm": "Caddy, php-fpm", "caddy": "Caddy"}


def ratio(stack, key):
    found = (stack["figures"].get(key) or {}).get("ratio")
    return f"{found['median']:.2f} ({found['min']:.2f} to {found['max']:.2f})" if found else " "


def rows(title, case):
    ours, *peers = case["stacks"]
    first = [title, f"{ours['figures']['rate']['median']:.0f}"]
    for peer in peers:
        if "rate" in peer["figures"]:
            yield [first[0], NAMES.get(peer["name"], peer["name"]), first[1], ratio(peer, "rate"), ratio(peer, "p99"), ratio(peer, "cpu")]
            first = [" ", " "]


def main(directories):
    found = {}
    for directory in directories:
        with open(os.path.join(directory, "figures.json"), encoding="utf-8") as f:
            found.update({case["name"]: case for case in json.load(f)["cases"]})
    print("[[ *Case*\n:[ *Peer*\n:[ *php-pool, requests/s*\n:[ *Requests/s*\n:[ *p99*\n:[ *Processor time*")
    for name, title in CASES.items():
        for row in rows(title, found[name]) if name in found else []:
            print("|  " + "\n:  ".join(row))


if __name__ == "__main__":
    main(sys.argv[1:])
