#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Is each process replaced when it is killed: worker, template, manager?

. /opt/tests/lib.sh

docroot killed
pool killed <<<'root = "/srv/www/killed"; workers: { max = 4; min = 2; }; site: { hosts = [ "killed.test" ]; };'
require "the pool starts" systemctl start php-pool@killed.service
require "the proxy starts" systemctl restart php-pool-proxy.service

serves() { fcgi killed info.php --timeout 5 | grep -q "sapi: fpm-fcgi"; }
# changed WHAT BEFORE: there is one, and another
changed() {
        local now
        now=$("$1" killed | head -1)
        [[ $now && $now != 0 && $now != "$2" ]]
}

require "the pool serves" serves
before=$(workers killed)
victim=$(head -1 <<<"$before")
kill -KILL "$victim"
worker_replaced() {
        local now
        now=$(workers killed)
        [[ $(wc -l <<<"$now") -ge 2 ]] && ! grep -qx "$victim" <<<"$now"
}
check "a killed worker is replaced" eventually 5 worker_replaced
check "and the pool serves" serves

check "a worker killed in the middle of a request costs that one: 502 with its id" \
        grep -qiE 'HTTP/1.1 502' <<<"$(http killed.test /kill.php -i)"
check "the journal tells of the killed worker" journal_has killed "killed by"
check "and the pool serves again" serves

before=$(template killed)
orphans=$(workers killed) # they are the manager's children then, of the same executable
kill -KILL "$before"
template_replaced() { changed template "$before" && ! grep -qx "$(template killed)" <<<"$orphans"; }
check "a killed template is replaced" eventually 10 template_replaced
check "and the pool serves after that" eventually 10 serves

before=$(manager killed)
orphans=$(workers killed)
kill -KILL "$before"
check "a killed manager is started again" eventually 10 changed manager "$before"
check "and the pool serves with it" eventually 10 serves
gone() {
        local pid
        for pid in $orphans; do
                ! kill -0 "$pid" 2>/dev/null || return 1
        done
}
check "no worker outlives its manager" eventually 5 gone
