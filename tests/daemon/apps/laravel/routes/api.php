<?php

use Illuminate\Http\Request;
use Illuminate\Support\Facades\Route;

Route::get('/json', fn () => ['hello' => 'world', 'numbers' => [1, 2, 3]]);

Route::get('/item/{id}', fn (int $id) => response()->json(['id' => $id], 200, ['X-Item' => (string) $id]))->whereNumber('id');

/* All that a request can bring, so that what an earlier one left would show. */
Route::any('/echo', fn (Request $request) => [
    'method' => $request->method(),
    'query' => $request->query(),
    'post' => $request->post(),
    'cookies' => $request->cookies->all(),
    'user' => $request->getUser(),
    'body' => $request->getContent(),
    'header' => $request->header('X-Test'),
    'files' => count($request->allFiles()),
    'injected' => request()->fullUrl(),
    'url' => url('/x'),
]);

Route::post('/upload', fn (Request $request) => [$request->file('f')->getClientOriginalName(), md5_file($request->file('f')->path())]);

Route::get('/fail', fn () => throw new RuntimeException('this route fails'));

Route::get('/abort', fn () => exit('the route said exit'));

Route::get('/missing', fn () => abort(404));

Route::get('/stream', fn () => response()->stream(function (): void {
    foreach (['one', 'two', 'three'] as $part) {
        echo $part, "\n";
        flush();
    }
}));
