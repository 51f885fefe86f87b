<?php
# Beside the framework's classes: what Composer would bring, which Debian's packages do without.

namespace {
    require_once $_SERVER['FRAMEWORK'] . '/autoload.php';
    require_once dirname(__DIR__) . '/src/Kernel.php';
}

namespace Composer {
    class InstalledVersions
    {
        public static function isInstalled(string $package, bool $dev = true): bool
        {
            return false;
        }

        public static function getVersion(string $package): ?string
        {
            return null;
        }

        public static function getRootPackage(): array
        {
            return ['name' => 'test/application'];
        }
    }
}
