<?php
/* Each way to fail has a line of its own. */
if (($_GET['how'] ?? '') === 'fatal') {
	no_such_function();
}
trigger_error('A warning on purpose', E_USER_WARNING);
echo "done\n";
