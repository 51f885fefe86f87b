#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does a drop-in give a pool a TCP socket?

. /opt/tests/lib.sh

docroot tcp
pool tcp <<<'root = "/srv/www/tcp";'
dropin php-pool@tcp.socket <<<'[Socket]
ListenStream=127.0.0.1:9001'
require "the pool starts" systemctl start php-pool@tcp.service
check "it answers on the TCP socket" \
        contains "$("$tests/fcgi_client.py" 127.0.0.1:9001 /srv/www/tcp/info.php)" "sapi: fpm-fcgi"
check "and on its unix socket" contains "$(fcgi tcp info.php)" "sapi: fpm-fcgi"

dropin php-pool@tcp.socket <<<'[Socket]
ListenStream=
ListenStream=127.0.0.1:9001'
check "it starts with the TCP socket alone" systemctl restart php-pool@tcp.socket php-pool@tcp.service
check "which answers" \
        contains "$("$tests/fcgi_client.py" 127.0.0.1:9001 /srv/www/tcp/info.php)" "sapi: fpm-fcgi"
