#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does a real application run: DokuWiki as Debian packs it, not one file of it changed?

. /opt/tests/lib.sh

# The example that is installed, as it is but for the name of the host and the size of the photo.
example=/usr/share/doc/php-pool/examples/dokuwiki.conf
pool dokuwiki <<<"$(sed 's/wiki.example.org/wiki.test/' $example)
php: { admin_values = [ \"upload_max_filesize=16M\", \"post_max_size=20M\" ]; };
timeouts: { slow = \"60s\"; };"
# What the example says is to be done: commands, and a drop-in.
said=$(sed -n 's/^#     //p' $example)
require "its files become those of the pool's user" sh -ec "${said%%"[Service]"*}"
dropin php-pool@dokuwiki.service <<<"[Service]${said#*"[Service]"}"
# An account, as the wiki's own user manager would add it.
php -n -r 'echo "tester:", crypt("a test", "\$6\$salt"), ":Tester:tester@localhost:admin,user\n";' \
        >>/var/lib/dokuwiki/acl/users.auth.php

packaged() { dpkg --verify dokuwiki | grep -v ' c /'; }
before=$(packaged)

scratch=$(mktemp -d)
wiki() { "$tests/TEST-12-dokuwiki/visitor.py" http://127.0.0.1 wiki.test "$scratch" "$@"; }

require "the pool starts" systemctl start php-pool@dokuwiki.service
require "the proxy starts" systemctl restart php-pool-proxy.service
require "the start page renders" wiki start
check "what it links to is there: styles, scripts, images" wiki assets
require "a visitor logs in, with session, cookie and security token" wiki login
check "and writes a page" wiki write test:page "Written by a *test*."
check "which is read back" wiki read test:page "Written by a *test*."
check "a photo of 3 MB goes in" wiki upload test:photo.jpg
check "and comes back byte for byte" wiki download test:photo.jpg

check "everything restarts" systemctl restart php-pool@dokuwiki.socket php-pool@dokuwiki.service \
        php-pool-proxy.socket php-pool-proxy.service
check "its user is its own" equal "$(stat -c %U "/proc/$(manager dokuwiki)")" php-dokuwiki
check "php-poolctl check has nothing to say of its unit" not grep 'User=\|NoExecPaths=' <<<"$(php-poolctl check dokuwiki)"
check "the page survives it" wiki read test:page "Written by a *test*."
check "so does the photo" wiki download test:photo.jpg
check "and the visitor's session" wiki write test:second "After the restart."

for path in /data/pages/wiki/syntax.txt /conf/local.php /inc/init.php /bin/dwpage.php /vendor/autoload.php /.htaccess \
        /lib/plugins/../../conf/users.auth.php; do
        check "$path is refused" grep -qxE '403|404' <<<"$(http_status wiki.test "$path")"
done
check "no file of the package was changed" equal "$(packaged)" "$before"
# The media manager of this DokuWiki reads one variable before it sets it, and Debian 13 leaves out a
# file that it asks for, under any server.
complaints=$(journalctl -q --since "$_began" -o cat -p warning _SYSTEMD_UNIT=php-pool@dokuwiki.service | grep -v 'variable $fullscreen\|confutils.php on line 14[56]$')
check "PHP had nothing to complain about" equal "$complaints" ""
systemctl stop php-pool@dokuwiki.socket php-pool@dokuwiki.service
chown -R www-data /var/lib/dokuwiki/acl /var/lib/dokuwiki/data
chgrp -R www-data /etc/dokuwiki
userdel php-dokuwiki
rm -rf "$scratch"
