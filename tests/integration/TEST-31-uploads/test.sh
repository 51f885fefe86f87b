#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Do uploads stay, in each of the three ways: in the state directory, in a directory of the
# site that a group shares, and as files of a static user?

. /opt/tests/lib.sh

php_upload='<?php
$to = $_GET["to"] === "state" ? getenv("STATE_DIRECTORY") . "/uploads" : __DIR__ . "/uploads";
@mkdir($to);
if (isset($_GET["run"])) {
        file_put_contents("$to/program", file_get_contents("/bin/true"));
        chmod("$to/program", 0755);
        exec("$to/program", $output, $status);
        unlink("$to/program");
        echo $status === 0 ? "ran" : "did not run";
} elseif (isset($_FILES["f"]))
        var_dump(move_uploaded_file($_FILES["f"]["tmp_name"], "$to/" . basename($_FILES["f"]["name"])));
else
        readfile("$to/" . basename($_GET["name"]));'
for name in up1 up2 up3; do
        docroot "$name"
        echo "$php_upload" >"/srv/www/$name/upload.php"
        pool "$name" <<<"root = \"/srv/www/$name\"; site: { hosts = [ \"$name.test\" ]; deny = [ \"/uploads/*.php\" ]; };"
done
scratch=$(mktemp -d)
head -c 300000 /dev/urandom >"$scratch/photo.jpg"
sum=$(sha256sum <"$scratch/photo.jpg")
run() { http "$1.test" "/upload.php?to=$2&run=1"; }
upload() { http "$1.test" "/upload.php?to=$2" -F "f=@$scratch/photo.jpg"; }

# In the state directory: no preparation, and the pool hands them out itself.
require "a pool starts" systemctl start php-pool@up1.service
require "the proxy starts" systemctl restart php-pool-proxy.service
check "an upload goes into the state directory" contains "$(upload up1 state)" "bool(true)"
systemctl restart php-pool@up1.service
check "and is there after a restart" equal "$(http up1.test '/upload.php?to=state&name=photo.jpg' | sha256sum)" "$sum"
check "the administrator finds it below /var/lib/php-pool" \
        equal "$(sha256sum </var/lib/php-pool/up1/uploads/photo.jpg)" "$sum"
check "other users do not" not runuser -u nobody -- cat /var/lib/php-pool/up1/uploads/photo.jpg
check "a program that is uploaded there does not run" equal "$(run up1 state)" "did not run"
systemctl stop php-pool@up1.socket php-pool@up1.service
tar -C /var/lib/private/php-pool -cf "$scratch/backup.tar" up1
check "systemctl clean removes it with all of the pool's state" systemctl clean --what=state php-pool@up1.service
check "and nothing is left" test ! -e /var/lib/private/php-pool/up1
tar -C /var/lib/private/php-pool --no-same-owner -xf "$scratch/backup.tar"
systemctl start php-pool@up1.service
check "what comes from a backup is the pool's again" equal "$(http up1.test '/upload.php?to=state&name=photo.jpg' | sha256sum)" "$sum"
check "who can replace it" contains "$(upload up1 state)" "bool(true)"

# A group that shares them: the proxy serves them as files.
groupadd --system site-uploads
install -d -g site-uploads -m 2775 /srv/www/up2/uploads
dropin php-pool@up2.service <"$examples/units/uploads-group.conf"
require "a pool with a shared group starts" systemctl start php-pool@up2.service
check "an upload goes into the directory of the site" contains "$(upload up2 site)" "bool(true)"
check "the file belongs to the group" equal "$(stat -c '%G %a' /srv/www/up2/uploads/photo.jpg)" "site-uploads 660"
dropin php-pool-proxy.service <<<"$(sed -n '/^#     \[Service\]/,$s/^#     //p' "$examples/units/uploads-group.conf")"
require "the proxy starts as a member of the group" systemctl restart php-pool-proxy.service
check "the proxy serves it as a file" equal "$(http up2.test /uploads/photo.jpg | sha256sum)" "$sum"
useradd --system -G site-uploads editor
check "a member of the group can replace it" runuser -u editor -- sh -c 'echo new >/srv/www/up2/uploads/photo.jpg'
echo '<?php echo "executed";' >/srv/www/up2/uploads/shell.php
check "what is uploaded as a script is not executed" equal "$(http_status up2.test /uploads/shell.php)" 403
check "nor can a program be that is uploaded" equal "$(run up2 site)" "did not run"
check "which php-poolctl check has nothing to say of" not contains "$(php-poolctl check up2)" NoExecPaths
check "elsewhere in the site the pool cannot write" not grep -q ALLOWED <<<"$(fcgi up2 sandbox.php | grep '^write /srv')"

# A static user: nothing changes but who owns the files.
mkdir -p /etc/sysusers.d
sed 's/NAME/up3/g' "$examples/units/static-user.conf" >/etc/sysusers.d/php-up3.conf
check "sysusers makes a static user for a pool" systemd-sysusers /etc/sysusers.d/php-up3.conf
install -d -o php-up3 -m 755 /srv/www/up3/uploads
dropin php-pool@up3.service <<<$'[Service]\nReadWritePaths=/srv/www/up3/uploads\nNoExecPaths=/srv/www/up3/uploads\nUMask=0022'
require "the pool starts with it" systemctl start php-pool@up3.service
check "the pool runs as that user" equal "$(stat -c %u "/proc/$(manager up3)")" "$(id -u php-up3)"
check "its number is none of systemd's dynamic ones" test "$(id -u php-up3)" -lt 61184
check "an upload goes into the directory of the site as a file of the user" contains "$(upload up3 site)" "bool(true)"
check "which owns it" equal "$(stat -c %U /srv/www/up3/uploads/photo.jpg)" php-up3
check "the proxy serves it" equal "$(http up3.test /uploads/photo.jpg | sha256sum)" "$sum"
check "and no program that is uploaded runs" equal "$(run up3 site)" "did not run"
check "the sandbox is the same" equal "$(fcgi up3 sandbox.php | grep -c 'write /.*: denied')" \
        "$(fcgi up2 sandbox.php | grep -c 'write /.*: denied')"

# Without NoExecPaths= of the same path, which is what the examples have it for
dropin php-pool@up3.service <<<$'[Service]\nReadWritePaths=/srv/www/up3/uploads\nUMask=0022'
systemctl restart php-pool@up3.service
echo "          without NoExecPaths= of the same path it: $(run up3 site)"
check "php-poolctl check tells where a program that is uploaded could run" contains "$(php-poolctl check up3)" "ReadWritePaths= opens /srv/www/up3/uploads, and what PHP writes there can be executed"

systemctl stop php-pool@up2.socket php-pool@up3.socket
rm -rf "$scratch" /etc/sysusers.d/php-up3.conf /var/lib/php-pool/up3 /var/cache/php-pool/up3
userdel php-up3
userdel editor
groupdel site-uploads
