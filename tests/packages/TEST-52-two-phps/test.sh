#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Two PHPs on one host: the workers of two releases of Debian, each with its libphp, settings
# and extensions. Both libraries call themselves libphp.so; does each pool have its own PHP,
# whatever that name leads to?

. /opt/tests/lib.sh

mapfile -t versions < <(cd "$libexec" && printf '%s\n' php-pool-worker-* | sed 's/php-pool-worker-//' | sort -V)
require "workers of two PHPs are installed" equal "${#versions[@]}" 2
old=${versions[0]} new=${versions[1]}

for name in old new; do
        docroot "$name"
        echo '<?php echo PHP_VERSION, " ", ini_get("extension_dir"), " ", php_ini_loaded_file(), " ",
                extension_loaded("pdo_sqlite") ? (new PDO("sqlite::memory:"))->query("select 42")->fetchColumn() : "none", " ",
                opcache_get_status() ? "opcache" : "-";' >"/srv/www/$name/which.php"
        pool "$name" <<<"root = \"/srv/www/$name\"; php: { version = \"${!name}\"; }; site: { hosts = [ \"$name.test\" ]; };"
done

both_serve() {
        local name answer
        for name in old new; do
                answer=$(http "$name.test" /which.php)
                [[ $answer == "${!name}."*" /usr/lib/php/"*" /etc/php/${!name}/"*"/php.ini 42 opcache" ]] || { echo "$name: $answer"; return 1; }
        done
}
require "a pool of PHP $old starts" systemctl start php-pool@old.service
require "a pool of PHP $new starts" systemctl start php-pool@new.service
require "the proxy starts" systemctl restart php-pool-proxy.service
check "both serve, each with its own settings and extensions" both_serve
printf '          %s\n' "$(http old.test /which.php)" "$(http new.test /which.php)"

ask_both() {
        local pids=() i name
        for ((i = 0; i < 20; i++)); do
                for name in old new; do
                        http "$name.test" "/slow.php?ms=50&token=$i" >/dev/null &
                        pids+=($!)
                done
        done
        wait "${pids[@]}"
}
check "also at the same time" ask_both
check "php-poolctl shows which pool has which" sh -c "php-poolctl list | grep -q 'old .*$old' && php-poolctl list | grep -q 'new .*$new'"

# The name that both libraries call themselves by leads to one, the other, and nowhere.
for leads in "libphp$old.so" "libphp$new.so" nowhere; do
        rm -f /usr/lib/libphp.so
        ln -s "$leads" /usr/lib/libphp.so
        systemctl restart php-pool@old.service php-pool@new.service
        check "with libphp.so leading to $leads both serve" both_serve
done
rm -f /usr/lib/libphp.so
ldconfig

# One PHP goes away; the pool without is told apart from the other.
mv "/usr/lib/libphp$old.so" /usr/lib/away
check "without its libphp a pool does not start" not systemctl restart php-pool@old.service
check "and says which file is missing" journal_has old "libphp$old.so"
check "the other pool serves on" contains "$(http new.test /which.php)" "$new."
mv /usr/lib/away "/usr/lib/libphp$old.so"
check "and the first as well when the file is back" eventually 10 both_serve

pool new <<<'root = "/srv/www/new"; php: { version = "8.99"; };'
check "a PHP that nobody has installed is refused" not systemctl reload php-pool@new.service
check "by its version" journal_has new "PHP 8.99"
check "the pool serves on" contains "$(fcgi new which.php)" "$new."
