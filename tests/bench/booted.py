# SPDX-License-Identifier: MIT
"""The cases that need a booted systemd: scenarios of booted/, run as those of tests/integration are.

Their lines that say FIGURE are the result.
"""

import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Booted:
    def __init__(self, name, title, scenario):
        self.name = name
        self.title = title
        self.scenario = scenario

    def run(self, bench):
        """The figures as sentences."""
        if os.getuid() != 0:
            raise FileNotFoundError("only root can boot a tree")
        said = subprocess.run([f"{HERE}/../integration/run.sh", "--build", bench.build, "--scenarios", f"{HERE}/booted",
                               "--prepare", f"cp '{bench.build}/tests/empty' '{HERE}/memory.py' \"$TREE/usr/local/lib/\"",
                               self.scenario],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              env=dict(os.environ, SCENARIO_SECONDS="1200"))
        found = re.findall(r"^  FIGURE +(.*)", said.stdout, re.M)
        if said.returncode or not found:
            raise RuntimeError(f"{self.scenario} failed: {said.stdout}{said.stderr}")
        for line in found:
            print(f"{self.name}: {line}", flush=True)
        return {"name": self.name, "title": self.title, "figures": found}


CASES = [
    Booted("first-request", "The first request to a sleeping pool", "BENCH-01-first-request"),
    Booted("sleeping", "1000 configured, sleeping pools", "BENCH-02-sleeping"),
]
