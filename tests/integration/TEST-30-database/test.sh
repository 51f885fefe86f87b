#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does an application get its database password as a credential, in a file and in its
# environment, and can nobody else read it; and does it reach the database by its socket,
# also without a network?

. /opt/tests/lib.sh

docroot shop
docroot other
pool shop <<'CONF'
root = "/srv/www/shop";
env = [ "DB_PASSWORD=@credential:db_password" ];
CONF
pool other <<<'root = "/srv/www/other";'

credentials=/etc/php-pool/credentials
mkdir -p "$credentials/shop"
chmod 700 "$credentials"
password=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
(umask 077 && printf %s "$password" >"$credentials/shop/password")
dropin php-pool@shop.service <"$examples/units/credentials.conf"
dropin php-pool@other.service <"$examples/units/no-network.conf"

cat >/srv/www/shop/credential.php <<'PHP'
<?php
$file = getenv("CREDENTIALS_DIRECTORY") . "/db_password";
printf("others %o, same %d, environment %d\n", fileperms($file) & 07, hash("sha256", file_get_contents($file)) === $_GET["hash"],
        hash("sha256", getenv("DB_PASSWORD")) === $_GET["hash"]);
PHP
cat >/srv/www/shop/orders.php <<'PHP'
<?php
mysqli_report(MYSQLI_REPORT_OFF);
$db = @new mysqli("localhost", "shop", getenv("DB_PASSWORD"), "shop", 0, "/run/mysqld/mysqld.sock");
if ($db->connect_errno) exit("refused: {$db->connect_error}\n");
$db->query("INSERT INTO orders (what) VALUES ('a book')");
echo "orders: ", $db->query("SELECT COUNT(*) FROM orders")->fetch_row()[0], "\n";
PHP
cat >/srv/www/other/steal.php <<'PHP'
<?php
foreach (["/etc/php-pool/credentials/shop/password", "/run/credentials/php-pool@shop.service/db_password"] as $file)
        echo $file, ": ", @file_get_contents($file) === false ? "denied" : "READ", "\n";
PHP
sed 's/getenv("DB_PASSWORD")/"guess"/' /srv/www/shop/orders.php >/srv/www/other/orders.php

require "the pool starts" systemctl start php-pool@shop.service
require "another pool starts, without a network" systemctl start php-pool@other.service
said=$(fcgi shop credential.php --query "hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)")
check "the credential is a file that only the pool can read, and in its environment" \
        equal "$said" "others 0, same 1, environment 1"
check "another pool cannot read it, neither where it comes from nor where it goes to" \
        equal "$(fcgi other steal.php | grep -c denied)" 2
check "systemctl show does not tell it" not grep -qF "$password" <<<"$(systemctl show php-pool@shop.service)"
check "nor does the pool's status" not grep -qF "$password" <<<"$(php-poolctl status shop)"

require "MariaDB starts" systemctl start mariadb.service
# sid has it elsewhere than the releases.
socket=$(mariadb -N -e 'SELECT @@socket')
sed -i "s,/run/mysqld/mysqld.sock,$socket," /srv/www/*/orders.php
mariadb <<SQL
CREATE DATABASE shop;
CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, what TEXT);
CREATE USER shop@localhost IDENTIFIED BY '$password';
GRANT ALL ON shop.* TO shop@localhost;
SQL
check "the application writes to its database over the socket" equal "$(fcgi shop orders.php)" "orders: 1"
check "and again, after a restart of the pool" bash -c 'systemctl restart php-pool@shop.service'
check "with the same password" equal "$(fcgi shop orders.php)" "orders: 2"
check "the database's socket is reached without a network too, and refuses another password" \
        contains "$(fcgi other orders.php)" "refused: Access denied for user 'shop'@'localhost'"

# The directory is gone: systemd says so, the pool does not start without its secrets.
systemctl stop php-pool@shop.socket php-pool@shop.service
mv "$credentials/shop" "$credentials/away"
check "without its credentials the pool does not start" not systemctl start php-pool@shop.service
# journald may find the process that says it gone: it knows it by the field that systemd sets then
says() { contains "$(journalctl -q --no-pager -o cat --since "$_began" "UNIT=php-pool@shop.service" + "_SYSTEMD_UNIT=php-pool@shop.service")" "$1"; }
check "and the journal says that it is for them" eventually 10 says "Failed to set up credentials"

systemctl stop php-pool@shop.socket mariadb.service
rm -rf "$credentials" /var/lib/mysql/shop
