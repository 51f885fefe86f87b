#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Are the packages complete, does installing them start nothing unasked, and does the
# README's way then serve a first request? The packages stay for the scenarios that follow.

. /opt/tests/lib.sh

# What was there before: for the scenario that removes the packages.
"$tests/TEST-59-remove/files" >/var/tmp/files-before

require "apt installs the packages" sh -c 'apt-get install -y --no-install-recommends /opt/packages/*.deb'
version=$(cd "$libexec" && echo php-pool-worker-*)
check "nothing of them runs" equal "$(systemctl list-units --plain --no-legend 'php-pool*')" ""
check "nothing of them is enabled" not grep -q enabled <<<"$(systemctl list-unit-files --no-legend 'php-pool*' | awk '{print $2}')"
check "nothing listens at port 80" not curl -sS --max-time 2 http://127.0.0.1/
check "nor where the figures will be" not curl -sS --max-time 2 http://127.0.0.1:9253/metrics
check "systemd knows the units without being told" systemctl cat php-pool@x.service php-pool-proxy.socket
check "the group of the front ends is there" getent group php-pool
check "no static user is" not grep -q '^php-' /etc/passwd
check "the files are those of the packages" dpkg --verify php-pool "$version"
check "the worker asks for the libphp of its version" \
        grep -qx "libphp${version#php-pool-worker-}.so" <<<"$(ldd "$libexec/$version" | sed -n 's/^[[:space:]]*\(libphp[^ ]*\) =>.*/\1/p')"
check "every program is one that can be run" \
        sh -c "for program in $libexec/*; do \$program --version || exit 1; done; php-poolctl --version"
for unit in $(dpkg -L php-pool | sed -n 's,.*/systemd/system/\(php-pool[^/]*\)$,\1,p' | grep -v '\.d$'); do
        instance=${unit/@./@first.}
        mkdir -p /etc/php-pool/conf.d
        check "systemd has nothing to say about $unit" equal "$(systemd-analyze verify --man=no "$instance" 2>&1)" ""
done

# What units name, or systemd takes from directories of its own
packaged=$(dpkg -L php-pool)
for page in $(grep -hPo '(?<=man:)php-pool[^ ]*' $(grep -E '/systemd/system/.*\.[a-z]+$' <<<"$packaged") | sort -u) \
        'php-pool-control(7)' 'php-pool-from-fpm(7)' 'php-poolctl(1)'; do
        section=${page#*(} section=${section%)}
        check "the page $page is there" grep -qx "/usr/share/man/man$section/${page%(*}.$section.gz" <<<"$packaged"
done
check "the journal's catalog has been told of the messages" \
        equal "$(comm -23 <(sed -n 's/^-- //p' /usr/lib/systemd/catalog/php-pool.catalog | sort) <(journalctl --list-catalog | cut -d ' ' -f 1 | sort))" ""
for unit in $(grep -Eo '[^/]+\.service$' <<<"$packaged" | grep -E '^php-pool-[a-z]+\.service$'); do
        check "an upgrade will restart $unit" grep -qw "try-restart.* $unit" /var/lib/dpkg/info/php-pool.postinst
done

# As the README has it, which is what the package's own test does.
check "the first pool of the README is served" sh /opt/tests/first-pool
docroot first
pool first <<<'root = "/srv/www/first";'
check "a first pool and the proxy are enabled" systemctl enable --now php-pool@first.socket php-pool-proxy.socket
check "the first request starts the pool" contains "$(curl -sS --max-time 20 http://127.0.0.1/info.php)" "sapi: fpm-fcgi"
check "systemctl status shows it" status_says php-pool@first.service "Generation 1 serves, PHP ${version#php-pool-worker-}"
check "php-poolctl lists it" contains "$(php-poolctl list)" first
check "the figures are served once they are asked for" systemctl enable --now php-pool-metrics.socket
check "of this pool" contains "$(curl -sS --max-time 20 http://127.0.0.1:9253/metrics)" 'php_pool_up{pool="first"} 1'
systemctl disable --now php-pool@first.socket php-pool-proxy.socket php-pool-metrics.socket 2>/dev/null
systemctl stop php-pool-proxy.service php-pool-metrics.service
