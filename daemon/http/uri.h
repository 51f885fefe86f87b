/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Paths of requests: decoded once, normalised, walked, and matched
 */

#include <stdbool.h>
#include <stddef.h>
#include "http/syntax.h"

enum {
        HTTP_PATH_E_INVALID = 1,   /* 400 */
        HTTP_PATH_E_ENCODED_SLASH, /* 404: %2F names no file that exists */
        HTTP_PATH_E_TOO_LONG,      /* 414: @buffer is too small; the size of @raw and a NUL always suffice */
};

/*
 * Decodes @raw (HttpRequest.path) once, resolves "." and "..", merges "//".
 * The result starts with '/', has no empty, "." or ".." segment, no control
 * byte and no backslash, keeps a trailing '/', and is NUL-terminated;
 * *ret_size does not count the NUL.
 */
int http_path_normalise(HttpSlice raw, char *buffer, size_t buffer_size, size_t *ret_size);

/* Some segment of @raw is "." or "..", its dots encoded or not. */
bool http_path_has_dots(HttpSlice raw);

/*
 * The way back: percent-encodes a normalised path for a Location field.
 * HTTP_PATH_E_TOO_LONG: three times the size and a NUL always suffice.
 */
int http_path_encode(const char *path, char *buffer, size_t buffer_size);

/*
 * Walks the prefixes that end where a segment ends, shortest first. With
 * *position 0 at first, "/a/b.php/c" gives 2, 8, 10, and then false; what is
 * behind path[*position] is PATH_INFO ("/c" at 8). "/a/" gives 2 alone.
 */
bool http_path_next(const char *path, size_t *position);

/* Some segment starts with '.', and is not ".well-known" (RFC 8615). */
bool http_path_is_hidden(const char *path);

/* The last segment is named as editors and packagers name their copies: "~", ".bak", ".swp", ... */
bool http_path_is_backup(const char *path);

/*
 * The last segment is named like a PHP file, in any case: ".php", ".PHP5",
 * ".phtml", ".inc", ..., also with more behind it: ".php.txt".
 */
bool http_path_is_source(const char *path);

/*
 * Whether @pattern matches the path, or something the path lies below. '*'
 * stands for any bytes, '/' included; all else for itself. A '/' at the end
 * of the pattern means nothing.
 */
bool http_path_match(const char *pattern, const char *path);
