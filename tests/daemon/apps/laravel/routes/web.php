<?php

use Illuminate\Http\Request;
use Illuminate\Support\Facades\Route;

Route::get('/count', function (Request $request) {
    $request->session()->put('n', $request->session()->get('n', 0) + 1);

    return (string) $request->session()->get('n');
});

Route::get('/page', function (Request $request) {
    $request->session()->increment('visits');

    return view('page', ['title' => 'A <page>', 'rows' => range(1, 20), 'visits' => $request->session()->get('visits')]);
});
