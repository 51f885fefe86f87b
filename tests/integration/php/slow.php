<?php
/* Takes ?ms= milliseconds, then tells its token; the token is noted before. */
file_put_contents(getenv('STATE_DIRECTORY') . '/tokens', $_GET['token'] . "\n", FILE_APPEND | LOCK_EX);
usleep((int)$_GET['ms'] * 1000);
echo 'slow ', $_GET['token'], "\n";
