<?php
/* Writes a journal record that claims to be of the pool ?other=. */
$socket = socket_create(AF_UNIX, SOCK_DGRAM, 0);
$record = "MESSAGE=forged\nPHP_POOL={$_GET['other']}\n_SYSTEMD_UNIT=php-pool@{$_GET['other']}.service\n";
echo socket_sendto($socket, $record, strlen($record), 0, '/run/systemd/journal/socket') ? 'sent' : 'not sent';
