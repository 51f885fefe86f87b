<?php
/* The pool's own figures, as the pool tells them. */

declare(strict_types=1);
require 'page.php';

function cell(mixed $value): string
{
	return match (true) {
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
		if (in_array($name, ['start-time'], true) && is_int($value)) {
			$value = date('Y-m-d H:i:s', $value);
		}
		echo '<div><dt>', text(str_replace('-', ' ', (string)$name)), '</dt><dd>', cell($value), '</dd></div>';
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
			foreach ($worker as $value) {
				echo '<td>', cell($value), '</td>';
			}
			echo '</tr>';
		}
		echo '</table>';
	}
});
