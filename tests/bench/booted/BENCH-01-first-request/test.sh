#!/bin/bash
# SPDX-License-Identifier: MIT
#
# How long does the first request to a sleeping pool take, and how much of that is the unit's and not ours?
#
# In turns: a pool's first request and one more; and an empty program under the same unit, with all its sandbox, that
# answers and ends. All times in milliseconds, medians with least and greatest.

. /opt/tests/lib.sh

readonly rounds=${BENCH_ROUNDS:-7}

docroot first
echo '<?php echo "Hello, world!\n";' >/srv/www/first/hello.php
pool first <<<'root = "/srv/www/first"; workers: { max = 8; };'
pool empty <<<'root = "/srv/www/first";'

# The same unit with another program in it.
dropin php-pool@empty.service <<'UNIT'
[Service]
Type=exec
ExecStart=
ExecStart=/usr/local/lib/empty
ExecReload=
UNIT

ask_empty() {
        python3 - <<'PYTHON'
import socket, time
s = socket.socket(socket.AF_UNIX)
begin = time.monotonic()
s.connect("/run/php-pool/empty.sock")
s.recv(1)
print(f"{(time.monotonic() - begin) * 1000:.1f}")
PYTHON
}

ask_pool() {
        python3 - <<'PYTHON'
import socket, struct, sys, time
def record(kind, content):
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content
def ask():
    script = "/srv/www/first/hello.php"
    pairs = b"".join(bytes((len(n), len(v))) + n.encode() + v.encode() for n, v in {
        "SCRIPT_FILENAME": script, "SCRIPT_NAME": "/hello.php", "REQUEST_METHOD": "GET", "REQUEST_URI": "/hello.php",
        "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1", "DOCUMENT_ROOT": "/srv/www/first"}.items())
    begin = time.monotonic()
    s = socket.socket(socket.AF_UNIX)
    s.connect("/run/php-pool/first.sock")
    s.sendall(record(1, struct.pack(">HB5x", 1, 0)) + record(4, pairs) + record(4, b"") + record(5, b""))
    data = b""
    while piece := s.recv(65536):
        data += piece
    assert b"Hello, world!" in data, data
    return (time.monotonic() - begin) * 1000
print(f"{ask():.1f} {ask():.1f}")
PYTHON
}

sleeps() {
        systemctl stop "php-pool@$1.service"
        systemctl reset-failed "php-pool@$1.service" 2>/dev/null
        systemctl start "php-pool@$1.socket"
        eventually 10 inactive "php-pool@$1.service"
}

spread() {
        sort -n | awk '{ a[NR] = $1 } END { printf "%.1f ms (%.1f to %.1f)", a[int((NR + 1) / 2)], a[1], a[NR] }'
}

first=() second=() empty=()
for ((i = 0; i <= rounds; i++)); do
        sleeps empty
        /usr/local/lib/memory.py
        e=$(ask_empty)
        sleeps first
        /usr/local/lib/memory.py
        read -r a b < <(ask_pool)
        ((i)) || continue # the first of all reads everything from the disk
        empty+=("$e") first+=("$a") second+=("$b")
done
check "the pool answered each time" equal "${#first[@]}" "$rounds"
check "the empty program too" equal "${#empty[@]}" "$rounds"
more=$(for ((i = 0; i < rounds; i++)); do awk "BEGIN { print ${first[i]} - ${empty[i]} }"; done)
echo "  FIGURE  first request to a sleeping pool: $(printf '%s\n' "${first[@]}" | spread)"
echo "  FIGURE  an empty program under the same unit: $(printf '%s\n' "${empty[@]}" | spread)"
echo "  FIGURE  the pool takes more, in the same round: $(spread <<<"$more")"
echo "  FIGURE  its second request: $(printf '%s\n' "${second[@]}" | spread)"
