# SPDX-License-Identifier: MIT
"""Everything that a run starts, and its end, however the run ends.

Each process gets SIGTERM when this program dies; what servers leave behind becomes a child of this program (prctl(2),
PR_SET_CHILD_SUBREAPER), and ends with it.
"""

import ctypes
import os
import signal
import subprocess
import time

import figures

PR_SET_CHILD_SUBREAPER = 36


class Processes:
    def __init__(self):
        self.running = []
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda n, _: exit(128 + n))
        return self

    def __exit__(self, *_):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # nothing may come between
        for process in reversed(self.running[:]):
            self.stop(process)
        self.reap()

    def start(self, command, user=None, log=None, environment=None):
        prefix = ["setpriv", "--pdeathsig", "TERM"]
        if user and os.getuid() == 0:
            prefix += ["--reuid", user, "--regid", user, "--clear-groups"]
        with open(log or os.devnull, "ab") as output:
            process = subprocess.Popen([*prefix, "--", *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                       env=dict(os.environ, **(environment or {})), start_new_session=True)
        self.running.append(process)
        return process

    def stop(self, process):
        """And all below it."""
        below = figures.tree(process.pid)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        deadline = time.monotonic() + 5
        for pid in below[1:]:
            while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
                self.reap_one()
                time.sleep(0.01)
        self.running.remove(process)

    def reap_one(self):
        """What has ended and is nobody else's: the waits of subprocess are for their own pids."""
        known = {process.pid for process in self.running}
        for pid in figures.tree(os.getpid())[1:]:
            if pid not in known:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass  # below one of our servers

    def reap(self):
        for attempt in range(100):
            left = figures.tree(os.getpid())[1:]
            if not left:
                return
            for pid in left if attempt >= 20 else []:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.reap_one()
            time.sleep(0.05)
