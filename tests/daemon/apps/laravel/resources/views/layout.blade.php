<!DOCTYPE html>
<html>
<head><title>@yield('title')</title></head>
<body>
@yield('content')
</body>
</html>
