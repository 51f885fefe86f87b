<?php
/* What the process is: one "name: value" a line. */
header('Content-Type: text/plain');
preg_match('/^Uid:\s+(\d+)/m', file_get_contents('/proc/self/status'), $uid);
echo 'sapi: ', PHP_SAPI, "\n";
echo 'uid: ', $uid[1], "\n";
echo 'pid: ', getmypid(), "\n";
foreach (['HOME', 'STATE_DIRECTORY', 'CACHE_DIRECTORY', 'NOTIFY_SOCKET', 'LISTEN_FDS', 'WATCHDOG_USEC', 'APP_GENERATION'] as $name) {
	echo "$name: ", getenv($name) === false ? '(unset)' : getenv($name), "\n";
}
echo 'opcache: ', function_exists('opcache_get_status') && opcache_get_status(false) ? 'on' : 'off', "\n";
