#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does removing the packages end what runs and keep the configuration and the state, and does
# purging them leave nothing? Runs after the others.

. /opt/tests/lib.sh

worker=$(cd "$libexec" && echo php-pool-worker-*)
docroot gone
php=${worker#php-pool-worker-}
pool gone <<<"root = \"/srv/www/gone\"; php: { version = \"$php\"; }; site: { hosts = [ \"gone.test\" ]; };"
echo '<?php file_put_contents(getenv("STATE_DIRECTORY") . "/kept", "x"); echo "kept";' >/srv/www/gone/keep.php
require "a pool is enabled and runs" systemctl enable --now php-pool@gone.service
require "so does the proxy" systemctl enable --now php-pool-proxy.socket php-pool-proxy.service
require "and the metrics" systemctl enable --now php-pool-metrics.socket php-pool-metrics.service
require "and a timer of the pool" sh -c "cp $examples/php-pool-cron@.service $examples/php-pool-cron@.timer /etc/systemd/system &&
        systemctl daemon-reload && systemctl enable --now php-pool-cron@gone.timer"
require "and what reloads it after a deployment" sh -c "cp $examples/php-pool-reload@.path $examples/php-pool-reload@.service /etc/systemd/system &&
        systemctl daemon-reload && systemctl enable --now php-pool-reload@gone.path"
printf '[Socket]\nListenStream=8443\nFileDescriptorName=proxy-protocol\nService=php-pool-proxy.service\n[Install]\nWantedBy=sockets.target\n' \
        >/etc/systemd/system/php-pool-proxied.socket
require "a socket for the PROXY protocol is enabled" systemctl enable php-pool-proxied.socket
mkdir -p /etc/systemd/system/php-pool.target.d
printf '[Unit]\nDescription=Our pools\n' >/etc/systemd/system/php-pool.target.d/ours.conf
systemctl reload php-pool-proxy.service
mkdir -p /etc/systemd/system/php-pool@gone.service.d
printf '[Service]\nTasksMax=100\n' >/etc/systemd/system/php-pool@gone.service.d/limits.conf
systemctl daemon-reload
check "the pool keeps something" equal "$(http gone.test /keep.php)" kept

# Of two pools one names the PHP that is removed and sleeps, the other names none. The worker
# that is left is a copy which calls itself another PHP's.
docroot asleep
docroot other
pool asleep <<<"root = \"/srv/www/asleep\"; php: { version = \"$php\"; };"
pool other <<<'root = "/srv/www/other";'
require "another pool sleeps" systemctl start php-pool@asleep.socket
require "and a third runs" systemctl start php-pool@other.service
runs() { [[ $(readlink "/proc/$(template "$1")/exe") == "$libexec/$2" ]]; }
check "on the newest PHP" runs other "$worker"
cp "$libexec/$worker" "$libexec/php-pool-worker-1.0"

check "the worker is removed" dpkg -r "$worker"
check "which ends the pools that want its PHP" eventually 15 inactive php-pool@gone.service
check "and their sockets" inactive php-pool@gone.socket
check "also of those that sleep" inactive php-pool@asleep.socket
check "a pool that names no PHP goes on with another" eventually 15 runs other php-pool-worker-1.0
check "and serves" contains "$(fcgi other info.php)" "sapi: fpm-fcgi"
systemctl stop php-pool@other.socket php-pool@other.service
rm "$libexec/php-pool-worker-1.0"
check "the proxy answers with an error" equal "$(http_status gone.test /keep.php)" 503
check "a pool that is started then says what is missing" not systemctl start php-pool@gone.service
check "in the journal" journal_has gone "php-pool-worker"
systemctl stop php-pool@gone.socket php-pool@gone.service

check "php-pool is removed" dpkg -r php-pool
check "nothing of it runs" equal "$(pgrep -f /usr/libexec/php-pool)" ""
check "a visitor is refused at once" equal "$(curl -s --max-time 5 -o /dev/null http://127.0.0.1/; echo $?)" 7
check "who asks for figures as well" equal "$(curl -s --max-time 5 -o /dev/null http://127.0.0.1:9253/; echo $?)" 7
check "the timer has ended" inactive php-pool-cron@gone.timer
check "so has what reloads the pool" inactive php-pool-reload@gone.path
check "the timer would do nothing without php-poolctl" sh -c 'systemctl start php-pool-cron@gone.service'
check "the journal's catalog has forgotten the messages" not grep -q php-pool <<<"$(journalctl --list-catalog)"
check "its sockets are gone" test ! -e /run/php-pool/gone.sock
check "the configuration is kept" test -f /etc/php-pool/conf.d/gone.conf -a -f /etc/php-pool/proxy.conf
check "the state is kept" equal "$(cat /var/lib/private/php-pool/gone/kept)" x

require "the packages are installed again" sh -c 'dpkg -i /opt/packages/*.deb'
check "and start nothing" equal "$(systemctl list-units --plain --no-legend 'php-pool*')" ""
check "the catalog has the messages again" grep -q php-pool <<<"$(journalctl --list-catalog)"
check "the pool is as it was before" systemctl start php-pool@gone.service
check "with its limits" equal "$(systemctl show -P TasksMax php-pool@gone.service)" 100
check "and its state" test -f /var/lib/php-pool/gone/kept

check "the packages are purged while it runs" apt-get purge -y "$worker" php-pool
check "dpkg remembers nothing of them" equal "$(dpkg-query -W 'php-pool*' 2>/dev/null)" ""
check "no process is left" equal "$(pgrep -f /usr/libexec/php-pool)" ""
check "nor is the group" not getent group php-pool
check "nor anything in /run" equal "$(ls -d /run/php-pool* 2>/dev/null)" ""
systemctl daemon-reload
check "systemd knows nothing of them" not systemctl cat php-pool@gone.service
left=$(comm -13 /var/tmp/files-before <("$tests/TEST-59-remove/files") | grep -vE '^/(var/lib|var/cache)/private$|^/etc/systemd/system/[a-z-]*\.target\.wants$')
check "no file is left" equal "$left" ""
