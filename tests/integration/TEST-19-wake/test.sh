#!/bin/bash
# SPDX-License-Identifier: MIT
#
# How long does the first request take that wakes a pool, of a large application
# and of an empty program? Is it the sooner for the file cache, which outlives an exit?
# And does a pool whose socket a script has shut down get another?

. /opt/tests/lib.sh

# DokuWiki, as Debian packs it, and a program that does nothing, each below the same unit.
example=/usr/share/doc/php-pool/examples/dokuwiki.conf
pool wiki <<<"$(sed 's/wiki.example.org/wiki.test/' $example)"
pool cold <<<"$(sed 's/wiki.example.org/cold.test/' $example)
php: { admin_values = [ \"opcache.file_cache=\" ]; };"
docroot empty
echo '<?php echo "hello";' >/srv/www/empty/hello.php
pool empty <<<'root = "/srv/www/empty"; site: { hosts = [ "empty.test" ]; };'
for name in wiki cold empty; do
        dropin php-pool@$name.service <<<'[Service]
User=www-data
ReadWritePaths=/var/lib/dokuwiki /etc/dokuwiki'
        require "the socket of $name listens" systemctl start php-pool@$name.socket
done

report=$("$tests/TEST-19-wake/wake.py" empty=/srv/www/empty/hello.php wiki=/usr/share/dokuwiki/doku.php cold=/usr/share/dokuwiki/doku.php)
echo "$report"
figure() { sed -n "s/^$1: *\([0-9]*\).*/\1/p" <<<"$report"; }
require "all were woken" test "$(figure 'first of cold')" -gt 0
check "the application has more than a hundred files in its cache directory" test "$(figure 'files of wiki')" -gt 100
check "and none without the file cache" equal "$(figure 'files of cold')" 0
# the least of each: what else the machine does only adds to it
least() { sed -n "s/^first of $1: .* us, \([0-9]*\) to .*/\1/p" <<<"$report"; }
check "with it, its first request comes sooner" test "$(least wiki)" -lt "$(least cold)"

# A listener is an open file that the workers have as well.
cat >/srv/www/empty/shut.php <<'PHP'
<?php
$c = FFI::cdef('int shutdown(int fd, int how);', 'libc.so.6');
for ($fd = 8; $fd < 12; $fd++) $c->shutdown($fd, 2);
echo "shut";
PHP
pool empty <<<'root = "/srv/www/empty"; php: { admin_values = [ "ffi.enable=true" ]; };'
systemctl restart php-pool@empty.service
fcgi empty shut.php >/dev/null 2>&1 # its answer may be lost
again() { [[ $(fcgi empty hello.php --timeout 2 2>/dev/null) == hello ]]; }
check "the service starts anew, with another socket" eventually 15 again
check "and tells why" journal_has empty "has shut the pool's socket down"
