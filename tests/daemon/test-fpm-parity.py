# SPDX-License-Identifier: MIT
"""Scripts see here what they see under php-fpm: variables, settings, functions, headers.

What php-fpm answers is taken from php-fpm itself, with the same scripts and
settings, in the same run. Where it is wrong the right value stands in a table
here. Without php-fpm only those values, and the ones that cannot be otherwise,
are checked.
"""

import itertools
import os
import sys
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fpm  # noqa: E402
from sides import SEE, Sides, difference, seen  # noqa: E402

SCRIPTS = {"x.php": SEE, "dir/x.php": SEE, "a b/x.php": SEE, "a+b/x.php": SEE, "x.txt": "text", "other.php": '<?php echo "other";',
           "100%/x.php": SEE}
SETTINGS = {
    "cgi.fix_pathinfo=1": {"cgi.fix_pathinfo": "1"},
    "cgi.fix_pathinfo=0": {"cgi.fix_pathinfo": "0"},
    "cgi.fix_pathinfo=0, cgi.discard_path=1": {"cgi.fix_pathinfo": "0", "cgi.discard_path": "1"},
}
COMMON = {"REQUEST_METHOD": "GET", "QUERY_STRING": "a=b&c=%41", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost",
          "GATEWAY_INTERFACE": "CGI/1.1"}


#
# How front ends name a script: each gives the parameters for it, its path info and the document root.
#

def nginx(script, info, root):
    """With fastcgi_split_path_info: PATH_INFO is always there."""
    return {"SCRIPT_FILENAME": root + script, "SCRIPT_NAME": script, "PATH_INFO": info, "DOCUMENT_URI": script + info,
            "SERVER_SOFTWARE": "nginx/1.22.1", "REDIRECT_STATUS": "200"}


def nginx_translated(script, info, root):
    """The same, and PATH_TRANSLATED as many manuals have it."""
    return nginx(script, info, root) | {"PATH_TRANSLATED": root + info}


def nginx_unsplit(script, info, root):
    return {"SCRIPT_FILENAME": root + script + info, "SCRIPT_NAME": script + info, "SERVER_SOFTWARE": "nginx/1.22.1", "REDIRECT_STATUS": "200"}


def only_filename(script, info, root):
    return {"SCRIPT_FILENAME": root + script + info}


def apache_handler(script, info, root):
    """SetHandler "proxy:fcgi://…"."""
    return {"SCRIPT_FILENAME": "proxy:fcgi://localhost:9000" + root + script, "SCRIPT_NAME": script, "SERVER_SOFTWARE": "Apache/2.4.71 (Debian)",
            "CONTEXT_DOCUMENT_ROOT": root} | ({"PATH_INFO": info, "PATH_TRANSLATED": root + info} if info else {})


def apache_handler_uds(script, info, root):
    """SetHandler "proxy:unix:/path|fcgi://localhost/": two slashes."""
    params = apache_handler(script, info, root)
    return params | {"SCRIPT_FILENAME": "proxy:fcgi://localhost/" + root + script}


def apache_handler_query(script, info, root):
    params = apache_handler(script, info, root)
    return params | {"SCRIPT_FILENAME": params["SCRIPT_FILENAME"] + "?a=b&c=%41"}


def apache_handler_upper(script, info, root):
    params = apache_handler(script, info, root)
    return params | {"SCRIPT_FILENAME": params["SCRIPT_FILENAME"].replace("proxy:fcgi:", "PROXY:FCGI:")}


def apache_proxypass(script, info, root):
    """ProxyPassMatch: encoded, with the path info glued on; SCRIPT_NAME decoded, with it too."""
    return {"SCRIPT_FILENAME": "proxy:fcgi://127.0.0.1:9000" + root + urllib.parse.quote(script + info, safe="/+"),
            "SCRIPT_NAME": script + info, "SERVER_SOFTWARE": "Apache/2.4.71 (Debian)"}


def apache_proxypass_query(script, info, root):
    params = apache_proxypass(script, info, root)
    return params | {"SCRIPT_FILENAME": params["SCRIPT_FILENAME"] + "?a=b"}


def apache_balancer(script, info, root):
    """ProxyPassMatch balancer://…: the name of the cluster has no port."""
    params = apache_proxypass(script, info, root)
    return params | {"SCRIPT_FILENAME": params["SCRIPT_FILENAME"].replace("fcgi://127.0.0.1:9000", "balancer://cluster")}


def apache_balancer_handler(script, info, root):
    params = apache_handler(script, info, root)
    return params | {"SCRIPT_FILENAME": "proxy:balancer://cluster:9000" + root + script}


