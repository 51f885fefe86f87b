# SPDX-License-Identifier: MIT
"""Cost as it grows: p99 and processor time of a request, or memory, over the number of something, ours alone.

Before a point is measured each worker has served a request: the first one costs ten milliseconds, and would be most of what a
second with many workers or pools shows.

A case gives .points and .measure(x), which returns {line: sample}; the chart has a panel for each of .panels.
"""

import math
import os
import tempfile
from xml.sax.saxutils import escape

import cases
import figures
import loads
import report
import stacks
from pools import PhpPool

LINES = ["#1b6ca8", "#c0562a", "#3c8d40", "#7a4fa3"]


class Growth:
    panels = (("p99", "p99 ms"), ("cpu", "CPU us of a request"))

    def __init__(self, name, title, axis, points):
        self.name = name
        self.title = title
        self.axis = axis
        self.points = points

    def folder(self):
        path = tempfile.mkdtemp(dir=self.directory)
        os.chmod(path, 0o777)  # what serves is not root
        return path

    def pool(self, workers, **more):
        path = self.folder()
        return stacks.Pool("php-pool", PhpPool(self.bench, path, self.root, workers, **more))

    def front(self, workers, proxy_conf=""):
        return stacks.make(self.bench, "php-pool", f"{self.folder()}/stack", self.root, workers=workers, proxy_conf=proxy_conf)

    def warm(self, *pools):
        """As many requests at once as there are workers, each long enough to keep its worker from taking another."""
        for pool in pools:
            n = pool.workers
            done = loads.fcgi(self.bench.fcgi_load, pool.socket, f"{self.root}/sleep.php", n, 30, count=3 * n)
            assert done["requests"] >= n and not done["bad"], done

    def fcgi(self, pool, connections, keep):
        return loads.fcgi(self.bench.fcgi_load, pool.pool.socket, f"{self.root}/hello.php", connections, self.seconds, keep=keep)

    def under(self, stack, load):
        """The sample of @load with what it cost."""
        pids = [pid for group in stack.groups.values() for pid in group]
        load()
        for _ in range(3):
            watch = figures.Watch(pids)
            sample = load()
            cpu, sample["foreign"] = watch.stop()
            sample["cpu"] = cpu / max(1, sample["requests"])
            if sample["foreign"] < 0.1:
                break
        return sample

    def run(self, bench, rounds, seconds):
        self.bench = bench
        self.seconds = seconds
        points = self.points[:3] if bench.quick else self.points
        with tempfile.TemporaryDirectory(prefix="php-pool-bench-") as self.directory:
            os.chmod(self.directory, 0o755)
            self.root = f"{self.directory}/www"
            cases.write_scripts(self.root)
            found = [(x, self.measure(x)) for x in points]
        for x, lines in found:
            for line, sample in lines.items():
                said = ", ".join(f"{heading} {sample[key]:.1f}" for key, heading in self.panels)
                print(f"{self.name}: {x} {self.axis}, {line}: {said}"
                      + (f", {sample['bad']} failed" if sample.get("bad") else "")
                      + (f", {sample['unanswered']} unanswered" if sample.get("unanswered") else "")
                      + (f", others took {sample['foreign']:.0%}" if sample.get("foreign", 0) >= 0.1 else ""), flush=True)
        return {"name": self.name, "title": self.title, "axis": self.axis, "points": found}

    def chart(self, result):
        y, parts = 40, []
        for key, heading in self.panels:
            parts.append(panel(result, key, heading, y))
            y += 230
        return report.svg(720, y, f"{self.title} ({self.axis})", "\n".join(parts))


def panel(result, key, heading, top):
    """Logarithmic in x, from 0 in y."""
    left, width, height = 70, 500, 170
    xs = [x for x, _ in result["points"]]
    low, high = math.log(min(xs)), math.log(max(xs))
    most = max((sample[key] for _, lines in result["points"] for sample in lines.values()), default=0) or 1

    def place(x, value):
        return left + (math.log(x) - low) / ((high - low) or 1) * width, top + 20 + height - value / most * height

    parts = [f'<text x="{left}" y="{top + 10}" class="h">{escape(heading)}</text>',
             f'<path d="M{left} {top + 20}v{height}h{width}" stroke="#222" fill="none"/>',
             f'<text x="{left - 6}" y="{top + 26}" text-anchor="end">{most:.4g}</text>',
             f'<text x="{left - 6}" y="{top + 20 + height}" text-anchor="end">0</text>']
    for x in xs:
        parts.append(f'<text x="{place(x, 0)[0]:.1f}" y="{top + height + 36}" text-anchor="middle">{x:g}</text>')
    for i, line in enumerate(result["points"][0][1]):
        spots = [place(x, lines[line][key]) for x, lines in result["points"] if line in lines]
        parts.append(f'<path d="M{" ".join(f"{a:.1f},{b:.1f}" for a, b in spots)}" stroke="{LINES[i]}" stroke-width="2" fill="none"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{LINES[i]}"/>' for a, b in spots]
        parts.append(f'<text x="{left + width + 10}" y="{top + 30 + 16 * i}" fill="{LINES[i]}">{escape(line)}</text>')
    return "\n".join(parts)


