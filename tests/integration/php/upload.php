<?php
/* POST keeps the file of the form's field "photo", GET gives it back. */
$kept = getenv('STATE_DIRECTORY') . '/photo';
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
	$photo = $_FILES['photo'] ?? ['error' => 'none came'];
	if ($photo['error'] || !move_uploaded_file($photo['tmp_name'], $kept)) {
		http_response_code(400);
		exit("error: {$photo['error']}\n");
	}
	exit("kept {$photo['size']} bytes\n");
}
header('Content-Type: image/jpeg');
readfile($kept);
