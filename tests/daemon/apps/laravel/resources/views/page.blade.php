@extends('layout')
@section('title', $title)
@section('content')
<p>Visit {{ $visits }}, token of {{ strlen(csrf_token()) }}</p>
<ul>
@foreach ($rows as $row)
    <li @class(['odd' => $row % 2])>{{ $title }} {{ $row }}</li>
@endforeach
</ul>
@endsection
