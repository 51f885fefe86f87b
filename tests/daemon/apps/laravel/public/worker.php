<?php

use Illuminate\Contracts\Http\Kernel;
use Illuminate\Http\Request;

ignore_user_abort(true);

require __DIR__ . '/../vendor/autoload.php';

$app = require __DIR__ . '/../bootstrap/app.php';
$kernel = $app->make(Kernel::class);
$kernel->bootstrap();
foreach (['router', 'session', 'auth', 'cookie', 'view', 'db', 'encrypter'] as $service)
    $app->make($service);

$handler = static function () use ($app, $kernel): void {
    $request = Request::capture();
    $response = $kernel->handle($request)->send();
    $kernel->terminate($request, $response);

    // What a request leaves in the application; Laravel Octane does the same, and more.
    $app->forgetScopedInstances();
    $app['session']->forgetDrivers();
    $app->forgetInstance('session.store');
    $app['auth']->forgetGuards();
    $app['cookie']->flushQueuedCookies();
    $app['view']->flushState();
};

for ($n = 0; frankenphp_handle_request($handler); $n++)
    if ($n % 100 === 99)
        gc_collect_cycles();