def apache_generic(script, info, root):
    """ProxyFCGIBackendType GENERIC."""
    return {"SCRIPT_FILENAME": root + script, "SCRIPT_NAME": script, "SERVER_SOFTWARE": "Apache/2.4.71 (Debian)"} | (
        {"PATH_INFO": info, "PATH_TRANSLATED": root + info} if info else {})


def lighttpd(script, info, root):
    return apache_generic(script, info, root) | {"SERVER_SOFTWARE": "lighttpd/1.4.69", "REDIRECT_STATUS": "200"}


def caddy(script, info, root):
    return {"SCRIPT_FILENAME": root + script, "SCRIPT_NAME": script, "PATH_INFO": info, "DOCUMENT_URI": script, "CONTENT_LENGTH": "0",
            "SERVER_SOFTWARE": "Caddy/v2.6.2"} | ({"PATH_TRANSLATED": root + info} if info else {})


def iis(script, info, root):
    """PATH_INFO holds the script's name as well."""
    return {"SCRIPT_FILENAME": root + script, "SCRIPT_NAME": script, "PATH_INFO": script + info, "PATH_TRANSLATED": root + script + info,
            "SERVER_SOFTWARE": "Microsoft-IIS/10.0"}


def iis_without_filename(script, info, root):
    return {"SCRIPT_NAME": script, "PATH_INFO": script + info, "PATH_TRANSLATED": root + script, "SERVER_SOFTWARE": "Microsoft-IIS/10.0"}


def only_translated(script, info, root):
    return {"PATH_TRANSLATED": root + script + info, "SCRIPT_NAME": script}


def action(script, info, root):
    """mod_fastcgi, or Action: the script is the translated path, the file another one, its address REDIRECT_URL."""
    return {"SCRIPT_FILENAME": "{root}/other.php", "SCRIPT_NAME": "/other.php", "PATH_INFO": script + info, "PATH_TRANSLATED": root + script + info,
            "REDIRECT_URL": script + info, "REDIRECT_STATUS": "200", "SERVER_SOFTWARE": "Apache/2.4.71 (Debian)"}


STYLES = [nginx, nginx_translated, nginx_unsplit, only_filename, apache_handler, apache_handler_uds, apache_handler_query, apache_handler_upper,
          apache_proxypass, apache_proxypass_query, apache_balancer, apache_balancer_handler, apache_generic, lighttpd, caddy, iis,
          iis_without_filename, only_translated, action]
TARGETS = ["/x.php", "/dir/x.php", "/a b/x.php", "/a+b/x.php", "/none.php", "/x.txt", "/dir"]
INFOS = ["", "/", "/foo", "/foo/bar", "/f o", "/f+o", "/x.php", "/foo//bar/"]


def refused(table):
    """403 or 404: which of them a path that is no script gets is not compared here."""
    return table if "file" in table or table["status"] not in ("403", "404") else {"status": "refused"}


def decoded(params):
    """What php-fpm from 8.5 on makes of Apache's encoded names first."""
    name = params.get("SCRIPT_FILENAME", "")
    if not name.lower().startswith("proxy:"):
        return params
    path, mark, query = name.partition("?")
    return params | {"SCRIPT_FILENAME": urllib.parse.unquote(path) + mark + query}


def better(style, settings, script, info, params):
    """Where php-fpm's answer helps nobody, this may be ours instead: by name of the variable; None is any or none."""
    root = params.get("DOCUMENT_ROOT", "").rstrip("/")
    if settings != "cgi.fix_pathinfo=1":
        # it leaves the script out of PHP_SELF, unless the front end sends no PATH_INFO
        return {"PHP_SELF": [script + info]}
    if params != decoded(params):
        # the original may be the one that came, still encoded
        return {"ORIG_SCRIPT_FILENAME": ["{root}" + urllib.parse.quote(script + info, safe="/+")]}
    if style in (nginx_unsplit, only_filename) and info:
        # it loses a path info that the front end did not split off
        return {"PATH_INFO": [info], "PATH_TRANSLATED": [root + info] if root else [None], "SCRIPT_NAME": [script, None],
                "PHP_SELF": [script + info, info, None], "ORIG_SCRIPT_NAME": [script + info, None], "ORIG_SCRIPT_FILENAME": ["{root}" + script + info]}
    return {}


