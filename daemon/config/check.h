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
const char *check_pattern(const char *glob);   /* can match a path */
const char *check_host(const char *host);      /* "example.org", "*.example.org", "[::1]" */
const char *check_extension(const char *extension);
const char *check_version(const char *version); /* "8.2" */
const char *check_ini(const char *entry);       /* "memory_limit=256M" */
const char *check_env(const char *entry);       /* "APP_ENV=prod", "KEY=@credential:name" */
const char *check_pool(const char *name);

/* Takes out repeated slashes and the last one. */
void path_simplify(char *path);
