<?php
/* Every token that a script of this pool has seen. */
header('Content-Type: text/plain');
@readfile(getenv('STATE_DIRECTORY') . '/tokens');
