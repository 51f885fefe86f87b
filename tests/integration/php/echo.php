<?php
/* Gives the body back. */
file_put_contents(getenv('STATE_DIRECTORY') . '/tokens', ($_GET['token'] ?? '-') . "\n", FILE_APPEND | LOCK_EX);
header('Content-Type: application/octet-stream');
echo file_get_contents('php://input');
