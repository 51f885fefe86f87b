# SPDX-License-Identifier: MIT
"""PHP that has taken over its worker: what it writes where the manager reads."""

import json
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control import call, status  # noqa: E402
from engine import Engine, name_of, until  # noqa: E402
from fcgi import OVERLOADED, Peer, encoded, whole  # noqa: E402
from fcgi_client import Lost  # noqa: E402

# Writes noise over the whole scoreboard, which it finds among its mappings, for some seconds.
NOISE = r"""<?php
foreach (file("/proc/self/maps") as $line)
    if (strpos($line, "php-pool-scoreboard")) {
        [$from, $to] = array_map("hexdec", explode("-", strtok($line, " ")));
        $memory = fopen("/proc/self/mem", "r+b");
        stream_set_write_buffer($memory, 0);
        $end = microtime(true) + (float) $_GET["s"];
        $size = min($to - $from, 1 << 18);
        while (microtime(true) < $end) {
            $noise = match (mt_rand(0, 3)) {
                0 => random_bytes($size),
                1 => str_repeat("\xff", $size),
                2 => str_repeat("\0", $size),
                3 => str_repeat(pack("V", mt_rand(0, 6)), $size / 4),
            };
            fseek($memory, $from);
            if (fwrite($memory, $noise) === $size && !isset($told))
                $told = error_log("noise is in the scoreboard");
            usleep(mt_rand(0, 2000));
        }
        echo "written";
    }
"""

# Sends noise, and messages of the right size, on every socket that it has.
GARBAGE = r"""<?php
$c = FFI::cdef('long send(int fd, const void *data, unsigned long size, int flags);
                long write(int fd, const void *data, unsigned long size);
                typedef struct { void *name; unsigned int name_size; void *iov; unsigned long n_iov; void *control;
                                 unsigned long control_size; int flags; } message;
                typedef struct { void *data; unsigned long size; } iovec;
                typedef struct { unsigned long size; int level; int type; int fds[8]; } rights;
                long sendmsg(int fd, const message *m, int flags);', 'libc.so.6');
$n = 0;
$end = microtime(true) + (float) $_GET["s"];
while (microtime(true) < $end)
    for ($fd = 3; $fd < 40; $fd++) {
        $link = @readlink("/proc/self/fd/$fd");
        if (!$link || !str_starts_with($link, "socket:"))
            continue;
        $size = [1, 16, 64, 8, 100, 8256][mt_rand(0, 5)];
        $data = mt_rand(0, 1) ? random_bytes($size) : pack("VVPPPP", mt_rand(0, 8), mt_rand(0, 9000), mt_rand(), 0, 0, 0);
        $data = substr(str_pad($data, $size, "\0"), 0, $size);
        $copy = FFI::new("char[" . strlen($data) . "]");
        FFI::memcpy($copy, $data, strlen($data));
        if (mt_rand(0, 1))
            $n += $c->send($fd, $copy, strlen($data), 0x4040) > 0;
        else {
            $m = $c->new("message");
            $iov = $c->new("iovec");
            $rights = $c->new("rights");
            $iov->data = FFI::cast("void *", FFI::addr($copy));
            $iov->size = strlen($data);
            $count = mt_rand(1, 8);
            for ($i = 0; $i < $count; $i++)
                $rights->fds[$i] = mt_rand(0, 12);
            $rights->size = 16 + 4 * $count;
            $rights->level = 1;
            $rights->type = 1;
            $m->iov = FFI::cast("void *", FFI::addr($iov));
            $m->n_iov = 1;
            $m->control = FFI::cast("void *", FFI::addr($rights));
            $m->control_size = 16 + 4 * (($count + 1) & ~1);
            $n += $c->sendmsg($fd, FFI::addr($m), 0x4040) > 0;
        }
    }
echo $n;
"""

SHUTDOWN = r"""<?php
$c = FFI::cdef('int shutdown(int fd, int how);', 'libc.so.6');
echo $c->shutdown((int) $_GET["fd"], 2);
"""

# Makes every descriptor that it has wait: the flag belongs to the open file, which others have as well.
BLOCKING = r"""<?php
$c = FFI::cdef('int fcntl(int fd, int command, long value); long read(int fd, void *data, unsigned long size);', 'libc.so.6');
$value = FFI::new("char[8]");
for ($fd = 3; $fd < 40; $fd++)
    $c->fcntl($fd, 4, 0);
$end = microtime(true) + (float) $_GET["s"];
while (microtime(true) < $end) {
    $c->fcntl(6, 4, 0x800);
    $c->read(6, $value, 8);
    $c->fcntl(6, 4, 0);
    usleep(100);
}
echo "done";
"""


