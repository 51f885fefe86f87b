#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Can PHP write the memory of the manager or of the template, which have its uid?

. /opt/tests/lib.sh

docroot memory
pool memory <<<'root = "/srv/www/memory";'
require "the pool starts" systemctl start php-pool@memory.service

answer=$(fcgi memory memory.php --query "pid=$(manager memory)")
check "PHP can open its own memory, so this is the way it would go" contains "$answer" "own: opened"
check "PHP cannot open the manager's" contains "$answer" "its: refused"
require "there is a template" test -n "$(template memory)"
check "PHP cannot open the template's" \
        contains "$(fcgi memory memory.php --query "pid=$(template memory)")" "its: refused"
