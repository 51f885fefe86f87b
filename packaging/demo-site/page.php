<?php
/* The frame of every page of the demo, and its one database. */

declare(strict_types=1);

function text(string|int|float $value): string
{
	return htmlspecialchars((string)$value, ENT_QUOTES | ENT_SUBSTITUTE);
}

function page(string $title, callable $content): void
{
	$pages = [
		'/index.php' => 'Pool',
		'/guestbook.php' => 'Guest book',
		'/upload.php' => 'Upload',
		'/slow.php' => 'Slow',
		'/fail.php' => 'Failing',
	];
	echo '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
		'<meta name="viewport" content="width=device-width">',
		'<title>', text($title), ' · php-pool</title><link rel="stylesheet" href="/style.css"></head><body>',
		'<header><strong>php-pool</strong><nav>';
	foreach ($pages as $path => $name) {
		$here = $path === $_SERVER['SCRIPT_NAME'] ? ' aria-current="page"' : '';
		echo "<a href=\"$path\"$here>", text($name), '</a>';
	}
	echo '</nav></header><main><h1>', text($title), '</h1>';
	$content();
	echo '</main><footer>PHP ', PHP_VERSION, ' as ', PHP_SAPI, ', process ', getmypid(), '</footer></body></html>';
}

/* The state directory is the one place that outlives a restart. */
function state(string $name): string
{
	return getenv('STATE_DIRECTORY') . "/$name";
}

function database(): PDO
{
	$db = new PDO('sqlite:' . state('guestbook.sqlite'), null, null, [PDO::ATTR_TIMEOUT => 5]);
	$db->exec('CREATE TABLE IF NOT EXISTS entry (at TEXT, name TEXT, words TEXT)');
	return $db;
}