class HostileTest(unittest.TestCase):
    def pool(self, config, **how):
        pool = Engine(config, **how)
        self.addCleanup(pool.remove)
        for name, text in {"hello.php": '<?php echo "hello";', "noise.php": NOISE, "garbage.php": GARBAGE,
                           "shutdown.php": SHUTDOWN, "blocking.php": BLOCKING}.items():
            pool.write(name, text)
        pool.start()
        return pool

    def serves(self, pool):
        """A worker that has done such things may still be on its way out, and take one request with it."""
        try:
            return pool.ask("hello.php", timeout=2).body == b"hello"
        except (Lost, OSError):
            return False

    def beside(self, pool, script, query, seconds):
        """Runs the script, and meanwhile serves others and tells its status. (served, lost, what the script said)"""
        said = []

        def run():
            try:
                said.append(pool.ask(script, query).body)
            except (Lost, OSError) as error:
                said.append(repr(error))

        thread = threading.Thread(target=run)
        thread.start()
        served = lost = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                served += pool.ask("hello.php", timeout=3).body == b"hello"
            except (Lost, OSError):
                lost += 1
            json.dumps(status(pool))
            call(pool, "GetStacks")
        thread.join()
        return served, lost, said[0] if said else None

    def test_noise_in_the_scoreboard(self):
        pool = self.pool("workers: { max = 4; min = 2; };")
        manager = pool.manager
        served, lost, said = self.beside(pool, "noise.php", "s=4", 4)
        self.assertIn("noise is in the scoreboard", pool.log())
        # what it wrote may have said that it is over its time, or at an operator's word
        print(f"beside noise in the scoreboard: {served} served, {lost} lost, the script said {said!r}")
        self.assertGreater(served, 0)
        self.assertEqual((pool.manager, name_of(pool.manager)), (manager, "php-poold"))
        self.assertIsNone(pool.process.poll())

        # and when it is over all is as before
        until("the pool has recovered", lambda: all(self.serves(pool) for _ in range(8)), 30)
        threads = [threading.Thread(target=pool.ask, args=("noise.php", "s=0.5")) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until("the pool has recovered again", lambda: self.serves(pool), 20)

    def test_garbage_on_its_channels(self):
        pool = self.pool('workers: { max = 4; min = 2; }; php: { admin_values = [ "ffi.enable=true" ]; };')
        descriptors = len(os.listdir(f"/proc/{pool.manager}/fd"))
        served, lost, said = self.beside(pool, "garbage.php", "s=3", 3)
        print(f"beside garbage on the channels: {served} served, {lost} lost, the script said {said!r}")
        self.assertIsNone(pool.process.poll())
        until("the pool has recovered", lambda: self.serves(pool), 20)
        self.assertEqual(len(pool.templates()), 1)
        until("what it sent is closed", lambda: len(os.listdir(f"/proc/{pool.manager}/fd")) < descriptors + 12, 10)

    def test_descriptors_that_block(self):
        pool = self.pool('workers: { max = 1; }; timeouts: { queue = "1s"; }; php: { admin_values = [ "ffi.enable=true" ]; };')
        thread = threading.Thread(target=self.serves_as, args=(pool, "blocking.php", "s=7"))
        thread.start()
        until("it runs", lambda: status(pool)["workers"]["busy"] == 1)
        longest, end = 0, time.monotonic() + 3
        while time.monotonic() < end:
            begin = time.monotonic()
            peer = Peer(pool.socket).send(whole(encoded(os.path.join(pool.root, "hello.php"))))
            peer.socket.settimeout(5)
            self.assertEqual(peer.answer()[2], OVERLOADED, "who waits is told after timeouts.queue")
            peer.socket.close()
            status(pool)
            longest = max(longest, time.monotonic() - begin)
        print(f"beside descriptors that block: refused and told within {longest:.2f} s")
        self.assertLess(longest, 2.5)
        thread.join()
        until("the pool has recovered", lambda: self.serves(pool), 20)

    def test_a_socket_that_was_shut_down_ends_the_service(self):
        """Nobody can connect any more; the service manager makes another socket when it starts the service anew."""
        for tcp, fd in ((False, 8), (True, 9)):
            pool = self.pool('workers: { max = 2; }; php: { admin_values = [ "ffi.enable=true" ]; };', tcp=tcp)
            self.assertEqual(pool.ask("shutdown.php", f"fd={fd}").body, b"0")
            self.assertEqual(pool.process.wait(10), 1)
            self.assertIn("has shut the pool's socket down", pool.log())
            pool.process = None

    def serves_as(self, pool, script, query):
        try:
            return pool.ask(script, query).body
        except (Lost, OSError) as error:
            return error

    def test_a_queue_that_was_shut_down_ends_the_service(self):
        """The service manager starts it anew; a pool that refuses everything would be worse."""
        pool = self.pool('workers: { max = 2; }; php: { admin_values = [ "ffi.enable=true" ]; };')
        self.assertEqual(pool.ask("shutdown.php", "fd=5").body, b"0")
        deadline = time.monotonic() + 10
        while pool.process.poll() is None and time.monotonic() < deadline:
            try:  # half a request goes to the manager, who queues it when it is whole
                peer = Peer(pool.socket)
                request = whole(encoded(os.path.join(pool.root, "hello.php")))
                peer.send(request[:40])
                time.sleep(0.1)
                peer.send(request[40:])
                time.sleep(0.1)
                peer.socket.close()
            except OSError:
                pass
        self.assertEqual(pool.process.poll(), 1)
        self.assertIn("starting anew", pool.log())
        pool.process = None


if __name__ == "__main__":
    unittest.main(verbosity=2)
