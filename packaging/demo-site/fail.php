<?php
/* Fails in the way asked for; the journal has script, line and request. */

declare(strict_types=1);
require 'page.php';

switch ($_GET['how'] ?? '') {
case 'warning':
	trigger_error('This warning is part of the demo', E_USER_WARNING);
	break;
case 'exception':
	throw new RuntimeException('This exception is part of the demo');
case 'memory':
	str_repeat('x', PHP_INT_MAX >> 16);
	break;
case 'exit':
	posix_kill(getmypid(), 9);
	break;
}

page('Failing', function (): void {
	echo '<p>Each of these leaves a record that <code>journalctl PHP_POOL=demo</code> shows, and none disturbs the other visitors.</p><ul>',
		'<li><a href="?how=warning">A warning</a></li>',
		'<li><a href="?how=exception">An exception that nobody catches</a></li>',
		'<li><a href="?how=memory">More memory than there is</a></li>',
		'<li><a href="?how=exit">The worker is killed</a></li></ul>';
});
