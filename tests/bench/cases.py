# SPDX-License-Identifier: MIT
"""The cases: which stacks, under which load.

A case has .stacks(bench, directory), what stands beside each other, ours first; .load(stack, seconds), one sample;
.calls(stack, directory), system calls of a request for each part of the stack.
"""

import os
import time

import applications
import figures
import loads
import memory
import stacks
from pools import FPM, PhpFpm, PhpPool

HELLO = '<?php echo "Hello, world!\\n";\n'
SCRIPTS = {
    "hello.php": HELLO,
    "two-mb.php": '<?php for ($i = 0; $i < 32; $i++) echo str_repeat("0123456789abcdef", 4096);\n',
    "take.php": '<?php echo strlen(file_get_contents("php://input")), "\\n";\n',
    "sleep.php": '<?php usleep(20000); echo "Hello, world!\\n";\n',
    "file.txt": "0123456789abcdef" * 640,
}
COUNT = 500  # requests under strace


def write_scripts(directory):
    os.makedirs(directory)
    for name, text in SCRIPTS.items():
        with open(f"{directory}/{name}", "w", encoding="ascii") as f:
            f.write(text)
        os.utime(f"{directory}/{name}", (1, 1))  # opcache does not keep files that have just been written


def per_request(calls, count):
    return {group: {call: n / count for call, n in table.items() if n >= count / 20} for group, table in calls.counts.items()}


class Case:
    aux = ()  # pids of what belongs to no stack: a database

    def __init__(self, name, title):
        self.name = name
        self.title = title

    def prepare(self, bench, directory):
        self.bench = bench
        self.root = f"{directory}/www"
        write_scripts(self.root)

    def warm(self, stack):
        """Before the first load."""

    def calls(self, stack, directory):
        return None

    def finish(self):
        pass


class Fcgi(Case):
    """@connections to a pool. @workers: of each pool; @best: php-fpm beside it as it does best with kept connections."""

    def __init__(self, name, title, connections, keep, workers=16, rate=0, best=False):
        super().__init__(name, title)
        self.connections = connections
        self.keep = keep
        self.workers = workers
        self.rate = rate
        self.best = best

    def stacks(self, bench, directory):
        def pool(name, kind, workers, **more):
            path = f"{directory}/{name.replace(' ', '-')}"
            os.makedirs(path)
            os.chmod(path, 0o777)
            return stacks.Pool(name, kind(bench, path, self.root, workers, **more))

        found = [pool("php-pool", PhpPool, self.workers)]
        if FPM and self.best:
            found.append(pool("php-fpm at its best", PhpFpm, 16))
            found[-1].connections = 8
        if FPM:
            found.append(pool("php-fpm", PhpFpm, self.workers))
        return found

    def load(self, stack, seconds):
        return loads.fcgi(self.bench.fcgi_load, stack.pool.socket, f"{self.root}/hello.php",
                          getattr(stack, "connections", self.connections), seconds, keep=self.keep, rate=self.rate)

    def calls(self, stack, directory):
        connections = min(getattr(stack, "connections", self.connections), self.workers)
        with figures.Calls(directory, stack.groups) as calls:
            done = loads.fcgi(self.bench.fcgi_load, stack.pool.socket, f"{self.root}/hello.php", connections, 60, keep=self.keep, count=COUNT)
            time.sleep(0.2)
        return per_request(calls, done["requests"])


class Burst(Fcgi):
    """All at once to a pool that has just served its first request; the samples have a pool each."""

    def stacks(self, bench, directory):
        def pool(name, made):
            return stacks.Pool(name, made)

        for name in ("pool", "ondemand", "dynamic"):
            os.makedirs(f"{directory}/{name}")
            os.chmod(f"{directory}/{name}", 0o777)
        found = [pool("php-pool", PhpPool(bench, f"{directory}/pool", self.root, self.workers, min_workers=0))]
        if FPM:
            for mode in ("ondemand", "dynamic"):
                found.append(pool(f"php-fpm {mode}", PhpFpm(bench, f"{directory}/{mode}", self.root, self.workers, mode=mode)))
        return found

    def load(self, stack, seconds):
        stack.stop()
        memory.touch()
        stack.start()
        script = f"{self.root}/sleep.php"
        loads.fcgi(self.bench.fcgi_load, stack.pool.socket, script, 1, 10, count=1)
        time.sleep(1)
        return loads.fcgi(self.bench.fcgi_load, stack.pool.socket, script, self.connections, 20, count=self.connections)

    def calls(self, stack, directory):
        return None


