#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A folder of daemon/ includes only itself and what this table allows: the table
# of HACKING.md. PHP's headers belong to sapi/, libconfig's to config/, and what
# the manager is made of may not see either.

set -euo pipefail
cd "$(dirname "$0")/../../daemon"

declare -A may=(
        [util]=""
        [fcgi]="util"
        [http]="util"
        [config]="util"
        [ipc]="fcgi util"
        [sapi]="util"
        [pool]="ipc config fcgi util"
        [worker]="sapi ipc fcgi config util"
        [proxy]="http ipc fcgi config util"
        [ctl]="http ipc config util"
        [metrics]="ctl http ipc config util"
)
bad=0

complain() {
        echo "$*"
        bad=1
}

# includes DIRECTORY PATTERN: file:line:text of the include lines that match
includes() {
        grep -HnoE --include='*.[ch]' -r "^#[[:space:]]*include[[:space:]]+$2" "$1" || :
}

for dir in */; do
        dir=${dir%/}
        [[ -v may[$dir] ]] || { complain "daemon/$dir/ is not in the table of tests/lint/layers.sh"; continue; }

        while IFS=: read -r file line include; do
                to=${include#*\"}
                to=${to%/*}
                [[ " $dir ${may[$dir]} " == *" ${to%%/*} "* ]] || complain "daemon/$file:$line: $dir/ must not include $to/"
        done < <(includes "$dir" '"[^"]*/')

        [[ $dir == sapi ]] || while IFS=: read -r file line include; do
                complain "daemon/$file:$line: only sapi/ includes PHP's headers"
        done < <(includes "$dir" '[<"](php|SAPI\.h|main/|ext/|Zend/|zend|TSRM)')

        [[ $dir == config ]] || while IFS=: read -r file line include; do
                complain "daemon/$file:$line: only config/ includes libconfig"
        done < <(includes "$dir" '[<"]libconfig\.h')
done

while IFS=: read -r file line include; do
        complain "daemon/$file:$line: sapi.h shows PHP to its callers"
done < <([[ ! -f sapi/sapi.h ]] || includes sapi/sapi.h '[<"](php|SAPI|Zend|zend|main/)')

exit $bad
