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

# refused CONFIGURATION: the exit code and the words of a start that fails
refused() {
        pool limits <<<"$1"
        systemctl stop php-pool@limits.socket php-pool@limits.service
        ! systemctl start php-pool@limits.service 2>/dev/null || { echo "it started"; return 1; }
        code=$(systemctl show -P ExecMainStatus php-pool@limits.service)
        words=$(systemctl status --no-pager -n 30 php-pool@limits.service)
        systemctl stop php-pool@limits.socket php-pool@limits.service
        equal "$code" 78
}
code="" words=""
check_refused() {
        refused "$1" >/dev/null
        check "$2 is refused with exit 78" equal "$code" 78
        check "$2: systemctl status says why" contains "$words" "$3"
}
check_refused 'root = "/srv/www/limits"; workers: { max = 200; };' "workers.max above LimitNPROC" LimitNPROC
check "the words name workers.max" contains "$words" workers.max

dropin php-pool@limits.service <<<'[Service]
LimitNOFILE=64:64'
check_refused 'root = "/srv/www/limits"; workers: { max = 100; };' "workers.max beyond LimitNOFILE" LimitNOFILE

check_refused $'root = "/srv/www/limits";\nworkers: { max = 0; };' "a configuration that is wrong" "limits.conf:2"
check_refused $'root = "/srv/www/limits";\n\nwrokers: { max = 1; };' "a mistyped key" "limits.conf:3"
