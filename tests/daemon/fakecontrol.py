# SPDX-License-Identifier: MIT
"""A control socket that is held by somebody hostile: it answers what it likes, when it likes."""

import json
import os
import socket
import threading
import time


class FakeControl:
    """@answer(method, parameters, connection) gives the reply: an object for JSON, bytes as they are, None for nothing."""

    def __init__(self, path, answer):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.answer = answer
        self.calls = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        data = b""
        try:
            while b"\0" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            call = json.loads(data.split(b"\0")[0])
            self.calls.append(call["method"])
            reply = self.answer(call["method"], call.get("parameters", {}), connection)
            if reply is None:
                time.sleep(60)
            elif isinstance(reply, bytes):
                connection.sendall(reply)
            else:
                connection.sendall(json.dumps(reply).encode() + b"\0")
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        self.listener.close()


def status_reply(status):
    """For GetStatus; everything else is not known."""

    def answer(method, parameters, connection):
        if method.endswith(".GetStatus"):
            return {"parameters": {"status": status}}
        return {"error": "org.varlink.service.MethodNotFound", "parameters": {"method": method}}

    return answer


def drip(method, parameters, connection):
    """A byte in a while, for ever."""
    while True:
        connection.sendall(b" ")
        time.sleep(0.3)


# Values of every wrong kind, and names that would rule a terminal or a page.
EVIL = "\x1b[31m\x1b]0;owned\x07\u202egnp.<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>&\n\r\x00\u200b"
HOSTILE = {
    "name": EVIL, "state": EVIL, "php": EVIL, "generation": -1, "since_usec": 1e300, "root": EVIL,
    "workers": {"busy": "many", "idle": -5, "max": 1e99, EVIL: 3},
    "queue": [], "requests": -1, "crashes": True, "timeouts": {}, "refused": None, "rate": 1e308,
    "statuses": {"2xx": 2 ** 62, "5xx": "x", EVIL: 5}, "bytes_in": 2 ** 63 - 1, "bytes_out": -2 ** 63,
    "durations": {"buckets_usec": [5, 3, 1], "counts": [1, 2, 3, 4], "sum_usec": -4},
    "waits": {"buckets_usec": list(range(1000)), "counts": [0] * 1001, "sum_usec": 0},
    "crashes_by_signal": {"SEGV": 3, EVIL: 4, "TERM": -7}, "recycles": EVIL, "opcache": [1], "last_reload_ok": EVIL,
    "last_error": EVIL,
    "slowest": [{"uri": EVIL, "request_id": EVIL, "duration_usec": -3}, 5, None],
    "list": [
        {"id": 1, "pid": 5, "state": "busy", "requests": 3, "age_usec": 2 ** 63 - 1, "method": EVIL, "uri": EVIL, "request_id": EVIL, "memory": 2 ** 63 - 1, "resident": 2 ** 63 - 1},
        None, [], "x",
        {"resident": 2 ** 63 - 1, "uri": [], "state": {}},
    ],
}
