<?php

use Slim\DefaultServicesProvider;

ignore_user_abort(true);

require __DIR__ . '/../src/app.php';

$app = application();

$handler = static function () use ($app): void {
    $container = $app->getContainer();
    foreach (['environment', 'request', 'response'] as $service)
        unset($container[$service]);
    (new DefaultServicesProvider())->register($container); // those that are missing

    $app->run();
};

for ($n = 0; frankenphp_handle_request($handler); $n++)
    if ($n % 100 === 99)
        gc_collect_cycles();
