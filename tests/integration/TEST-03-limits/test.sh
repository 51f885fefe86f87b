#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Are the limits of a drop-in in force, and is a pool that cannot run within them
# refused in words?

. /opt/tests/lib.sh

docroot limits
pool limits <<<'root = "/srv/www/limits"; workers: { max = 4; };'
dropin php-pool@limits.service <<<'[Service]
LimitNOFILE=1024:6000
LimitNPROC=40'

# limit PID NAME: soft and hard
limit() {
        sed -n "s/^$2  *\([^ ]*\)  *\([^ ]*\) .*/\1 \2/p" "/proc/$1/limits"
}

require "the pool starts within the limits" systemctl start php-pool@limits.service
fcgi limits info.php >/dev/null
worker=$(workers limits | head -1)
check "LimitNOFILE= is the manager's hard limit" equal "$(limit "$(manager limits)" "Max open files" | cut -d' ' -f2)" 6000
check "LimitNPROC= is in force" equal "$(limit "$(manager limits)" "Max processes")" "40 40"
check "a worker keeps the soft limit of 1024, for select()" equal "$(limit "$worker" "Max open files")" "1024 6000"
check "a worker has LimitNPROC= too" equal "$(limit "$worker" "Max processes")" "40 40"

# check_refused CONFIGURATION WHAT WORD: the start fails with exit 78, and tells why
check_refused() {
        pool limits <<<"$1"
        systemctl stop php-pool@limits.socket php-pool@limits.service
        check "$2 is refused" not systemctl start php-pool@limits.service
        check "$2: the exit code is 78" equal "$(systemctl show -P ExecMainStatus php-pool@limits.service)" 78
        check "$2: systemctl status says why" status_says php-pool@limits.service "$3"
        systemctl stop php-pool@limits.socket php-pool@limits.service
}
check_refused 'root = "/srv/www/limits"; workers: { max = 200; };' "workers.max above LimitNPROC" "LimitNPROC=40 is too small for workers.max = 200"

dropin php-pool@limits.service <<<'[Service]
LimitNOFILE=64:64'
check_refused 'root = "/srv/www/limits"; workers: { max = 100; };' "workers.max beyond LimitNOFILE" "LimitNOFILE=64 is too small for workers.max = 100"

check_refused $'root = "/srv/www/limits";\nworkers: { max = 0; };' "a configuration that is wrong" "limits.conf:2"
check_refused $'root = "/srv/www/limits";\n\nwrokers: { max = 1; };' "a mistyped key" "limits.conf:3"
