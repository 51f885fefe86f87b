<?php
/* Opens the memory of ?pid= for writing; tells what came of it. Our own is the proof that the way exists. */
error_reporting(0);
foreach (['its' => $_GET['pid'], 'own' => getmypid()] as $whose => $pid) {
	$memory = fopen("/proc/$pid/mem", 'r+b');
	echo $whose, ': ', $memory ? 'opened' : 'refused', "\n";
}
