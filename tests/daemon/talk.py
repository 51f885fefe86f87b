# SPDX-License-Identifier: MIT
"""A conversation with a FastCGI server, told in words: so that two servers, and a page of expectations, can be compared."""

import os
import socket
import time

from fcgi import Peer, encoded, whole

KINDS = ["0", "BEGIN", "ABORT", "END", "PARAMS", "STDIN", "STDOUT", "STDERR", "DATA", "GET_VALUES", "GET_VALUES_RESULT",
         "UNKNOWN_TYPE"]
PROTOCOL = ["", " CANT_MPX_CONN", " OVERLOADED", " UNKNOWN_ROLE"]


def words(reply):
    text = reply.body.decode("latin-1").strip()
    text = f"{len(text)} bytes" if len(text) > 60 else text or "nothing"
    return ((f"{reply.status} " if reply.status != 200 else "") + text + (f" app {reply.app}" if reply.app else "")
            + (PROTOCOL[reply.protocol] if reply.protocol < len(PROTOCOL) else f" protocol status {reply.protocol}"))


class Talk:
    """Talks to one server and tells in words what it heard."""

    def __init__(self, server, patience):
        self.server, self.patience, self.peers = server, patience, []

    def peer(self, *parts, address=None, held=False):
        """A new connection; those before it end, except held ones."""
        for other in [other for other in self.peers if not other.held]:
            other.socket.close()
            self.peers.remove(other)
        peer = Peer(address or self.server.socket, self.patience)
        peer.held = held
        self.peers.append(peer)
        return self.send(peer, *parts)

    def send(self, peer, *parts):
        try:
            return peer.send(*parts)
        except (BrokenPipeError, ConnectionResetError):
            return peer  # what comes back will tell

    def params(self, script="hello.php", query="", method="GET", length=0, extra=None):
        return encoded(os.path.join(self.server.root, script), query, method, length, extra)

    def request(self, script="hello.php", request=1, keep=True, **arguments):
        return whole(self.params(script, **arguments), request=request, keep=keep)

    def end(self, peer):
        return "reset" if peer.was_reset else "closed"

    def reply(self, peer, request=1):
        """A Reply, or a word."""
        try:
            return peer.reply(request) or self.end(peer)
        except socket.timeout:
            return "silence"
        except AssertionError as error:
            return f"out of step {error}"

    def heard(self, peer, request=1):
        reply = self.reply(peer, request)
        return reply if isinstance(reply, str) else words(reply)

    def next(self, peer):
        """What comes when nothing is asked: the end, a record, or nothing at once."""
        try:
            got = peer.record()
        except socket.timeout:
            return "silence"
        return self.end(peer) if got is None else f"{KINDS[got[0]]} {got[2]!r}"

    def kept(self, peer):
        heard = self.heard(self.send(peer, self.request(request=77)), 77)
        return "kept" if heard == "hello" else heard

    def serves(self):
        heard = self.heard(self.peer(self.request(keep=False)))
        return "serves" if heard == "hello" else heard

    def file(self, name, seconds=2):
        """What a script has written, once."""
        path = os.path.join(self.server.root, name)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if os.path.exists(path) and os.path.getsize(path):
                with open(path, encoding="ascii") as f:
                    text = f.read()
                os.unlink(path)
                return text
            time.sleep(0.02)
        return "no file"

    def ran(self):
        """Whether ran.php was executed since the last time."""
        path = os.path.join(self.server.root, "ran")
        if not os.path.exists(path):
            return "did not run"
        os.unlink(path)
        return "ran"

    def close(self):
        for peer in self.peers:
            peer.socket.close()
        self.peers = []


def compare(test, title, expected, scenario, ours, other, patience=5):
    """Runs @scenario against both servers and prints both columns; ours has to match @expected, a regular expression."""
    theirs = "(not asked)"
    if other:
        talk = Talk(other, 1)
        try:
            theirs = scenario(talk)
        except (OSError, AssertionError) as error:
            theirs = repr(error)
        finally:
            talk.close()
    talk = Talk(ours, patience)
    test.addCleanup(talk.close)
    heard = scenario(talk)
    print(f"\n{title}\n    ours:    {heard}\n    php-fpm: {theirs}", flush=True)
    test.assertRegex(heard, f"^(?:{expected})$")
