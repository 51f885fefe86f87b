# SPDX-License-Identifier: MIT
"""Applications of real frameworks in a pool: as resident scripts, and as ordinary ones."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from engine import Connection, Engine, parameters  # noqa: E402

APPS = os.path.join(HERE, "apps")


def fetch(name):
    """The tree with the framework's classes."""
    return subprocess.run([os.path.join(APPS, "fetch.sh"), name], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def install(name, tree, root):
    """Copies the application @name into @root, and adds what Composer would write."""
    shutil.copytree(os.path.join(APPS, name), root, dirs_exist_ok=True)
    if name == "symfony":
        with open(os.path.join(tree, "usr/share/php/Symfony/Component/Runtime/Internal/autoload_runtime.template"), encoding="utf-8") as f:
            text = f.read()
        text = text.replace("%runtime_class%", "Symfony\\Component\\Runtime\\SymfonyRuntime::class")
        text = text.replace("%runtime_options%", f"['project_dir' => {root!r}, 'disable_dotenv' => true]")
        with open(os.path.join(root, "vendor/autoload_runtime.php"), "w", encoding="utf-8") as f:
            f.write(text)


class App:
    """The application @name in a pool; @script is what answers all its URLs."""

    def __init__(self, name, script, resident, environment=(), settings="", workers=1):
        self.tree = fetch(name)
        self.script = script
        environment = [f"FRAMEWORK={self.tree}", *environment]
        env = ", ".join(f'"{entry}"' for entry in environment)
        self.pool = Engine(f"workers: {{ max = {workers}; min = {workers}; spare = {workers}; }};\n"
                           f"env = [ {env} ];\n" + (f'resident = "{script}";\n' if resident else "") + settings)
        install(name, self.tree, self.pool.root)

    def start(self):
        self.pool.start()
        return self

    def ask(self, url, body=None, method=None, extra=None, connection=None):
        path, _, query = url.partition("?")
        front = "/" + os.path.basename(self.script)
        root = os.path.join(self.pool.root, os.path.dirname(self.script))
        extra = {"SCRIPT_NAME": front, "REQUEST_URI": url, "DOCUMENT_ROOT": root, "HTTP_HOST": "localhost", "SERVER_NAME": "localhost",
                 "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1"} | (extra or {})
        return self.pool.ask(self.script, query=query, body=body, method=method, extra=extra)

    def remove(self):
        self.pool.remove()
