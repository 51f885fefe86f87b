<?php
/* The pool's own figures, as the pool tells them. */

declare(strict_types=1);
require 'page.php';

function cell(string|int $name, mixed $value): string
{
	return match (true) {
		$name === 'start-time', $name === 'start time' => date('Y-m-d H:i:s', (int)$value),
		is_bool($value) => $value ? 'yes' : 'no',
		is_scalar($value) => text($value),
		default => text(json_encode($value)),
	};
}

page('This pool', function (): void {
	$status = fpm_get_status();
	if (!$status) {
		echo '<p>The pool tells no figures.</p>';
		return;
	}
	$workers = $status['procs'] ?? [];
	unset($status['procs']);

	echo '<dl>';
	foreach ($status as $name => $value) {
		echo '<div><dt>', text(str_replace('-', ' ', (string)$name)), '</dt><dd>', cell($name, $value), '</dd></div>';
	}
	echo '</dl>';

	if ($workers) {
		echo '<h2>Workers</h2><table><tr>';
		foreach (array_keys(reset($workers)) as $name) {
			echo '<th>', text(str_replace('-', ' ', (string)$name)), '</th>';
		}
		echo '</tr>';
		foreach ($workers as $worker) {
			echo '<tr>';
			foreach ($worker as $name => $value) {
				echo '<td>', cell($name, $value), '</td>';
			}
			echo '</tr>';
		}
		echo '</table>';
	}
});
