# SPDX-License-Identifier: MIT
"""PHP that has taken over its worker: what it does to descriptors that others have as well."""

import errno
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import status  # noqa: E402
from engine import Engine, until  # noqa: E402
from fcgi import OVERLOADED, Peer, encoded, whole  # noqa: E402

# Sets an option of the queue, which all workers share; "filter" is one that lets nothing through.
QUEUE_OPTION = r"""<?php
$c = FFI::cdef('int setsockopt(int fd, int level, int name, const void *value, unsigned int size);
                typedef struct { unsigned short n; void *instructions; } program;', 'libc.so.6');
$value = FFI::new("int[2]");
if ($_GET["name"] === "filter") {
    $value[0] = 6; // BPF_RET of 0
    $program = $c->new("program");
    $program->n = 1;
    $program->instructions = FFI::cast("void *", FFI::addr($value));
    echo $c->setsockopt(5, 1, 26, FFI::addr($program), FFI::sizeof($program));
} else {
    $value[0] = (int) $_GET["value"];
    echo $c->setsockopt(5, 1, (int) $_GET["name"], $value, 4);
}
"""

# send_message($fd, "bytes", descriptors): true, or errno
MESSAGE = r"""<?php
$c = FFI::cdef('typedef struct { void *name; unsigned int name_size; void *iov; unsigned long n_iov; void *control;
                                 unsigned long control_size; int flags; } message;
                typedef struct { void *data; unsigned long size; } iovec;
                typedef struct { unsigned long size; int level; int type; int fds[2]; } rights;
                long sendmsg(int fd, const message *m, int flags); int *__errno_location(void);
                int socketpair(int family, int type, int protocol, int *fds); long write(int fd, const void *data, unsigned long size);
                int getsockopt(int fd, int level, int name, void *value, unsigned int *size); int open(const char *path, int flags);
                int setsockopt(int fd, int level, int name, const void *value, unsigned int size); int close(int fd);', 'libc.so.6');
function send_message($fd, $bytes, ...$fds) {
    global $c;
    [$m, $iov, $rights] = [$c->new("message"), $c->new("iovec"), $c->new("rights")];
    $data = FFI::new("char[64]");
    FFI::memcpy($data, $bytes, strlen($bytes));
    [$iov->data, $iov->size] = [FFI::cast("void *", FFI::addr($data)), strlen($bytes)];
    foreach ($fds as $i => $one)
        $rights->fds[$i] = $one;
    [$rights->size, $rights->level, $rights->type] = [16 + 4 * count($fds), 1, 1];
    [$m->iov, $m->n_iov] = [FFI::cast("void *", FFI::addr($iov)), 1];
    [$m->control, $m->control_size] = [FFI::cast("void *", FFI::addr($rights)), 24];
    return $c->sendmsg($fd, FFI::addr($m), 0x4040) >= 0 ?: $c->__errno_location()[0];
}
/* The worker's channel: the seqpacket socket that is not the queue. */
function channel() {
    global $c;
    [$type, $size] = [FFI::new("int[1]"), FFI::new("unsigned int[1]")];
    for ($fd = 3; $fd < 40; $fd++) {
        $size[0] = 4;
        if ($fd !== 5 && $c->getsockopt($fd, 1, 3, $type, $size) === 0 && $type[0] === 5)
            return $fd;
    }
}
"""

FEED_QUEUE = MESSAGE + 'echo json_encode(send_message(5, str_repeat("\0", 8), 0, 0));'

# A connection whose bytes lie in the memory of a process that has ended: a regular file that takes none.
SPOOL = MESSAGE + r"""
$process = proc_open(["sleep", "60"], [], $pipes);
$pid = proc_get_status($process)["pid"];
$memory = $c->open("/proc/$pid/mem", 2);
proc_terminate($process, 9);
proc_close($process);
$pair = FFI::new("int[2]");
$c->socketpair(1, 1, 0, $pair);
$sent = send_message(channel(), pack("VVP", 2, 1, intdiv(hrtime(true), 1000)), $pair[0], $memory);
$c->write($pair[1], "\1\1\0\1\0\10\0\0", 8);
echo json_encode([$memory >= 0, $sent]);
sleep(2);
"""

