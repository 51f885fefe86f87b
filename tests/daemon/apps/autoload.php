<?php
# SPDX-License-Identifier: MIT
#
# autoload.php TREE: writes TREE/autoload.php, one autoloader with one table for all
# packages of a tree, as `composer dump-autoload --optimize` makes it. Debian's own
# is a function for each package and names /usr/share/php; to look through a hundred
# of them would make the ordinary mode slower than it is elsewhere.

$tree = rtrim($argv[1], '/');
$classes = $files = [];
foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator("$tree/usr/share/php", FilesystemIterator::SKIP_DOTS)) as $file) {
    $name = $file->getFilename();
    if (!preg_match('/^(\w+-)?autoload(-\w+)?\.php$/', $name))
        continue;
    $text = file_get_contents($file);
    $folder = dirname($file);
    preg_match_all("/^\s+'([^']+)' => '(\/[^']+\.php)'/m", $text, $found, PREG_SET_ORDER);
    foreach ($found as [, $class, $path])
        $classes[stripslashes($class)] = $folder . $path;
    preg_match_all("/^require_once __DIR__ ?\. ?'(\/[^']+)';/m", $text, $found);
    foreach ($found[1] as $path)
        if (!str_contains($path, 'autoload'))
            $files[] = $folder . $path;
}
if (count($classes) < 20)
    exit("$tree has no classes\n");
$files = array_unique($files);
sort($files);

file_put_contents("$tree/autoload.php", "<?php\nspl_autoload_register(static function (string \$class): void {\n    static \$classes = "
    . var_export($classes, true) . ";\n    if (\$file = \$classes[strtolower(\$class)] ?? null)\n        require \$file;\n});\n"
    . implode('', array_map(fn($file) => 'require_once ' . var_export($file, true) . ";\n", $files)));
