# SPDX-License-Identifier: MIT
"""What processes cost: processor time, memory, system calls; and how quiet the machine is meanwhile.

Processor time is the scheduler's own count (nanoseconds, proc(5) schedstat), of all threads, with what
children that have ended leave in their parent. Memory is PSS: a shared page counts once for all who share it.
"""

import glob
import os
import re
import resource
import signal
import subprocess
import time

TICK_USEC = 1000000 / os.sysconf("SC_CLK_TCK")


def read(path):
    try:
        with open(path, encoding="ascii", errors="replace") as f:
            return f.read()
    except OSError:
        return ""  # the process has ended


def tree(pid):
    """The process and all below it."""
    below = [int(child) for path in glob.glob(f"/proc/{pid}/task/*/children") for child in read(path).split()]
    return [pid, *(p for child in below for p in tree(child))] if os.path.exists(f"/proc/{pid}") else []


def trees(pids):
    return [p for pid in pids for p in tree(pid)]


def cpu_usec(pids):
    """Of these processes, and of those below them, alive or not."""
    total = 0
    for pid in trees(pids):
        running = [read(path).split() for path in glob.glob(f"/proc/{pid}/task/*/schedstat")]
        total += sum(int(fields[0]) / 1000 for fields in running if fields)
        stat = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        if stat:
            total += (int(stat[13]) + int(stat[14])) * TICK_USEC  # cutime, cstime
    return total


def memory_bytes(pids):
    return sum(int(n) * 1024 for pid in trees(pids) for n in re.findall(r"^Pss:\s+(\d+)", read(f"/proc/{pid}/smaps_rollup"), re.M))


class Calls:
    """System calls of groups of processes while the block runs: .counts is {group: {call: n}}."""

    def __init__(self, directory, groups):
        self.directory = directory
        self.groups = groups
        self.counts = {}

    def __enter__(self):
        self.tracers = {}
        for name, pids in self.groups.items():
            arguments = [a for pid in trees(pids) for a in ("-p", str(pid))]
            self.tracers[name] = subprocess.Popen(["strace", "-f", "-c", "-o", f"{self.directory}/calls-{name}", *arguments],
                                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        return self

    def __exit__(self, *_):
        for name, tracer in self.tracers.items():
            tracer.send_signal(signal.SIGINT)
            tracer.wait(20)
            rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+ )?\s*(\w+)$", read(f"{self.directory}/calls-{name}"), re.M)
            self.counts[name] = {call: int(n) for n, call in rows if call != "total"}


def busy_usec():
    """Of all processors, whoever used them."""
    user, nice, system, _, _, irq, softirq, steal = (int(n) for n in read("/proc/stat").split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_USEC


def own_usec():
    """Of this program and of the load generators that have ended."""
    return sum(u.ru_utime + u.ru_stime for u in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))) * 1e6


class Watch:
    """Processor time between start and stop: of @pids, and the share of the machine that somebody else took."""

    def __init__(self, pids, others=()):
        self.pids = pids
        self.others = others  # known, but not to be counted: a database
        self.now = self.take()

    def take(self):
        return time.monotonic(), busy_usec(), own_usec(), cpu_usec(self.pids), cpu_usec(self.others)

    def stop(self):
        """(processor time in microseconds, foreign share from 0 to 1)"""
        seconds, busy, own, cpu, others = (b - a for a, b in zip(self.now, self.take()))
        foreign = (busy - own - cpu - others) / (seconds * 1e6 * os.cpu_count())
        return cpu, max(0.0, foreign)
