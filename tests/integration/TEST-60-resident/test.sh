#!/bin/bash
# SPDX-License-Identifier: MIT
#
# An application that stays loaded, behind the proxy: what goes to it, how it is
# deployed, and what is seen of it

. /opt/tests/lib.sh

root=/srv/www/app
mkdir -p $root/public/dir
_docroots+=(app)

# deploy VERSION [LINE]: the application, with a line of PHP before it has booted
deploy() {
        cat >$root/worker.php <<PHP
<?php
usleep(200000);
${2:-}
while (PhpPool\\handle_request(function () {
        if (\$_SERVER["REQUEST_URI"] === "/crash")
                posix_kill(getmypid(), 11);
        echo "$1 \$_SERVER[REQUEST_URI] ", getmypid();
}));
error_log("cleaned up");
PHP
}

deploy one
echo file >$root/public/a.txt
pool app <<<'root = "/srv/www/app"; resident = "worker.php"; workers: { min = 2; max = 4; };
timeouts: { queue = "2s"; }; site: { docroot = "public"; hosts = [ "app.test" ]; };'
check "configuration and permissions are right" php-poolctl --no-pager check app
require "the pool starts" systemctl start php-pool@app.service
systemctl start php-pool-proxy.socket
require "the proxy knows it" systemctl restart php-pool-proxy.service

said() { http app.test "$1" | cut -d' ' -f1,2; }
check "a file is served as a file" equal "$(http app.test /a.txt)" file
check "what is no file goes to the resident script" equal "$(said '/any/where?x=1')" "one /any/where?x=1"
check "so does the root" equal "$(said /)" "one /"
check "a directory" equal "$(said /dir/)" "one /dir/"
check "and a PHP file that is not there" equal "$(said /old.php)" "one /old.php"
pids() { for ((i = 0; i < 20; i++)); do http app.test /; echo; done | cut -d' ' -f3 | sort -u | wc -l; }
check "the application stays loaded" test "$(pids)" -le 4
check "the client of a request that crashes gets 502" equal "$(http_status app.test /crash)" 502
check "the journal names it" journal_has app "SIGSEGV while it ran GET /crash"
check "and the next request is right" equal "$(said /)" "one /"
check "php-poolctl tells how it boots and grows" contains "$(php-poolctl --no-pager status app)" "worker.php; boots in "

# a deployment, by a unit that watches a file
cp /usr/share/doc/php-pool/examples/php-pool-reload@.{path,service} /run/systemd/system/
systemctl daemon-reload
touch $root/.deployed
check "a path unit watches for deployments" systemctl start php-pool-reload@app.path
lost=$(mktemp)
while [[ -e $lost ]]; do
        [[ $(http_status app.test /) == 200 ]] || echo lost >>"$lost"
done 2>/dev/null &
client=$!
deploy two
touch $root/.deployed
serves() { [[ $(said /) == "$1 /" ]]; }
check "which reloads the pool" eventually 20 serves two
sleep 1
check "without a lost request" equal "$(cat "$lost")" ""
check "the old one has cleaned up" journal_has app "cleaned up"

deploy three 'throw new Exception("half a deployment");'
check "what does not boot fails the reload" not systemctl reload php-pool@app.service
check "the journal says why" journal_has app "half a deployment"
check "and that the old one serves on" journal_has app "Reload failed, the old generation serves on"
check "which it does" serves two
check "still without a lost request" equal "$(cat "$lost")" ""
rm -f "$lost"
wait "$client"
systemctl stop php-pool-reload@app.path
rm -f /run/systemd/system/php-pool-reload@.{path,service}

check "a script that does not boot is no reason not to start" systemctl restart php-pool@app.service
check "requests get 503" equal "$(http_status app.test /)" 503
check "the state says so" contains "$(php-poolctl --no-pager list)" failing
deploy four
check "after the repair it serves, without a restart" eventually 20 serves four
