# SPDX-License-Identifier: MIT
"""DokuWiki and WordPress out of their Debian packages, as private copies: .root, .site (of our configuration), .part of the
right page, .pids of what runs beside."""

import os
import pwd
import shutil
import subprocess
import time

WP_CONFIG = """<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:{dir}/mariadb.sock'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
$host = $_SERVER['HTTP_HOST'] ?? '127.0.0.1';
define('WP_HOME', "http://$host"); define('WP_SITEURL', "http://$host");
foreach (['AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT'] as $key)
    define($key, md5($key));
define('DISABLE_WP_CRON', true); define('WP_HTTP_BLOCK_EXTERNAL', true); define('AUTOMATIC_UPDATER_DISABLED', true);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""

# The first post is WordPress' own; ten comments and answers to them.
WP_INSTALL = """<?php
function wp_mail() { return true; } // there is no mail server to tell the administrator
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = '127.0.0.1'; $_SERVER['REQUEST_METHOD'] = 'GET';
require '{root}/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Bench', 'admin', 'admin@example.org', true, '', 'a password');
for ($i = 0; $i < 20; $i++)
    $last = wp_insert_comment(['comment_post_ID' => 1, 'comment_author' => "Reader $i", 'comment_author_email' => "reader$i@example.org",
        'comment_content' => str_repeat("What reader $i had to say about it. ", 12), 'comment_approved' => 1,
        'comment_parent' => $i % 2 ? $last : 0]);
"""


def give(path):
    """To the user that PHP runs as."""
    if os.getuid() == 0:
        user = pwd.getpwnam("www-data")
        for folder, folders, files in os.walk(path):
            for name in [*folders, *files, "."]:
                os.chown(os.path.join(folder, name), user.pw_uid, user.pw_gid, follow_symlinks=False)


def copy(source, target):
    shutil.copytree(source, target, symlinks=False, ignore_dangling_symlinks=True)
    for folder, _, files in os.walk(target):
        for name in files:
            os.utime(os.path.join(folder, name), (1, 1))  # opcache does not keep files that have just been written


class DokuWiki:
    site = 'index = [ "doku.php" ];'
    part = b"DokuWiki"
    pids = ()

    def __init__(self, bench, directory):
        if not os.path.isdir("/usr/share/dokuwiki"):
            raise FileNotFoundError("dokuwiki is not installed")
        self.root = f"{directory}/wiki"
        copy("/usr/share/dokuwiki", self.root)
        copy("/etc/dokuwiki", f"{directory}/conf")
        copy("/var/lib/dokuwiki/data", f"{directory}/data")
        with open(f"{self.root}/inc/preload.php", "w", encoding="ascii") as f:
            f.write(f"<?php define('DOKU_CONF', '{directory}/conf/');\n")
        with open(f"{directory}/conf/local.php", "a", encoding="ascii") as f:
            f.write(f"\n$conf['savedir'] = '{directory}/data';\n")
        give(directory)

    def stop(self):
        pass


class WordPress:
    site = 'front_controller = "/index.php";'
    part = b"What reader 7 had to say"

    def __init__(self, bench, directory):
        for path in ("/usr/share/wordpress", "/usr/sbin/mariadbd"):
            if not os.path.exists(path):
                raise FileNotFoundError(f"{path} is not installed")
        self.bench = bench
        self.root = f"{directory}/wordpress"
        self.dir = directory
        copy("/usr/share/wordpress", self.root)
        shutil.copytree("/var/lib/wordpress/wp-content", f"{self.root}/wp-content", dirs_exist_ok=True)
        with open(f"{self.root}/wp-config.php", "w", encoding="ascii") as f:
            f.write(WP_CONFIG.replace("{dir}", directory))
        os.utime(f"{self.root}/wp-config.php", (1, 1))
        give(directory)
        self.start_database()
        subprocess.run(["php8.2"], input=WP_INSTALL.replace("{root}", self.root), text=True, check=True, stdout=subprocess.DEVNULL)

    def start_database(self):
        user = ["--user=mysql"] if os.getuid() == 0 else []
        data, log = f"{self.dir}/mariadb", f"{self.dir}/mariadb.log"
        subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
                        "--skip-test-db", *user], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.chmod(self.dir, 0o777)
        self.process = self.bench.processes.start(
            ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={self.dir}/mariadb.sock", "--skip-networking",
             f"--pid-file={self.dir}/mariadb.pid", "--innodb-flush-log-at-trx-commit=0", "--max-connections=500", *user], log=log)
        for _ in range(200):
            said = subprocess.run(["mariadb", "--no-defaults", f"--socket={self.dir}/mariadb.sock", "-uroot", "-e",
                                   "CREATE DATABASE wordpress CHARACTER SET utf8mb4"], capture_output=True, text=True, check=False)
            if said.returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError(f"The database does not start: {said.stderr}")

    @property
    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.bench.processes.stop(self.process)
