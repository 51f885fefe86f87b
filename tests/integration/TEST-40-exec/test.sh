#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does `php-poolctl exec` run a program as the pool runs PHP: its user, sandbox,
# environment, php.ini, directory, and not one thing more?

. /opt/tests/lib.sh

php=$(php_version)

docroot tool
docroot other
printf secret >/run/tool-key
pool tool <<<'root = "/srv/www/tool"; env = [ "APP_ENV=prod", "APP_KEY=@credential:app-key" ];
php: { values = [ "precision=5" ]; admin_values = [ "memory_limit=77M", "disable_functions=passthru" ]; };'
pool other <<<'root = "/srv/www/other";'
dropin php-pool@tool.service <<<'[Service]
LoadCredential=app-key:/run/tool-key
Environment="APP_TEXT=two words, 100%% and a $dollar" HOST=%H
IPAddressDeny=192.0.2.0/24'

run() { php-poolctl exec tool -- "$@"; }

check "a pool that sleeps can run a program" equal "$(run echo hello)" hello
check "and is not woken by it" inactive php-pool@tool.service
require "the pool starts" systemctl start php-pool@tool.service
check "a pool that is awake can as well" equal "$(run echo hello)" hello
check "the control socket is there afterwards" test -S /run/php-pool.d/tool/control

check "the user is the pool's" equal "$(run id -un)" php-tool
check "the directory is root" equal "$(run pwd)" /srv/www/tool
check "env of the file is there" equal "$(run printenv APP_ENV)" prod
check "a credential is filled in" equal "$(run printenv APP_KEY)" secret
check "Environment= of a drop-in is there, as it was written" \
        equal "$(run printenv APP_TEXT)" 'two words, 100% and a $dollar'
check "specifiers of the machine are filled in" equal "$(run printenv HOST)" "$(hostname)"
check "HOME is the state directory" equal "$(run printenv HOME)" /var/lib/php-pool/tool
check "arguments come as they were given" equal "$(run printf '<%s>' 'a b' '$HOME' '%i' '' "it's" '"' '\n')" \
        '<a b><$HOME><%i><><it'\''s><"><\n>'

check "the program's exit status is ours" equal "$(run sh -c 'exit 7'; echo $?)" 7
check "a program that is not there is 127" equal "$(run no-such-program 2>&1; echo $?)" \
        "php-poolctl: Failed to run 'no-such-program': No such file or directory
127"
check "stdin is passed on" equal "$(echo given | run cat)" given
check "stderr stays stderr" equal "$(run sh -c 'echo e >&2' 2>&1 >/dev/null)" e

check "PHP is the pool's" equal "$(run php -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')" "$php"
check "php.ini is the pool's" equal "$(run php -r 'echo php_ini_loaded_file();')" "/etc/php/$php/fpm/php.ini"
check "values of the file hold" equal "$(run php -r 'echo 1/3;')" 0.33333
check "admin_values of the file hold" equal "$(run php -r 'echo ini_get("memory_limit");')" 77M
conf=/etc/php/$php/fpm/conf.d/99-test.ini
echo 'disable_functions = popen, shell_exec' >"$conf"
check "what both take away is away" equal "$(run php -r 'foreach (["popen", "shell_exec", "passthru", "exec"] as $f) echo (int)function_exists($f);')" 0001
check "and extensions of the pool's PHP are there" equal "$(run php -r 'echo (int)extension_loaded("curl");')" 1
dropin php-pool@tool.service <<<"$(cat /run/systemd/system/php-pool@tool.service.d/test.conf)
Environment=PHP_INI_SCAN_DIR="
check "none where the unit has no directory of them" equal "$(run php -r 'echo (int)extension_loaded("curl"), (int)function_exists("popen"), (int)function_exists("passthru");')" 010
dropin php-pool@tool.service <<<"$(grep -v PHP_INI /run/systemd/system/php-pool@tool.service.d/test.conf)"
rm "$conf"
check "sessions are the pool's" equal "$(run php -r 'echo session_save_path() ?: ini_get("session.save_path");')" \
        /var/lib/php-pool/tool/sessions

check "the state directory can be written" run touch /var/lib/php-pool/tool/by-exec
check "the system cannot" not run touch /usr/by-exec
check "another pool's state cannot be read" not run ls /var/lib/private/php-pool/other
check "what was written cannot be executed" not run sh -c 'cp /bin/true /var/lib/php-pool/tool/x && /var/lib/php-pool/tool/x'

# Every property of execution is the service's, but for those of one run.
properties() {
        systemctl show "$1" | grep -E '^(DynamicUser|User|Group|SupplementaryGroups|UMask|Limit[A-Z]*|CapabilityBoundingSet|AmbientCapabilities|NoNewPrivileges|Private[A-Za-z]*|Protect[A-Za-z]*|Restrict[A-Za-z]*|SystemCall[A-Za-z]*|MemoryDenyWriteExecute|LockPersonality|KeyringMode|RemoveIPC|TemporaryFileSystem|NoExecPaths|ExecPaths|ReadWritePaths|ReadOnlyPaths|InaccessiblePaths|Bind[A-Za-z]*Paths|StateDirectory|CacheDirectory|WorkingDirectory|Environment|IPAddressDeny|TasksMax|Slice|ProcSubset|DevicePolicy|LogExtraFields)=' | sed 's,-/run/,/run/,' | sort
}
php-poolctl exec tool -- sleep 20 &
eventually 5 sh -c 'systemctl list-units --plain --no-legend "php-pool-exec-tool-*" | grep -q running'
unit=$(systemctl list-units --plain --no-legend 'php-pool-exec-tool-*' | awk '{ print $1 }')
check "all its properties are the service's" equal "$(properties "$unit")" "$(properties php-pool@tool.service)"
check "there are some fifty of them" test "$(properties "$unit" | wc -l)" -gt 50
kill $!
wait $!
check "told to end it tells so" equal $? 143
gone() { [[ ! $(systemctl list-units --plain --no-legend 'php-pool-exec-tool-*') ]]; }
check "and the program is ended with it" eventually 5 gone

dropin php-pool@other.service <<<'[Service]
Environment=HOST=%q'
check "what cannot be carried over is refused, not left out" contains "$(php-poolctl exec other -- true 2>&1)" \
        'A specifier that is not understood: Environment=HOST=%q'
check "an unknown pool is one sentence" equal "$(php-poolctl exec nowhere -- true 2>&1; echo $?)" \
        "/etc/php-pool/conf.d/nowhere.conf: cannot be read: No such file or directory
78"
check "only root may" contains "$(setpriv --reuid=nobody --clear-groups php-poolctl exec tool -- true 2>&1)" "Only root"

# The timer that the manual shows
mkdir -p /run/systemd/system
cp /usr/share/doc/php-pool/examples/php-pool-cron@.service /usr/share/doc/php-pool/examples/php-pool-cron@.timer /run/systemd/system
mkdir -p /run/systemd/system/php-pool-cron@tool.service.d
printf '[Service]\nExecStart=\nExecStart=/usr/bin/php-poolctl exec %%i -- touch /var/lib/php-pool/tool/cron\n' \
        >/run/systemd/system/php-pool-cron@tool.service.d/test.conf
systemctl daemon-reload
check "the timer's service runs such a program" systemctl start php-pool-cron@tool.service
check "which did what it was to do" test -e /var/lib/private/php-pool/tool/cron
check "the timer can be started" systemctl start php-pool-cron@tool.timer
systemctl stop php-pool-cron@tool.timer
rm -r /run/systemd/system/php-pool-cron@*
systemctl daemon-reload