class Http(Case):
    """Through the front. @names: stacks; @body: is posted; @slow: so many slow clients meanwhile."""

    def __init__(self, name, title, path, connections, names=None, workers=16, body=0, slow=0):
        super().__init__(name, title)
        self.path = path
        self.connections = connections
        self.names = names or stacks.NAMES
        self.workers = workers
        self.body = body
        self.slow = slow
        self.part = b"Hello, world!"
        self.count = COUNT
        self.site = ""

    def prepare(self, bench, directory):
        super().prepare(bench, directory)
        self.script = self.posted = None
        if self.body:
            self.script, self.posted = f"{directory}/post.lua", f"{directory}/posted"
            with open(self.script, "w", encoding="ascii") as f:
                f.write(f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/octet-stream"\n'
                        f'wrk.body = string.rep("x", {self.body})\n')
            with open(self.posted, "w", encoding="ascii") as f:
                f.write("x" * self.body)

    def stacks(self, bench, directory):
        made = (stacks.make(bench, name, f"{directory}/{i}", self.root, workers=self.workers, site=self.site) for i, name in enumerate(self.names))
        return [stack for stack in made if stack]

    def check(self, stack):
        """The page is the right one, and small or large as it should be."""
        for _ in range(100):
            answer = loads.get(stack.port, self.path)
            if answer.startswith(b"HTTP/1.1 200") and self.part in answer:
                return
            time.sleep(0.1)
        raise RuntimeError(f"{stack.name} does not answer {self.path} as it should: {answer[:500]}")

    def load(self, stack, seconds):
        if not self.slow:
            return loads.http(stack.port, self.path, self.connections, seconds, script=self.script)
        with loads.SlowClients(stack.port, "/two-mb.php", self.slow) as slow:
            sample = loads.http(stack.port, self.path, self.connections, seconds)
        sample["refused"] = slow.refused
        return sample

    def calls(self, stack, directory):
        if self.slow:
            return None
        count = self.count
        with figures.Calls(directory, stack.groups) as calls:
            done = loads.http_count(stack.port, self.path, min(self.connections, 8), count, body=self.posted)
            time.sleep(0.2)
        return per_request(calls, count) if done == count else None


class Static(Http):
    def __init__(self, name, title, connections):
        super().__init__(name, title, "/file.txt", connections, names=["php-pool", "nginx kept, php-fpm", "apache mod_php", "caddy, php-fpm"])
        self.part = b"0123456789abcdef" * 640


class TwoMegabytes(Http):
    def __init__(self, name, title):
        super().__init__(name, title, "/two-mb.php", 8)
        self.part = b"0123456789abcdef" * 64
        self.count = 32


class Post(Http):
    def __init__(self, name, title):
        super().__init__(name, title, "/take.php", 8, body=2 << 20)
        self.part = b"0\n"
        self.count = 32


class Application(Http):
    """One of applications.py."""

    def __init__(self, name, title, application, path):
        super().__init__(name, title, path, 8)
        self.count = 40
        self.application = application

    def prepare(self, bench, directory):
        self.bench = bench
        self.script = self.posted = None
        self.instance = self.application(bench, f"{directory}/application")
        self.root = self.instance.root
        self.part = self.instance.part
        self.site = self.instance.site
        self.aux = self.instance.pids

    def warm(self, stack):
        loads.http_count(stack.port, self.path, 8, 64)  # all workers, one after the other

    def finish(self):
        self.instance.stop()


class Memory(Application):
    """Of 8 warmed workers, without a front end."""

    def stacks(self, bench, directory):
        found = []
        for name, kind in (("php-pool", PhpPool), ("php-fpm", PhpFpm)):
            if kind is PhpFpm and not FPM:
                continue
            os.makedirs(f"{directory}/{name}")
            os.chmod(f"{directory}/{name}", 0o777)
            found.append(stacks.Pool(name, kind(bench, f"{directory}/{name}", self.root, 8)))
        return found

    def load(self, stack, seconds, count=0):
        return loads.fcgi(self.bench.fcgi_load, stack.pool.socket, f"{self.root}/index.php", 8, seconds, query="p=1", count=count,
                          params=("HTTP_HOST=127.0.0.1", "REQUEST_URI=/?p=1"), root=self.root)

    def warm(self, stack):
        self.load(stack, 60, count=64)  # all workers, one after the other

    def calls(self, stack, directory):
        return None


CASES = [
    Fcgi("fcgi-new-1", "Hello world over FastCGI, new connections, 1", 1, False),
    Fcgi("fcgi-new-8", "Hello world over FastCGI, new connections, 8", 8, False),
    Fcgi("fcgi-new-64", "Hello world over FastCGI, new connections, 64", 64, False),
    Fcgi("fcgi-kept-1", "Hello world over FastCGI, kept connections, 1", 1, True),
    Fcgi("fcgi-kept-8", "Hello world over FastCGI, kept connections, 8", 8, True),
    Fcgi("fcgi-kept-64", "Hello world over FastCGI, kept connections, 64 at 8 workers", 64, True, workers=8, best=True),
    Fcgi("fcgi-open", "Hello world over FastCGI, open loop, 2000 a second", 256, False, rate=2000),
    Http("front-8", "Hello world through the front, 8 connections", "/hello.php", 8),
    Http("front-256", "Hello world through the front, 256 connections", "/hello.php", 256),
    TwoMegabytes("response", "A response of 2 MB, 8 connections"),
    Post("post", "A POST of 2 MB, 8 connections"),
    Static("static-8", "A static file of 10 kB, 8 connections", 8),
    Static("static-256", "A static file of 10 kB, 256 connections", 256),
    Application("dokuwiki", "DokuWiki's start page, 8 connections", applications.DokuWiki, "/doku.php"),
    Application("wordpress", "A post with comments of WordPress, 8 connections", applications.WordPress, "/?p=1"),
    Memory("memory", "WordPress in 8 warmed workers, FastCGI", applications.WordPress, "/?p=1"),
    Burst("burst", "64 requests of 20 ms at once to an idle pool of at most 16 workers", 64, False),
    Http("slow", "Hello world, 8 connections, beside 200 slow clients", "/hello.php", 8, slow=200),
]
