#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A host whose C library does not ask systemd for users: pools have no names there, but work.
# Runs after the others.

. /opt/tests/lib.sh

docroot noname
pool noname <<<'root = "/srv/www/noname"; site: { hosts = [ "noname.test" ]; };'
cp /etc/nsswitch.conf /etc/nsswitch.conf.saved
sed -i -E '/^(passwd|group|shadow|gshadow):/s/ systemd//' /etc/nsswitch.conf

require "the pool starts" systemctl start php-pool@noname.service
require "the proxy starts" systemctl restart php-pool-proxy.service
uid=$(stat -c %u "/proc/$(manager noname)")
check "its user has no name" equal "$(stat -c %U "/proc/$(manager noname)")" UNKNOWN
check "but is one of its own" test "$uid" -ge 61184
check "it serves" contains "$(http noname.test /info.php)" "uid: $uid"
check "it can be asked" contains "$(php-poolctl status noname)" "running"
check "a reload works" systemctl reload php-pool@noname.service
check "root can still reload, and its sandbox is whole" not grep -q ALLOWED <<<"$(fcgi noname sandbox.php --query other=nobody | grep -v '^own')"
check "a restart works" systemctl restart php-pool@noname.service
check "and it serves" contains "$(http noname.test /info.php)" "uid: $uid"

mv /etc/nsswitch.conf.saved /etc/nsswitch.conf
check "with names again the same user has one" equal "$(stat -c %U "/proc/$(manager noname)")" php-noname
