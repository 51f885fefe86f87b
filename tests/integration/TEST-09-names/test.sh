#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Are names refused that are mistyped, reserved or impossible?

. /opt/tests/lib.sh

check "a mistyped pool does not start" not systemctl start php-pool@nosuch.service
check "nor does its socket" not systemctl start php-pool@nosuch.socket
check "there is no socket of that name" test ! -e /run/php-pool/nosuch.sock

says_why() { contains "$(journalctl -q -o cat -u "php-pool@$name.socket")" "pool name"; }
for name in pool pool-proxy pool-x with.dot -dash "$(printf 'a%.0s' {1..28})"; do
        pool "$name" <<<'root = "/srv";'
        check "the unit of '$name' does not start" not systemctl start "php-pool@$name.service"
        check "there is no socket '$name'" test ! -e "/run/php-pool/$name.sock"
        check "its log says why" eventually 10 says_why
        "$libexec/php-poold" --check -- "$name" >/dev/null 2>&1
        status=$?
        check "php-poold refuses '$name' as well, with exit 78" equal "$status" 78
        systemctl reset-failed "php-pool@$name.socket" 2>/dev/null
done

docroot pool2
name=Pool_2-$(printf 'a%.0s' {1..20})
pool "$name" <<<'root = "/srv/www/pool2";'
check "a name of 27 characters is a pool" systemctl start "php-pool@$name.service"