class VariablesTest(unittest.TestCase):
    """$_SERVER for all ways in which front ends name a script, for three kinds of settings."""

    @classmethod
    def setUpClass(cls):
        cls.sides = {}
        for name, settings in SETTINGS.items():
            cls.sides[name] = Sides(SCRIPTS, settings)
            cls.addClassCleanup(cls.sides[name].remove)
            cls.sides[name].start()

    def compare(self, style):
        for settings, sides in self.sides.items():
            wrong, n, n_better = [], 0, 0
            for script, info, root in itertools.product(TARGETS, INFOS, ("{root}", "{root}/", None)):
                params = COMMON | style(script, info, "{root}") | {"REQUEST_URI": urllib.parse.quote(script + info) + "?a=b&c=%41"}
                if root:
                    params["DOCUMENT_ROOT"] = root
                ours, theirs = refused(seen(sides.ours, params)), refused(seen(sides.theirs, decoded(params)))
                allowed = better(style, settings, script, info, params) if "file" in ours else {}
                lines = [line for name, line in difference(ours, theirs) if ours.get(name) not in allowed.get(name, ())]
                n += 1
                n_better += not lines and ours != theirs
                if lines:
                    wrong.append(f"{script}{info} of {root}: {params}\n    " + "\n    ".join(lines))
            print(f"\n{settings}: {n - len(wrong)} of {n} right, {n_better} of them better than php-fpm", end="", flush=True)
            with self.subTest(settings):
                self.assertFalse(wrong, f"\n{len(wrong)} of {n} differ, such as\n  " + "\n  ".join(wrong[:: max(1, len(wrong) // 3)][:3]))
        print()


    @unittest.skipUnless(fpm.AVAILABLE, "php-fpm is not installed")
    def test_odd_ones(self):
        """Single cases: wrong encodings, names that do not fit each other, path infos of odd length (php-src: bug78599, sn-strip-invalid)."""
        proxy = "proxy:fcgi://127.0.0.1:9000{root}"
        cases = {f"encoded {path}": {"SCRIPT_FILENAME": proxy + path, "SCRIPT_NAME": urllib.parse.unquote(path)} for path in (
            "/x.php/%zz", "/x.php/%", "/x.php/%2", "/x.php/a%2Fb", "/x.php/%2520", "/x%2Ephp/a", "/%78.php", "/x.php%20",
            "/100%25/x.php", "/a%20b%2Fx.php")}
        cases |= {f"name {name}": {"SCRIPT_FILENAME": proxy + "/x.php/foo", "SCRIPT_NAME": name} for name in (
            "/other.php", "/foo", "/x.php", "/x.php/fo", "foo", "/", "", "/a/x.php/foo")}
        cases |= {f"path info {info[:20]!r} of {len(info)} bytes": {"SCRIPT_FILENAME": "{root}" + glued, "SCRIPT_NAME": "/x.php", "PATH_INFO": info}
                  for glued, info in (("/x.php", "/" * 50), ("/x.php", "a"), ("/x.php/abc", "/x.php/abc"), ("/x.php/abc", "/abc"))}
        for settings, sides in self.sides.items():
            print(f"\n{settings}")
            for title, params in cases.items():
                params = COMMON | params | {"DOCUMENT_ROOT": "{root}", "REQUEST_URI": "/x.php"}
                ours, theirs = refused(seen(sides.ours, params)), refused(seen(sides.theirs, decoded(params)))
                may = {"PHP_SELF"} if settings != "cgi.fix_pathinfo=1" else {"ORIG_SCRIPT_FILENAME"} if params != decoded(params) else set()
                lines = [line for name, line in difference(ours, theirs) if name not in may]
                print(f"  {title}: {'DIFFERENT' if lines else 'the same'}")
                with self.subTest(f"{settings} {title}"):
                    self.assertFalse(lines, "\n    " + "\n    ".join(lines))
            # an encoded question mark begins no query
            ours = seen(sides.ours, COMMON | {"SCRIPT_FILENAME": proxy + "/x.php/a%3Fb?c=d", "SCRIPT_NAME": "/x.php/a?b"})
            with self.subTest(f"{settings} encoded question mark"):
                self.assertEqual(ours.get("PATH_INFO"), "/a?b" if settings == "cgi.fix_pathinfo=1" else None)
            for name in ("/x.php%00.txt", "/x.txt%00.php", "/x.php/%00"):
                with self.subTest(f"{settings} {name}"):
                    self.assertEqual(refused(seen(sides.ours, COMMON | {"SCRIPT_FILENAME": proxy + name, "SCRIPT_NAME": "/x.php"})), {"status": "refused"})


for style_ in STYLES:
    if fpm.AVAILABLE:
        setattr(VariablesTest, "test_" + style_.__name__, lambda self, style=style_: self.compare(style))

if __name__ == "__main__":
    unittest.main(verbosity=2)
