<?php
/* Ends its own process in the middle of a request. */
posix_kill(getmypid(), 9);
sleep(5);
