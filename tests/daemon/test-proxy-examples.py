# SPDX-License-Identifier: MIT
"""The shipped example of each application before a tree of its layout: what is run, with which PATH_INFO, what is sent, what is not."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import Front, ask  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
EXAMPLES = os.path.join(os.environ["SOURCE_ROOT"], "conf.d/examples")
FRONT = Front(PROGRAM)

SCRIPT = "<?php header('Content-Type: application/json'); echo json_encode($_SERVER);"

# for each: files (scripts say what they see), links, and what paths give: a status, a file's text, or a script and its PATH_INFO
LAYOUTS = {
    "wordpress": {
        "files": ("index.php", "wp-login.php", "wp-config.php", "xmlrpc.php", "wp-admin/index.php", "wp-admin/admin-ajax.php",
                  "wp-admin/css/a.css", "wp-includes/js/a.js", "wp-content/uploads/2026/photo.jpg", "wp-content/uploads/evil.php",
                  "wp-content/uploads/evil.php.jpg", "wp-content/upgrade/x.php", "wp-content/plugins/p/p.php", "readme.html", ".htaccess"),
        "paths": {
            "/": ("/index.php", ""), "/2026/11/a-post/": ("/index.php", ""), "/?p=5": ("/index.php", ""), "/wp-json/wp/v2/posts": ("/index.php", ""),
            "/index.php/2026/a-post/": ("/index.php", "/2026/a-post/"), "/wp-login.php": ("/wp-login.php", ""), "/wp-admin": 301,
            "/wp-admin/": ("/wp-admin/index.php", ""), "/wp-admin/admin-ajax.php?action=x": ("/wp-admin/admin-ajax.php", ""),
            "/wp-admin/css/a.css": "wp-admin/css/a.css", "/wp-content/uploads/2026/photo.jpg": "wp-content/uploads/2026/photo.jpg",
            "/wp-content/uploads/evil.php": 403, "/wp-content/uploads/evil.php/x.jpg": 403, "/wp-content/uploads/evil.php.jpg": 403,
            "/wp-content/uploads/": ("/index.php", ""), "/wp-config.php": 403, "/wp-content/upgrade/x.php": 403, "/readme.html": 403, "/.htaccess": 404,
            "/wp-content/uploads/2026/photo.jpg/x.php": 403,
        },
    },
    "laravel": {
        "files": ("public/index.php", "public/robots.txt", "public/build/app.css", "public/favicon.ico", ".env", "artisan", "app/Models/User.php",
                  "storage/app/public/photo.jpg", "storage/app/public/evil.php", "storage/app/secret.txt", "vendor/autoload.php"),
        "links": {"public/storage": "%(root)s/storage/app/public"},
        "paths": {
            "/": ("/index.php", ""), "/users/5?page=2": ("/index.php", ""), "/index.php/users/5": ("/index.php", "/users/5"),
            "/robots.txt": "public/robots.txt", "/build/app.css": "public/build/app.css", "/build": 301, "/storage/photo.jpg": "storage/app/public/photo.jpg",
            "/storage/evil.php": 403, "/.env": 404, "/../.env": 400, "/artisan": ("/index.php", ""), "/vendor/autoload.php": ("/index.php", ""),
            "/storage/../../app/secret.txt": 400, "/app/Models/User.php": ("/index.php", ""),
        },
    },
    "symfony": {
        "files": ("public/index.php", "public/bundles/a.js", "public/build/runtime.js", "config/services.yaml", "src/Kernel.php", "var/log/prod.log", ".env"),
        "paths": {
            "/": ("/index.php", ""), "/blog/post/1": ("/index.php", ""), "/index.php/blog": ("/index.php", "/blog"), "/bundles/a.js": "public/bundles/a.js",
            "/config/services.yaml": ("/index.php", ""), "/src/Kernel.php": ("/index.php", ""), "/.env": 404, "/%2e%2e/.env": 400, "/build/": ("/index.php", ""),
            "/_profiler/x": ("/index.php", ""), "/blog/a.b/c.php": ("/index.php", ""),
        },
    },
    "dokuwiki": {
        "files": ("index.php", "doku.php", "feed.php", "install.php", "README", "VERSION", "lib/exe/css.php", "lib/exe/fetch.php", "lib/exe/ajax.php",
                  "lib/images/license.png", "lib/scripts/a.js", "data/pages/start.txt", "conf/local.php", "conf/users.auth.php", "inc/init.php",
                  "bin/dwpage.php", "vendor/autoload.php", "../state/lib/plugins/acl/style.css", "../state/lib/plugins/acl/run.php", "../state/acl/users.php"),
        "links": {"lib/plugins": "%(base)s/state/lib/plugins", "lib/acl": "%(base)s/state/acl"},
        "paths": {
            "/": ("/index.php", ""), "/doku.php?id=start": ("/doku.php", ""), "/doku.php/wiki/page": ("/doku.php", "/wiki/page"),
            "/doku.php/wiki:page.php": ("/doku.php", "/wiki:page.php"), "/lib/exe/fetch.php/wiki/logo.png": ("/lib/exe/fetch.php", "/wiki/logo.png"),
            "/lib/exe/css.php?t=x": ("/lib/exe/css.php", ""), "/lib/images/license.png": "lib/images/license.png",
            "/lib/plugins/acl/style.css": "../state/lib/plugins/acl/style.css", "/lib/plugins/acl/run.php": ("/lib/plugins/acl/run.php", ""),
            "/data/pages/start.txt": 403, "/data/": 403, "/conf/local.php": 403, "/inc/init.php": 403, "/bin/dwpage.php": 403, "/vendor/autoload.php": 403,
            "/VERSION": 403, "/install.php": 403, "/lib/acl/users.php": 403, "/none": 404, "/doku.php/../conf/local.php": 403,
        },
    },
    "drupal": {
        "files": ("web/index.php", "web/update.php", "web/core/install.php", "web/core/misc/drupal.js", "web/core/core.services.yml",
                  "web/core/modules/node/node.module", "web/sites/default/settings.php", "web/sites/default/settings.local.php",
                  "web/sites/default/files/photo.jpg", "web/sites/default/files/evil.php", "web/sites/default/private/x.txt", "web/composer.json",
                  "web/web.config", "web/themes/a/page.html.twig", "web/core/lib/Drupal.php", "web/profiles/README.txt", "vendor/autoload.php", "composer.json"),
        "paths": {
            "/": ("/index.php", ""), "/node/1": ("/index.php", ""), "/admin/content?page=1": ("/index.php", ""), "/update.php": ("/update.php", ""),
            "/update.php/selection": ("/update.php", "/selection"), "/core/install.php": ("/core/install.php", ""), "/core/misc/drupal.js": "web/core/misc/drupal.js",
            "/sites/default/files/photo.jpg": "web/sites/default/files/photo.jpg", "/sites/default/files/styles/large/photo.jpg": ("/index.php", ""),
            "/sites/default/files/evil.php": 403, "/sites/default/files/evil.php/x": 403, "/sites/default/settings.php": 403,
            "/sites/default/settings.local.php": 403, "/sites/default/private/x.txt": 403, "/core/core.services.yml": 403,
            "/core/modules/node/node.module": 403, "/composer.json": 403, "/web.config": 403, "/themes/a/page.html.twig": 403,
            "/profiles/README.txt": "web/profiles/README.txt", "/vendor/autoload.php": ("/index.php", ""), "/../composer.json": 400,
        },
    },
}


def setUpModule():
    for name, layout in LAYOUTS.items():
        root = f"{FRONT.base}/www/{name}"
        for path in layout["files"]:
            FRONT.write(f"www/{name}/{path}", SCRIPT if path.endswith(".php") else f"text of {path}")
        for link, target in layout.get("links", {}).items():
            os.makedirs(os.path.dirname(f"{root}/{link}"), exist_ok=True)
            os.symlink(target % {"root": root, "base": f"{FRONT.base}/www"}, f"{root}/{link}")
        with open(f"{EXAMPLES}/{name}.conf", encoding="utf-8") as f:
            text = f.read()
        old = re.search(r'^root = "(.*)";', text, re.M).group(1)
        text = text.replace(old, root).replace("/var/lib/dokuwiki", f"{FRONT.base}/www/state")
        text = re.sub(r'hosts = \[ ".*?" \]', f'hosts = [ "{name}.test" ]', text)
        FRONT.write(f"conf/conf.d/{name}.conf", text)
    FRONT.start()
    for name in LAYOUTS:
        os.symlink("site.sock", os.path.join(FRONT.socket_dir, name + ".sock"))


def tearDownModule():
    status = FRONT.stop()
    FRONT.remove()
    assert status == 0


class Examples(unittest.TestCase):
    def check(self, name, path, expected):
        response = ask(FRONT, path, host=f"{name}.test")
        if isinstance(expected, int):
            self.assertEqual(response.status, expected, response.body[:200])
            return
        self.assertEqual(response.status, 200, response.body[:200])
        if isinstance(expected, str):
            self.assertEqual(response.body.decode(), f"text of {expected}")
            return
        v = json.loads(response.body)
        self.assertEqual((v["SCRIPT_NAME"], v.get("PATH_INFO", "")), expected)
        self.assertEqual(v["REQUEST_URI"], path)

    def test_every_example_is_here(self):
        self.assertEqual(sorted(LAYOUTS), sorted(name[:-5] for name in os.listdir(EXAMPLES)))

    def test_each_path_is_answered_as_the_layout_wants_it(self):
        for name, layout in LAYOUTS.items():
            for path, expected in layout["paths"].items():
                with self.subTest(site=name, path=path):
                    self.check(name, path, expected)


if __name__ == "__main__":
    unittest.main(verbosity=1)
