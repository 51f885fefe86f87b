#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A visitor of a DokuWiki, with cookies as a browser keeps them.

    visitor.py BASE HOST SCRATCH start|assets|login|write PAGE TEXT|read PAGE TEXT|upload MEDIA|download MEDIA

The cookies stay in SCRATCH from one call to the next.
"""

import html
import http.cookiejar
import os
import random
import re
import sys
import urllib.parse
import urllib.request

base, host, scratch, verb, *rest = sys.argv[1:]

cookies = http.cookiejar.LWPCookieJar(os.path.join(scratch, "cookies"))
if os.path.exists(cookies.filename):
    cookies.load(ignore_discard=True)


class SameServer(urllib.request.HTTPRedirectHandler):
    """The wiki redirects to the name it was asked by; that name is the server under test."""

    def redirect_request(self, request, fp, code, msg, headers, url):
        path = urllib.parse.urlsplit(url)
        new = urllib.request.Request(base + urllib.parse.urlunsplit(("", "", path.path, path.query, "")))
        new.add_header("Host", host)
        return new


opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies), SameServer)


def get(path, data=None, kind=None):
    request = urllib.request.Request(base + path, data)
    request.add_header("Host", host)
    if kind:
        request.add_header("Content-Type", kind)
    with opener.open(request, timeout=30) as response:
        return response.read()


def page(path, fields=None):
    data = urllib.parse.urlencode(fields).encode() if fields else None
    return get(path, data).decode()


def hidden(text):
    """The hidden fields of all forms of a page."""
    fields = {}
    for tag in re.findall(r'<input[^>]*type="hidden"[^>]*>', text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            fields[name[1]] = html.unescape(value[1]) if value else ""
    return fields


def expect(text, what):
    if what not in text:
        sys.exit(f"'{what}' is not in the page:\n" + re.sub(r"(<[^>]*>|\s)+", " ", text)[:3000])


def token(text):
    found = hidden(text).get("sectok")
    if not found:
        sys.exit("the page has no security token")
    return found


def photo():
    """3 MB that begin as a JPEG does."""
    head = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0001108010001000301220002110103110100")
    return head + random.Random(1).randbytes(3 * 1024 * 1024)


def start():
    expect(page("/doku.php?id=start"), "DokuWiki]")
    expect(page("/"), "DokuWiki]")


def assets():
    text = page("/doku.php?id=start")
    links = {html.unescape(x) for x in re.findall(r'(?:src|href)="(/lib/[^"]*)"', text)}
    if len(links) < 4:
        sys.exit(f"the page links to too little: {links}")
    for link in links:
        if not get(link):
            sys.exit(f"{link} is empty")


def login():
    fields = {"u": "tester", "p": "a test", "do": "login", "id": "start", "r": "1"}
    fields["sectok"] = hidden(page("/doku.php?id=start&do=login")).get("sectok", "")
    expect(page("/doku.php?id=start&do=login", fields), "Tester")


def write():
    name, text = rest
    form = page(f"/doku.php?id={name}&do=edit")
    token(form)
    fields = {k: v for k, v in hidden(form).items() if k not in ("do", "q")}
    fields.update({"id": name, "wikitext": text, "summary": "test", "do[save]": "1"})
    expect(page("/doku.php", fields), text.split(" ")[0])
    read()


def read():
    name, text = rest
    expect(page(f"/doku.php?id={name}&do=export_raw"), text)


def upload():
    namespace, _, name = rest[0].rpartition(":")
    form = page(f"/lib/exe/mediamanager.php?ns={namespace}")
    boundary = "----aBoundaryThatIsNotInThePhoto"
    fields = {"sectok": token(form), "ns": namespace, "do": "upload", "mediaid": name, "ow": "1"}
    part = f"--{boundary}\r\nContent-Disposition: form-data; name="
    data = b"".join(f'{part}"{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items())
    data += f'{part}"upload"; filename="{name}"\r\nContent-Type: image/jpeg\r\n\r\n'.encode()
    data += photo() + f"\r\n--{boundary}--\r\n".encode()
    answer = get("/lib/exe/mediamanager.php", data, f"multipart/form-data; boundary={boundary}").decode()
    expect(answer, "successful")


def download():
    if get("/lib/exe/fetch.php?media=" + rest[0]) != photo():
        sys.exit("the photo came back different")


{f.__name__: f for f in (start, assets, login, write, read, upload, download)}[verb]()
cookies.save(ignore_discard=True)
