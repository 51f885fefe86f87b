<?php
# What Composer would bring: the framework's classes, and for a PHP before 8.4 the functions that the framework has from polyfills.

namespace {
    require_once $_SERVER['FRAMEWORK'] . '/autoload.php';

    if (PHP_VERSION_ID < 80300) {
        function json_validate(string $json, int $depth = 512, int $flags = 0): bool
        {
            json_decode($json, null, $depth, $flags);

            return json_last_error() === JSON_ERROR_NONE;
        }
    }

    if (PHP_VERSION_ID < 80400) {
        function mb_ucfirst(string $text, ?string $encoding = null): string
        {
            return mb_strtoupper(mb_substr($text, 0, 1, $encoding), $encoding) . mb_substr($text, 1, null, $encoding);
        }

        function mb_lcfirst(string $text, ?string $encoding = null): string
        {
            return mb_strtolower(mb_substr($text, 0, 1, $encoding), $encoding) . mb_substr($text, 1, null, $encoding);
        }

        function array_any(array $array, callable $callback): bool
        {
            foreach ($array as $key => $value)
                if ($callback($value, $key))
                    return true;

            return false;
        }

        function array_all(array $array, callable $callback): bool
        {
            return !array_any($array, static fn ($value, $key) => !$callback($value, $key));
        }

        function array_find_key(array $array, callable $callback): mixed
        {
            foreach ($array as $key => $value)
                if ($callback($value, $key))
                    return $key;

            return null;
        }
    }
}

namespace Composer {
    class InstalledVersions
    {
        public static function isInstalled(string $package, bool $dev = true): bool
        {
            return false;
        }
    }
}

namespace Pdo {
    if (PHP_VERSION_ID < 80400) {
        class Mysql
        {
            public const ATTR_SSL_CA = 1009;
        }
    }
}
