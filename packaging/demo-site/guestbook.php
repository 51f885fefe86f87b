<?php
/* A guest book on SQLite: the entries survive restarts of everything. */

declare(strict_types=1);
require 'page.php';

session_start();
$_SESSION['token'] ??= bin2hex(random_bytes(16));

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
	$name = trim((string)($_POST['name'] ?? ''));
	$words = trim((string)($_POST['words'] ?? ''));
	if (!hash_equals($_SESSION['token'], (string)($_POST['token'] ?? ''))) {
		http_response_code(403);
		exit("The form is from another session.\n");
	}
	if ($name !== '' && $words !== '') {
		database()->prepare('INSERT INTO entry VALUES (?, ?, ?)')
			->execute([date('Y-m-d H:i'), cut($name, 60), cut($words, 1000)]);
	}
	header('Location: /guestbook.php', true, 303);
	exit;
}

/* At most so many characters; "" if it is not UTF-8. */
function cut(string $value, int $size): string
{
	return (string)iconv_substr($value, 0, $size, 'UTF-8');
}

page('Guest book', function (): void {
	echo '<form method="post"><input type="hidden" name="token" value="', $_SESSION['token'], '">',
		'<label>Name <input name="name" maxlength="60" required></label>',
		'<label>Words <textarea name="words" rows="3" maxlength="1000" required></textarea></label>',
		'<button>Write</button></form>';
	foreach (database()->query('SELECT * FROM entry ORDER BY rowid DESC LIMIT 50') as $entry) {
		echo '<article><h2>', text($entry['name']), ' <time>', text($entry['at']), '</time></h2><p>',
			nl2br(text($entry['words'])), '</p></article>';
	}
});
