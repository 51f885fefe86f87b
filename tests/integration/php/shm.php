<?php
/* Is there a file in /dev/shm that another pool left? */
echo file_exists('/dev/shm/left-behind') ? 'seen' : 'not seen';
