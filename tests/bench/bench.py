#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""php-pool beside its peers on this machine.

    tests/bench/bench.py [OPTION…] BUILD_DIRECTORY [CASE…]

    --rounds N    of each case (5)
    --seconds S   of each sample (3)
    --quick       one round of a second each: does it work?
    --list        names of the cases
    --output DIR  for figures.json and the charts (BUILD_DIRECTORY/bench)

All stacks of a case run at the same time and are loaded in turns, so that each figure is compared with its neighbours in
time. A sample during which other programs took a tenth of the machine is taken again, twice at most, and what they
took in the one that was kept is in the JSON ("foreign").
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import booted  # pylint: disable=wrong-import-position
import cases
import figures
import growth
import pools
import report
import waking
from processes import Processes

FOREIGN_MAX = 0.10
AGAIN_MAX = 2


class Bench:
    def __init__(self, build, processes, quick):
        self.build = os.path.abspath(build)
        self.processes = processes
        self.quick = quick
        self.poold = f"{self.build}/daemon/php-poold"
        self.proxy = f"{self.build}/daemon/php-pool-proxy"
        self.worker = pools.worker_program(self.build)
        self.fcgi_load = f"{self.build}/tests/fcgi-load"

    def build_options(self):
        """What may make a difference."""
        try:
            with open(f"{self.build}/meson-info/intro-buildoptions.json", encoding="utf-8") as f:
                return {o["name"]: o["value"] for o in json.load(f) if o["name"] in ("buildtype", "b_lto", "b_ndebug", "b_pgo", "c_args", "optimization")}
        except OSError:
            return {}


def sample(bench, case, stack, seconds):
    pids = [pid for group in stack.groups.values() for pid in group]
    for again in range(1 if bench.quick else 1 + AGAIN_MAX):
        watch = figures.Watch(pids, case.aux)
        taken = case.load(stack, seconds)
        groups = [pid for group in stack.groups.values() for pid in group]
        if groups == pids:
            cpu, taken["foreign"] = watch.stop()
            taken["cpu"] = cpu / taken["requests"] if taken["requests"] else None
        taken["pss"] = figures.memory_bytes(groups)
        taken["again"] = again
        if taken.get("foreign", 0) < FOREIGN_MAX:
            break
    return taken


def note(samples):
    """What is wrong with the figures."""
    parts = []
    for key, text in (("bad", "failed"), ("unanswered", "unanswered at the end")):
        number = sum(s.get(key, 0) for s in samples)
        if number:
            parts.append(f"{number} {text}")
    foreign = max(s.get("foreign", 0) for s in samples)
    if foreign >= FOREIGN_MAX:
        parts.append(f"others took up to {foreign:.0%}")
    return ", ".join(parts)


def run_case(bench, case, rounds, seconds):
    with tempfile.TemporaryDirectory(prefix="php-pool-bench-") as directory:
        os.chmod(directory, 0o755)
        case.prepare(bench, directory)
        stacks = case.stacks(bench, directory)
        result = {"name": case.name, "title": case.title, "stacks": [{"name": stack.name, "samples": []} for stack in stacks]}
        started = []
        try:
            for stack in stacks:
                stack.start()
                started.append(stack)
                if hasattr(stack, "port"):
                    case.check(stack)
                case.warm(stack)
                case.load(stack, 1)
            for _ in range(rounds):
                for stack, into in zip(stacks, result["stacks"]):
                    into["samples"].append(sample(bench, case, stack, seconds))
            for stack, into in zip(stacks, result["stacks"]):
                into["calls"] = case.calls(stack, directory)
                into["note"] = note(into["samples"])
                if into["calls"]:
                    total = sum(n for table in into["calls"].values() for n in table.values())
                    for taken in into["samples"]:
                        taken["calls"] = total
        finally:
            for stack in reversed(started):
                stack.stop()
            case.finish()
    return report.summary(result)


def run(arguments, chosen):
    output = arguments.output or f"{arguments.build}/bench"
    os.makedirs(output, exist_ok=True)
    results = []
    with Processes() as processes:
        bench = Bench(arguments.build, processes, arguments.quick)
        for case in chosen:
            begin = time.monotonic()
            try:
                chart = None
                if isinstance(case, (booted.Booted, waking.Waking)):
                    result = case.run(bench)
                elif isinstance(case, growth.Growth):
                    result = case.run(bench, arguments.rounds, arguments.seconds)
                    chart = case.chart(result)
                else:
                    result = run_case(bench, case, arguments.rounds, arguments.seconds)
                    chart = report.chart(result)
                    results.append(result)
            except FileNotFoundError as e:
                print(f"{case.name}: left out, {e}", flush=True)
                continue
            except (SystemExit, KeyboardInterrupt):
                print(report.table(results))  # of the cases that were done
                raise
            for kind, text in (("svg", chart), ("json", json.dumps(result, indent=1))):
                if text:
                    with open(f"{output}/{case.name}.{kind}", "w", encoding="utf-8") as f:
                        f.write(text)
            print(f"{case.name}: {time.monotonic() - begin:.0f} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
        report.write_json(f"{output}/figures.json", bench, results)
    if results:
        print(report.table(results))
    print(f"JSON and charts: {output}")
    return any(s["bad"] for r in results for s in r["stacks"][0]["samples"])


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n", 1)[1])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--output")
    parser.add_argument("build")
    parser.add_argument("cases", nargs="*")
    arguments = parser.parse_args()
    known = {case.name: case for case in [*cases.CASES, *booted.CASES, *waking.CASES, *growth.CASES]}
    if arguments.list:
        print("\n".join(f"{name}\t{case.title}" for name, case in known.items()))
        return 0
    unknown = [name for name in arguments.cases if name not in known]
    if unknown:
        parser.error(f"there is no case {unknown[0]!r}; --list names them")
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 5)
    arguments.seconds = arguments.seconds or (1 if arguments.quick else 3)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return run(arguments, [known[name] for name in arguments.cases or known])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as e:
        sys.exit(f"{e}: {(e.stderr or '')[-2000:]}")
    except KeyboardInterrupt:
        sys.exit(130)