class Connections(Growth):
    def measure(self, x):
        found = {}
        for line, start in (("FastCGI, new", self.pool), ("FastCGI, kept", self.pool), ("through the front", self.front)):
            stack = start(16)
            stack.start()
            self.warm(stack.pool)
            if line.startswith("FastCGI"):
                found[line] = self.under(stack, lambda: self.fcgi(stack, x, "kept" in line))
            else:
                found[line] = self.under(stack, lambda: loads.http(stack.port, "/hello.php", x, self.seconds))
            stack.stop()
        return found


class Workers(Growth):
    def measure(self, x):
        stack = self.pool(x)
        stack.start()
        self.warm(stack.pool)
        found = {line: self.under(stack, lambda: self.fcgi(stack, 8, line == "kept")) for line in ("new", "kept")}
        stack.stop()
        return found


class Pools(Growth):
    """Sites of one proxy, a pool of one worker each; a request for each in turn."""

    def measure(self, x):
        path = f"{self.folder()}/stack"
        stack = stacks.make(self.bench, "php-pool", path, self.root, workers=1, site='hosts = [ "site0.test" ];')
        pools = [PhpPool(self.bench, path, self.root, 1, name=f"site{i}", site=f'hosts = [ "site{i}.test" ];') for i in range(1, x)]
        script = f"{path}/hosts.lua"
        with open(script, "w", encoding="ascii") as f:
            f.write("local i = 0\nrequest = function()\n"
                    f'  i = (i + 1) % {x}\n  return wrk.format("GET", "/hello.php", {{ ["Host"] = "site" .. i .. ".test" }})\nend\n')
        for pool in pools:
            pool.start()
        stack.start()
        self.warm(stack.pool, *pools)
        groups = dict(stack.groups, others=[pid for pool in pools for pid in pool.pids])
        whole = Whole(groups)
        found = {"through the front": self.under(whole, lambda: loads.http(stack.port, "/", 8, self.seconds, script=script))}
        stack.stop()
        for pool in pools:
            pool.stop()
        return found


class Whole:
    def __init__(self, groups):
        self.groups = groups


class Headers(Growth):
    def measure(self, x):
        stack = self.front(16, proxy_conf='limits: { head = "64K"; };')
        stack.start()
        self.warm(stack.pool)
        # several lines, as browsers send cookies
        size = int(x * 1024)
        header = [f"X-Fill-{i}: {'x' * min(4000, size - 4000 * i)}" for i in range((size + 3999) // 4000)]
        found = {"through the front": self.under(stack, lambda: loads.http(stack.port, "/hello.php", 8, self.seconds, header=header)),
                 "FastCGI, kept": self.under(stack, lambda: loads.fcgi(
                     self.bench.fcgi_load, stack.pool.socket, f"{self.root}/hello.php", 8, self.seconds, keep=True,
                     params=["HTTP_" + line.replace("-", "_").replace(": ", "=", 1) for line in header]))}
        stack.stop()
        return found


class Requests(Growth):
    """Memory of each process after so many requests, in kB of private pages (PSS changes with the number of those who share)."""

    panels = (("memory", "private kB"),)

    def measure(self, x):
        if not hasattr(self, "stack"):
            self.stack = self.front(4)
            self.stack.start()
            self.done = 0
        while self.done < x:
            done = loads.http(self.stack.port, "/hello.php", 8, 2)
            self.done += done["requests"]
            self.bad = getattr(self, "bad", 0) + done["bad"]
        found = {}
        for line, pids in self.parts().items():
            found[line] = {"memory": sum(private_kilobytes(pid) for pid in pids), "requests": self.done, "bad": self.bad}
        if x == self.points[-1] or (self.bench.quick and x == self.points[2]):
            self.stack.stop()
        return found

    def parts(self):
        manager = self.stack.pool.process.pid
        template = figures.tree(manager)[1]
        return {"manager": [manager], "template": [template], "workers": figures.tree(template)[1:], "proxy": figures.tree(self.stack.process.pid)}


def private_kilobytes(pid):
    return sum(int(line.split()[1]) for line in figures.read(f"/proc/{pid}/smaps_rollup").splitlines() if line.startswith("Private_"))


CASES = [
    Connections("growth-connections", "Hello world, 16 workers", "connections", [1, 8, 32, 128, 512, 1000]),
    Workers("growth-workers", "Hello world over FastCGI, 8 connections", "workers", [1, 4, 8, 16, 64, 256]),
    Pools("growth-pools", "Hello world through one front, 8 connections", "pools", [1, 10, 50, 200, 500]),
    Headers("growth-headers", "Hello world, 8 connections", "kB of request headers", [0.5, 2, 8, 16, 32]),
    Requests("growth-requests", "Memory after requests", "requests", [1000, 25000, 50000, 75000, 100000]),
]