# A connection with an answer that its peer does not read: close(2) of the last descriptor of it would wait.
LINGER = MESSAGE + r"""
$socket = stream_socket_client("tcp://127.0.0.1:" . $_GET["port"]);
stream_set_blocking($socket, false);
while (fwrite($socket, str_repeat("x", 65536)) > 0);
foreach (scandir("/proc/self/fd") as $fd)
    if ((@fstat($socket)["ino"] ?? 0) === (@stat("/proc/self/fd/$fd")["ino"] ?? 1))
        $number = (int) $fd;
$linger = FFI::new("int[2]");
[$linger[0], $linger[1]] = [1, 30];
stream_set_blocking($socket, true);
$set = $c->setsockopt($number, 1, 13, $linger, 8);
for ($i = 0; $i < 50; $i++) // so that it is the manager who closes last
    send_message(channel(), str_repeat("c", 16), 0);
$sent = send_message(channel(), pack("VVP", (int) $_GET["type"], 1, intdiv(hrtime(true), 1000)), $number);
$c->close($number);
echo json_encode([$set, $sent]);
"""


class HostileDescriptorsTest(unittest.TestCase):
    def pool(self, config=""):
        pool = Engine('workers: { max = 2; min = 2; }; php: { admin_values = [ "ffi.enable=true" ]; };' + config)
        self.addCleanup(pool.remove)
        for name, text in {"hello.php": '<?php echo "hello";', "nap.php": "<?php usleep((int) $_GET['ms'] * 1000);",
                           "option.php": QUEUE_OPTION, "feed.php": FEED_QUEUE, "spool.php": SPOOL, "linger.php": LINGER}.items():
            pool.write(name, text)
        pool.start()
        return pool

    def kept_through_the_queue(self, pool):
        """Requests on kept connections that had gone to the manager meanwhile."""
        hello = encoded(os.path.join(pool.root, "hello.php"))
        peers = [Peer(pool.socket, timeout=3) for _ in range(3)]
        for turn in range(2):
            for peer in peers:
                self.assertEqual(peer.send(whole(hello)).answer()[0], b"hello", f"turn {turn}")
            time.sleep(0.15)
        for peer in peers:
            peer.socket.close()

    def nap(self, pool, n, ms):
        """@n workers at work."""
        peers = [Peer(pool.socket).send(whole(encoded(os.path.join(pool.root, "nap.php"), f"ms={ms}"))) for _ in range(n)]
        until("they work", lambda: status(pool)["workers"]["busy"] == n)
        return peers

    def test_options_of_the_queue(self):
        for query, before, succeeds in (
                ("name=16&value=1", "SO_PASSCRED", b"0"),
                ("name=filter", "SO_ATTACH_FILTER", b"-1"),
        ):
            with self.subTest(before):
                pool = self.pool()
                self.assertEqual(pool.ask("option.php", query).body, succeeds)
                self.kept_through_the_queue(pool)
                naps = self.nap(pool, 2, 3000)
                self.assertEqual(pool.ask("hello.php", timeout=5).body, b"hello", "who waits at workers.max is served")
                for peer in naps:
                    peer.socket.close()
                self.assertNotIn("No descriptor is left", pool.log())

    def test_who_waits_is_refused_in_time_whatever_is_set_on_the_queue(self):
        pool = self.pool('timeouts: { queue = "1s"; };')
        self.assertEqual(pool.ask("option.php", "name=42&value=1000000").body, b"0")
        naps = self.nap(pool, 2, 5000)
        begin = time.monotonic()
        self.assertEqual(pool.ask("hello.php", timeout=4).protocol_status, OVERLOADED)
        self.assertLess(time.monotonic() - begin, 3)
        for peer in naps:
            peer.socket.close()

    def test_nobody_but_the_manager_fills_the_queue(self):
        pool = self.pool()
        self.assertEqual(pool.ask("feed.php").body, b"%d" % errno.EPIPE)
        self.kept_through_the_queue(pool)

    def answers(self, pool, seconds):
        """The longest that the control socket takes meanwhile."""
        longest, end = 0, time.monotonic() + seconds
        while (begin := time.monotonic()) < end:
            status(pool)
            longest = max(longest, time.monotonic() - begin)
            time.sleep(0.02)
        return longest

    def test_a_spool_that_takes_nothing(self):
        pool = self.pool()
        self.assertEqual(pool.ask("spool.php").body, b"[true,true]")
        self.assertLess(self.answers(pool, 1), 5)
        self.kept_through_the_queue(pool)

    def test_a_connection_that_lingers(self):
        for kind in (1, 2, 3, 99):  # parked, lent
            with self.subTest(kind), socket.create_server(("127.0.0.1", 0)) as server:
                pool = self.pool('limits: { head_time = "1s"; keep_time = "1s"; };')
                port = server.getsockname()[1]
                self.assertEqual(pool.ask("linger.php", f"port={port}&type={kind}").body, b"[0,true]")
                self.assertLess(self.answers(pool, 4), 5)
                self.kept_through_the_queue(pool)


if __name__ == "__main__":
    unittest.main(verbosity=2)
