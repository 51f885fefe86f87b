<?php
/* Tries what a pool may not do. One "what: denied|ALLOWED" a line; ?other= is another pool. */
header('Content-Type: text/plain');
error_reporting(0);

function tell(string $what, bool $allowed): void
{
	echo $what, ': ', $allowed ? 'ALLOWED' : 'denied', "\n";
}

$other = $_GET['other'];
$state = getenv('STATE_DIRECTORY');
foreach (['/etc', '/usr', '/var/lib', '/srv', '/run', '/home', '/root'] as $directory) {
	tell("write $directory", file_put_contents("$directory/x", 'x') !== false);
}
foreach ([$state, getenv('CACHE_DIRECTORY'), '/tmp', '/var/tmp', '/dev/shm'] as $directory) {
	$script = "$directory/run-me";
	tell("own $directory", file_put_contents($script, "#!/bin/sh\necho ran\n") !== false);
	chmod($script, 0755);
	tell("execute in $directory", trim((string)shell_exec("$script 2>/dev/null")) === 'ran');
	unlink($script);
}
tell("other's state", scandir("/var/lib/private/php-pool/$other") || scandir("/var/lib/php-pool/$other"));
tell("other's control socket", (bool)stream_socket_client("unix:///run/php-pool.d/$other/control"));
tell("other's FastCGI socket", (bool)stream_socket_client("unix:///run/php-pool/$other.sock"));
tell('see process 1', file_exists('/proc/1/status'));
file_put_contents('/dev/shm/left-behind', 'x');
