#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does `php-poolctl doctor` recognise what goes wrong with units, sockets and
# limits, each thing made to go wrong for real?
#
# Runs after the others: for a moment there is no libphp.

. /opt/tests/lib.sh

php=$(php_version)

doctor() { php-poolctl --no-pager doctor sick; }
tells() { check "doctor tells: $1" contains "$(doctor)" "$2"; }
unit=php-pool@sick.service socket=php-pool@sick.socket

# with TEXT: the drop-in of the service, alone; with_socket the same of the socket
with() { dropin "$unit" <<<"$1"; }
without() { rm -f "/run/systemd/system/$unit.d/test.conf" "/run/systemd/system/$socket.d/test.conf"; systemctl daemon-reload; }
healthy() {
        without
        pool sick <<<'root = "/srv/www/sick"; site: { index = [ "info.php" ]; };'
        systemctl stop "$socket" "$unit" 2>/dev/null
        systemctl reset-failed "$socket" "$unit" 2>/dev/null
}

docroot sick
healthy
systemctl stop php-pool-proxy.socket php-pool-proxy.service 2>/dev/null # another scenario may have left it running
tells "the socket is not active" "php-pool@sick.socket is inactive, so nobody listens: systemctl enable --now php-pool@sick.socket"
require "the pool starts" systemctl start "$unit"
tells "no front end speaks to it" "no front end speaks to this pool"
systemctl start php-pool-proxy.socket
printf '[mail function]\nsendmail_path = /bin/true\n' >"/etc/php/$php/fpm/conf.d/zz-test.ini"
output=$(doctor)
check "nothing is wrong with a pool that is well" equal "$?" 0
check "and it says so" contains "$output" "Nothing is wrong with 'sick'"
check "a pool without a file is one sentence and 1" equal "$(php-poolctl --no-pager doctor none | grep -c 'none.conf: cannot be read: No such file'; php-poolctl --no-pager doctor none >/dev/null; echo $?)" "1
1"

# the fourteen traps of the units

with '[Service]
User='
tells "DynamicUser= without User=" "all pools of this template would be the same user"

with '[Service]
RestartSec=1min' # so that each look below finds the failure, not the next attempt
groupadd php-sick
systemctl stop "$unit"
check "a group of the user's name makes the start fail" not systemctl start "$unit"
tells "with which exit status" "217/USER"
tells "and because of which group" "/etc/group: there is a group 'php-sick'"
groupdel php-sick
without

useradd --system --groups php-pool sick-front
with '[Service]
User=sick-front'
tells "a user whom all pools let in" "User= is a member of the group php-pool, as front ends are"
check "which is an error" equal "$(php-poolctl check sick >/dev/null; echo $?)" 78
userdel sick-front
with '[Service]
SupplementaryGroups=php-pool'
tells "the same of the unit's groups" "User= is a member of the group php-pool, as front ends are"

check "a name that cannot be a pool's is refused" equal "$(php-poolctl doctor a.b 2>/dev/null; echo $?)" 64
check "in words" contains "$(php-poolctl doctor a.b 2>&1)" "'a.b' cannot be the name of a pool: "

healthy
with '[Unit]
StartLimitIntervalSec=60s
StartLimitBurst=2'
tells "a start limit" "StartLimitIntervalSec= is not 0: after a few starts in a row systemd closes the socket for good"
systemctl start "$socket"
pool sick <<<'root = 5;'
fcgi sick info.php >/dev/null 2>&1 &
socket_failed() { [[ $(systemctl is-active "$socket") == failed ]]; }
check "the limit closes the socket" eventually 20 socket_failed
tells "that the limit closed it" "the service was started too often in a row, and systemd closed the socket with it"
tells "what brings it back" "systemctl reset-failed php-pool@sick.socket php-pool@sick.service"
tells "what is wrong with the file" "sick.conf:1: "
wait

healthy
systemctl start "$unit"
with '[Service]
OOMPolicy=stop'
tells "an OOMPolicy that stops the pool" "one worker that the kernel kills for its memory stops the whole pool"

with '[Service]
MemoryDenyWriteExecute=yes'
systemctl restart "$unit"
echo '<?php preg_match("/a+b/", "aab"); echo "done";' >/srv/www/sick/pattern.php
fcgi sick pattern.php >/dev/null
tells "MemoryDenyWriteExecute= with the JIT of PCRE" "MemoryDenyWriteExecute=yes with pcre.jit on"
check "which is in the journal" journal_has sick "PCRE JIT"
tells "what the journal says of it" "wants admin_values = [ \"pcre.jit=0\" ]"
pool sick <<<'root = "/srv/www/sick"; site: { index = [ "info.php" ]; }; php: { admin_values = [ "pcre.jit=0" ]; };'
check "without the JIT that is well" not contains "$(doctor)" "pcre.jit on"

healthy
with '[Service]
SystemCallFilter=~@chown'
systemctl start "$unit"
echo '<?php file_put_contents("/tmp/a", "a"); rename("/tmp/a", getenv("STATE_DIRECTORY")."/a"); echo "done";' >/srv/www/sick/rename.php
fcgi sick rename.php >/dev/null
tells "a filter that forbids chown" "SystemCallFilter= forbids chown"
check "of which rename() warns" journal_has sick "Operation not permitted"
tells "what the journal says of it" "SystemCallFilter= of the unit forbids chown"

healthy
with '[Service]
SystemCallErrorNumber='
tells "a filter that kills" "SystemCallErrorNumber= is not EPERM"

with '[Service]
TemporaryFileSystem='
tells "a /dev/shm that is everyone's" "/dev/shm is shared with everyone"

