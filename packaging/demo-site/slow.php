<?php
/* Takes its time, so that the status shows a busy worker. */

declare(strict_types=1);
require 'page.php';

$seconds = max(0, min(15, (int)($_GET['seconds'] ?? 4)));
sleep($seconds);

page('Slow', function () use ($seconds): void {
	echo '<p>This took ', $seconds, ' seconds. Meanwhile the others were served, and ',
		'<code>systemctl status php-pool@demo</code> counted a busy worker.</p>',
		'<p><a href="?seconds=10">Ten seconds</a></p>';
});
