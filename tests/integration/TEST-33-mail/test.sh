#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does PHP's mail() reach a mailbox through msmtp and an MTA on this machine? sendmail of most
# MTAs is setuid, which has no effect in a pool; msmtp speaks SMTP to the MTA instead.

. /opt/tests/lib.sh

docroot post
cat >/srv/www/post/mail.php <<'PHP'
<?php
var_dump(mail("merchant@localhost", "Order " . $_GET["n"], "Grüße\n", "From: shop@localhost"));
PHP
pool post <<'CONF'
root = "/srv/www/post";
php: { admin_values = [ "sendmail_path=/usr/bin/msmtp --host=localhost --auto-from=off --from=shop@localhost --read-recipients" ]; };
CONF
useradd --create-home merchant
mailbox=$(getent passwd merchant | cut -d : -f 6)/Maildir/new
require "the pool starts" systemctl start php-pool@post.service
# opensmtpd of Debian 13 wants the file to be there, which ca-certificates would bring.
mkdir -p /etc/ssl/certs
[[ -e /etc/ssl/certs/ca-certificates.crt ]] || touch /etc/ssl/certs/ca-certificates.crt
require "an MTA starts" systemctl start opensmtpd.service

check "mail() says that it was sent" contains "$(fcgi post mail.php --query n=4711)" "bool(true)"
check "the message is in the mailbox" eventually 15 grep -rqs "Subject: Order 4711" "$mailbox"
check "and came from the pool's sender" grep -rq '^From: shop@localhost' "$mailbox"

systemctl stop opensmtpd.service
check "without an MTA mail() says that it was not sent" contains "$(fcgi post mail.php --query n=4712)" "bool(false)"
check "and the journal says why" journal_has post "cannot connect to localhost"
userdel -r merchant 2>/dev/null
