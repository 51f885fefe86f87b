#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Is a bad reload refused, with the reason, while the old generation serves on?

. /opt/tests/lib.sh

good='root = "/srv/www/reload"; env = [ "APP_GENERATION=%s" ];'
docroot reload
# shellcheck disable=SC2059
pool reload <<<"$(printf "$good" first)"
require "the pool starts" systemctl start php-pool@reload.service
manager_before=$(manager reload)

generation() { fcgi reload info.php | sed -n 's/^APP_GENERATION: //p'; }
check "the first generation serves" equal "$(generation)" first

pool reload <<<'root = "/srv/www/reload"; workers: { max = "many"; };'
check "a reload with a wrong configuration fails" not systemctl reload php-pool@reload.service
check "the journal has file and line" journal_has reload "reload.conf:1"
check "the old generation serves on" equal "$(generation)" first
check "the service is active" active php-pool@reload.service

pool reload <<<'root = "/srv/www/reload"; env = [ "APP_GENERATION=preload" ];
php: { admin_values = [ "opcache.preload=/srv/www/reload/missing.php" ]; };'
check "a reload whose PHP cannot start fails" not systemctl reload php-pool@reload.service
check "the old generation still serves" equal "$(generation)" first

# shellcheck disable=SC2059
pool reload <<<"$(printf "$good" second)"
check "a good reload succeeds" systemctl reload php-pool@reload.service
check "the new generation serves when systemctl returns" equal "$(generation)" second
check "the manager is the same process" equal "$(manager reload)" "$manager_before"
