# SPDX-License-Identifier: MIT
"""php-pool-proxy behind what ends TLS: nginx as README has it, and HAProxy that speaks the PROXY protocol."""

import json
import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import Front  # noqa: E402
from ports import free_port  # noqa: E402

PROGRAM = os.environ.get("PHP_POOL_PROXY") or sys.argv.pop(1)
README = os.path.join(os.environ["SOURCE_ROOT"], "README.md")
FRONT = Front(PROGRAM)
UNIX = os.path.join(FRONT.base, "http.sock")
PROXIED = free_port()
PORTS = {"nginx": free_port(), "v1": free_port(), "v2": free_port()}
PROCESSES = []

NGINX = """
pid %(base)s/nginx.pid;
error_log %(base)s/nginx.log;
worker_processes 1;
events { }
http {
    access_log off;
    client_body_temp_path %(base)s/n1; proxy_temp_path %(base)s/n2; fastcgi_temp_path %(base)s/n3; uwsgi_temp_path %(base)s/n4; scgi_temp_path %(base)s/n5;
    server {
        listen 127.0.0.1:%(port)d ssl http2;
        ssl_certificate %(base)s/both.pem;
        ssl_certificate_key %(base)s/both.pem;
        location / {
%(location)s
        }
    }
}
"""
HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen v1
    bind 127.0.0.1:%(v1)d
    server s 127.0.0.1:%(proxied)d send-proxy
listen v2
    bind 127.0.0.1:%(v2)d ssl crt %(base)s/both.pem
    server s 127.0.0.1:%(proxied)d send-proxy-v2-ssl
"""


def documented_location():
    """The lines of README, from proxy_pass on."""
    with open(README, encoding="utf-8") as f:
        lines = f.read().split("    # nginx:", 1)[1].splitlines()[1:]
    location = [line for line in lines[: lines.index("")] if line]
    assert location[0].strip().startswith("proxy_pass http://unix:") and len(location) > 4
    return "\n".join(location).replace("/run/php-pool-http.sock", UNIX)


def start(*command):
    PROCESSES.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def setUpModule():
    values = dict(PORTS, base=FRONT.base, proxied=PROXIED, port=PORTS["nginx"], location=documented_location())
    FRONT.proxy.listeners += [(UNIX, "http"), (f"127.0.0.1:{PROXIED}", "proxy-protocol")]
    FRONT.write("conf/proxy.conf", f'socket_dir = "{FRONT.socket_dir}"; trusted = [ "unix", "127.0.0.1" ];\n')
    FRONT.start()
    os.chmod(UNIX, 0o666)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=example.org",
         "-keyout", f"{FRONT.base}/key.pem", "-out", f"{FRONT.base}/cert.pem"], check=True, capture_output=True)
    with open(f"{FRONT.base}/both.pem", "w", encoding="ascii") as f:
        for name in ("cert.pem", "key.pem"):
            with open(f"{FRONT.base}/{name}", encoding="ascii") as part:
                f.write(part.read())
    FRONT.write("nginx.conf", NGINX % values)
    FRONT.write("haproxy.conf", HAPROXY % values)
    start("nginx", "-g", "daemon off;", "-c", f"{FRONT.base}/nginx.conf")
    start("haproxy", "-db", "-f", f"{FRONT.base}/haproxy.conf")


def tearDownModule():
    for process in PROCESSES:
        process.terminate()
        process.wait(10)
    status = FRONT.stop()
    FRONT.remove()
    assert status == 0


def curl(url, *arguments):
    """Until the front is there."""
    for _ in range(100):
        result = subprocess.run(["curl", "-sSk", "--max-time", "20", "-H", "Host: example.org", *arguments, url], capture_output=True, check=False)
        if result.returncode == 0:
            return result.stdout
        time.sleep(0.1)
    raise AssertionError(result.stderr)


class Nginx(unittest.TestCase):
    url = f"https://127.0.0.1:{PORTS['nginx']}"

    def test_scripts_see_the_visitor_and_https(self):
        forged = ("-H", "X-Forwarded-For: 9.9.9.9", "-H", "X-Forwarded-Proto: http", "-H", "X-Forwarded-Host: evil.test", "-H", "Forwarded: for=9.9.9.9",
                  "-H", "X-Real-IP: 9.9.9.9", "-H", "X-Forwarded-Port: 9", "-H", "X-Forwarded-Prefix: /evil", "-H", "X-Forwarded-Server: evil.test")
        v = json.loads(curl(self.url + "/info.php?a=b", "--http2", *forged))
        self.assertEqual((v["REMOTE_ADDR"], v["HTTPS"], v["REQUEST_SCHEME"]), ("127.0.0.1", "on", "https"))
        self.assertEqual((v["HTTP_HOST"], v["SERVER_NAME"], v["SERVER_PORT"], v["REQUEST_URI"]), ("example.org", "example.org", "443", "/info.php?a=b"))
        self.assertEqual(v["HTTP_X_FORWARDED_FOR"], "127.0.0.1")
        # nothing that the visitor has made up is left, in whatever field
        self.assertFalse([name for name, value in v.items() if "9.9.9.9" in str(value) or "evil" in str(value)])
        self.assertEqual({name for name in v if "FORWARDED" in name}, {"HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"})
        self.assertNotIn("HTTP_X_REAL_IP", v)

    def test_files_and_uploads_pass(self):
        self.assertEqual(curl(self.url + "/a.txt", "--http2"), b"0123456789")
        data = os.urandom(3 << 20)
        path = os.path.join(FRONT.base, "upload")
        with open(path, "wb") as f:
            f.write(data[: 1 << 19])
        self.assertEqual(curl(self.url + "/echo.php", "--http2", "--data-binary", f"@{path}"), data[: 1 << 19])


class Haproxy(unittest.TestCase):
    def test_version_1_in_the_clear(self):
        v = json.loads(curl(f"http://127.0.0.1:{PORTS['v1']}/info.php", "-H", "X-Forwarded-For: 9.9.9.9", "--interface", "127.0.0.7"))
        self.assertEqual((v["REMOTE_ADDR"], v["SERVER_PORT"], v["REQUEST_SCHEME"]), ("127.0.0.7", str(PORTS["v1"]), "http"))
        self.assertNotIn("HTTP_X_FORWARDED_FOR", v)

    def test_version_2_tells_of_tls(self):
        v = json.loads(curl(f"https://127.0.0.1:{PORTS['v2']}/info.php", "--interface", "127.0.0.7"))
        self.assertEqual((v["REMOTE_ADDR"], v["HTTPS"], v["SERVER_PORT"]), ("127.0.0.7", "on", str(PORTS["v2"])))


if __name__ == "__main__":
    unittest.main(verbosity=1)
