<?php

use Slim\App;
use Slim\Http\Request;
use Slim\Http\Response;

require_once $_SERVER['FRAMEWORK'] . '/autoload.php';

/** The application; requests and responses are made anew for each request, all else stays. */
function application(): App
{
    $app = new App(['settings' => ['displayErrorDetails' => false]]);

    $app->get('/json', fn (Request $request, Response $response) => $response->withJson(['hello' => 'world', 'numbers' => [1, 2, 3]]));
    $app->get('/item/{id:[0-9]+}', fn (Request $request, Response $response, array $args) =>
        $response->withJson(['id' => (int) $args['id']])->withHeader('X-Item', $args['id']));
    $app->any('/echo', fn (Request $request, Response $response) => $response->withJson([
        'method' => $request->getMethod(),
        'query' => $request->getQueryParams(),
        'post' => $request->isPost() ? $request->getParsedBody() : null,
        'cookies' => $request->getCookieParams(),
        'header' => $request->getHeaderLine('X-Test'),
        'files' => count($request->getUploadedFiles()),
    ]));
    $app->get('/count', function (Request $request, Response $response) {
        session_start();
        $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;

        return $response->write((string) $_SESSION['n']);
    });
    $app->get('/fail', fn () => throw new RuntimeException('this route fails'));
    $app->get('/abort', fn () => exit('the route said exit'));

    return $app;
}
