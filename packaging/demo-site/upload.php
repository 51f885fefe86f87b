<?php
/* Keeps the last file that was sent, and gives it back. */

declare(strict_types=1);
require 'page.php';

$file = state('upload');

if (isset($_GET['download'])) {
	header('Content-Type: application/octet-stream');
	header('Content-Disposition: attachment; filename="upload"');
	header('Content-Length: ' . (int)@filesize($file));
	@readfile($file);
	exit;
}

$problem = '';
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
	$error = $_FILES['file']['error'] ?? UPLOAD_ERR_NO_FILE;
	if ($error === UPLOAD_ERR_OK && move_uploaded_file($_FILES['file']['tmp_name'], $file)) {
		header('Location: /upload.php', true, 303);
		exit;
	}
	$problem = "It did not work (error $error).";
	http_response_code(400);
}

page('Upload', function () use ($file, $problem): void {
	echo '<form method="post" enctype="multipart/form-data"><label>A file of up to 16 MB ',
		'<input type="file" name="file" required></label><button>Send</button></form>';
	if ($problem !== '') {
		echo '<p class="problem">', text($problem), '</p>';
	}
	if (is_file($file)) {
		echo '<dl><div><dt>size</dt><dd>', number_format((int)filesize($file)), ' bytes</dd></div>',
			'<div><dt>sha256</dt><dd><code>', hash_file('sha256', $file), '</code></dd></div></dl>',
			'<p><a href="?download=1">Get it back</a></p>';
	}
});