with '[Service]
NoExecPaths=
NoExecPaths=/'
tells "a NoExecPaths= that forgets the writable places" "NoExecPaths= leaves out /tmp"
with '[Service]
ReadWritePaths=/srv/www/sick -/srv/www/missing
NoExecPaths=-/srv/www/missing'
tells "a directory where what is written can be executed" "ReadWritePaths= opens /srv/www/sick, and what PHP writes there can be executed"
check "and of that alone" not contains "$(doctor)" "ReadWritePaths= opens /srv/www/missing"

with '[Service]
Type=notify-reload'
if (($(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p') < 253)); then
        tells "a Type= that this systemd does not know" "Type=notify-reload is not known to this systemd"
else
        tells "a Type= that is not the unit's" "Type= has to be notify"
fi
with '[Service]
Type=exec'
tells "a Type= that tells systemd nothing" "Type= has to be notify"
with '[Service]
ExecReload='
tells "no ExecReload=" "'systemctl reload' is not possible"

without
systemctl start "$unit"
mv "/usr/lib/libphp$php.so" "/usr/lib/libphp$php.so.away"
tells "a missing libphp" "php-pool-worker-$php: it does not start: "
check "with the name of the library" contains "$(doctor)" "libphp$php.so: cannot open shared object file"
mv "/usr/lib/libphp$php.so.away" "/usr/lib/libphp$php.so"

with '[Service]
RuntimeDirectory=
RuntimeDirectory=php-pool'
tells "a RuntimeDirectory= in the place of the sockets" "systemd removes /run/php-pool, where the sockets are, when the pool stops"

with '[Service]
Environment='
tells "a HOME that is gone" "Environment= has no HOME"

# mail

without
rm "/etc/php/$php/fpm/conf.d/zz-test.ini"
tells "mail() through a setgid sendmail" "mail() does not work: it runs /usr/sbin/sendmail, and /usr/sbin/smtpctl needs the rights of another user or group"
echo '<?php var_dump(mail("a@example.test", "s", "t"));' >/srv/www/sick/mail.php
systemctl restart "$unit"
check "and indeed it does not" contains "$(fcgi sick mail.php)" "bool(false)"
printf '[mail function]\nsendmail_path = /bin/true\n' >"/etc/php/$php/fpm/conf.d/zz-test.ini"

# starts that fail

with '[Service]
RestartSec=1min
LoadCredential=key:/etc/no-such-secret'
check "a missing credential makes the start fail" not systemctl restart "$unit"
tells "that it is one" "a file of LoadCredential= does not exist or cannot be read (243/CREDENTIALS)"
with '[Service]
RestartSec=1min
ReadWritePaths=/srv/no-such-directory'
check "a missing path makes the start fail" not systemctl restart "$unit"
tells "that it is one" "226/NAMESPACE"
healthy
with '[Service]
RestartSec=1min'
pool sick <<<'root = "/srv/www/sick"; workers: { max = 400; };'
check "too low a limit makes the start fail" not systemctl start "$unit"
output=$(doctor)
check "doctor tells: which one" contains "$output" "LimitNPROC=256 is too small for workers.max = 400: the pool needs 403"
check "doctor tells: its last words" contains "$output" "its last words: LimitNPROC=256 is too small"
healthy
systemctl start "$unit"
with '[Service]
LimitNOFILE=85
TimeoutStopSec=10s'
tells "a limit that is too low for a reload" "LimitNOFILE=85 is too small for workers.max = 8: a reload under full load needs 88"
check "of a stop that the pool has extended nothing is said" not contains "$(doctor)" "TimeoutStopSec="
with '[Service]
Type=exec
WatchdogSec=0
NotifyAccess=none
TimeoutStopSec=10s'
tells "a stop that is cut short" "TimeoutStopSec=10s ends before timeouts.stop"

# the socket

healthy
systemctl start "$unit"
rm /run/php-pool/sick.sock
tells "a socket that somebody removed" "/run/php-pool/sick.sock: it is gone although the unit is active"
healthy
dropin "$socket" <<<'[Socket]
Backlog=1
SocketMode=0666'
systemctl start "$unit"
tells "a small backlog" "Backlog=1 is small"
tells "a socket that is open to everyone" "SocketMode=0666 lets every user of the system run any script"
main=$(manager sick)
mapfile -t all < <(systemctl show -P ControlGroup "$unit" | xargs -I{} cat "/sys/fs/cgroup{}/cgroup.procs" 2>/dev/null; echo "$main"; template sick; workers sick)
kill -STOP "${all[@]}"
python3 - <<'PYTHON'
import socket, subprocess
held = []
for i in range(3):
    s = socket.socket(socket.AF_UNIX)
    s.setblocking(False)
    try:
        s.connect("/run/php-pool/sick.sock")
    except BlockingIOError as e:
        print("full after", i, e)
        break
    held.append(s)
print(subprocess.run(["php-poolctl", "--no-pager", "doctor", "sick"], capture_output=True, text=True).stdout,
      file=open("/run/doctor-full", "w"))
PYTHON
kill -CONT "${all[@]}"
check "doctor tells: a full backlog" contains "$(cat /run/doctor-full)" "its backlog is full: front ends get \"Resource temporarily unavailable\""
check "and a manager that does not answer" contains "$(cat /run/doctor-full)" "its control socket gives no status: no answer in time"

rm -f "/etc/php/$php/fpm/conf.d/zz-test.ini" /run/doctor-full
systemctl stop php-pool-proxy.socket php-pool-proxy.service
