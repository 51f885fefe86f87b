/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a text of the configuration may be. Each gives NULL, or what is wrong
 * in words that fit behind "KEY is "TEXT": ". Empty texts are not passed.
 */

const char *check_directory(const char *path); /* absolute, not "/", no "." and ".." */
const char *check_file(const char *path);      /* absolute */
const char *check_below(const char *path);     /* relative, stays below */
const char *check_index(const char *name);     /* a file name */
const char *check_script(const char *path);    /* of a URL: "/index.php" */
const char *check_uri(const char *uri);        /* as in a request line: "/ping" */
const char *check_pattern(const char *glob);   /* can match a path */
const char *check_host(const char *host);      /* "example.org", "*.example.org", "[::1]" */
const char *check_extension(const char *extension);
const char *check_version(const char *version); /* "8.2" */
const char *check_ini(const char *entry);       /* "memory_limit=256M" */
const char *check_env(const char *entry);       /* "APP_ENV=prod", "KEY=@credential:name" */
const char *check_pool(const char *name);
const char *check_server(const char *address); /* "tcp:127.0.0.1:9000", "vsock:3:9000", "/run/x.sock" */
const char *check_range(const char *range);    /* "10.0.0.0/8", "::1", "unix" */
const char *check_ranges(const char *ranges);  /* of these, separated by spaces */
const char *check_extensions(const char *extensions); /* ".css .js" */
const char *check_header(const char *line);           /* "Name: value" */
const char *check_error_page(const char *text);       /* "404 /404.html" */
const char *check_redirect(const char *target);       /* "/new/$1", "https://example.org/$1" */
const char *check_redirect_status(const char *status);

/* Takes out repeated slashes and the last one. */
void path_simplify(char *path);
