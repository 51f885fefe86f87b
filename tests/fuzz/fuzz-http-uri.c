/* SPDX-License-Identifier: MIT */
/*
 * Line 1: a raw path. A normalised path is a fixed point, and has nothing in
 * it that leads elsewhere. Line 2: a pattern, matched as the obvious, slow way
 * says. Line 3: a host. Line 4: a date.
 */

#include "fuzz/fuzz.h"
#include "http/date.h"
#include "http/host.h"
#include "http/uri.h"
#include "test.h"

#define PATH_MAX_MATCHED 256U

static HttpSlice take_line(const char **p, const char *end) {
        const char *lf = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;
        HttpSlice line = { *p, (size_t)((lf ? lf : end) - *p) };

        *p = lf ? lf + 1 : end;
        return line;
}

static void check_normalised(const char *path, size_t n) {
        test_int(strlen(path), n);
        test_true(path[0] == '/');
        test_true(!strstr(path, "//") && !strstr(path, "/./") && !strstr(path, "/../"));
        test_true(n < 2 || strcmp(path + n - 2, "/.") != 0);
        test_true(n < 3 || strcmp(path + n - 3, "/..") != 0);
        for (size_t i = 0; i < n; i++)
                test_true((uint8_t)path[i] >= ' ' && path[i] != 0x7f && path[i] != '\\');
}

static void check_fixed_point(const char *path, size_t n) {
        size_t room = 3 * n + 1, m = 0;
        char *encoded = malloc(room), *again = malloc(room);

        test_true(encoded && again);
        test_int(http_path_encode(path, encoded, room), 0);
        test_int(http_path_normalise((HttpSlice){ encoded, strlen(encoded) }, again, room, &m), 0);
        test_bytes(again, m, path, n);
        /* safe in a Location field, and no other host's */
        test_int(strcspn(encoded, " \r\n\t\"<>\\?#"), strlen(encoded));
        test_true(encoded[0] == '/' && encoded[1] != '/');
        free(encoded);
        free(again);
}

static void check_walk(const char *path, size_t n) {
        size_t position = 0, last = 0;

        while (http_path_next(path, &position)) {
                test_true(position > last + 1 && position <= n);
                test_true(path[last] == '/' && (path[position] == '/' || path[position] == '\0'));
                last = position;
        }
        test_true(path[last] == '\0' || strcmp(path + last, "/") == 0);
        (void)http_path_is_hidden(path);
        (void)http_path_is_backup(path);
        (void)http_path_is_source(path);
}

/* @pattern without the '/' at its end. can[p][i]: the rest of the pattern from p matches the path from i. */
static bool matches(const char *pattern, size_t pattern_size, const char *path, size_t n) {
        bool can[16][PATH_MAX_MATCHED + 2] = {};

        for (size_t p = pattern_size + 1; p-- > 0;)
                for (size_t i = n + 1; i-- > 0;)
                        if (p == pattern_size)
                                can[p][i] = path[i] == '\0' || path[i] == '/';
                        else if (pattern[p] == '*')
                                can[p][i] = can[p + 1][i] || can[p][i + 1];
                        else
                                can[p][i] = i < n && pattern[p] == path[i] && can[p + 1][i + 1];

        return can[0][0];
}

static void check_match(HttpSlice line, const char *path, size_t n) {
        char pattern[16];
        bool expected;

        (void)memcpy(pattern, line.data, line.size < 15 ? line.size : 15);
        pattern[line.size < 15 ? line.size : 15] = '\0';
        if (n > PATH_MAX_MATCHED)
                return;

        expected = http_path_match(pattern, path);
        for (size_t i = strlen(pattern); i > 0 && pattern[i - 1] == '/'; i--)
                pattern[i - 1] = '\0';
        test_int(expected, matches(pattern, strlen(pattern), path, n));
}

static void check_host(HttpSlice line) {
        char name[HTTP_HOST_MAX + 1], again[HTTP_HOST_MAX + 1];
        uint16_t port, no_port;

        if (http_host_parse(line, name, &port) < 0)
                return;

        test_true(*name && strlen(name) <= line.size);
        test_int(http_host_parse((HttpSlice){ name, strlen(name) }, again, &no_port), 0);
        test_string(again, name);
        test_int(no_port, 0);
        test_int(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.[]:"), strlen(name));
}

static void check_date(HttpSlice line) {
        char text[HTTP_DATE_SIZE + 1];
        uint64_t seconds, again;

        if (http_date_parse(line, 0, &seconds) < 0)
                return;

        http_date_format(text, seconds);
        if (line.size == HTTP_DATE_SIZE)
                test_bytes(text, HTTP_DATE_SIZE, line.data, line.size);
        test_bytes(text, 3, line.data, 3);
        test_int(http_date_parse((HttpSlice){ text, HTTP_DATE_SIZE }, 0, &again), 0);
        test_int(again, seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *p = (const char *)data, *end = p + size;
        HttpSlice raw = take_line(&p, end), pattern = take_line(&p, end);
        size_t n = 0, m = 0;
        char *path = malloc(raw.size + 1), *small;
        int r;

        test_true(path);
        r = http_path_normalise(raw, path, raw.size + 1, &n);
        test_true(r == 0 || r == HTTP_PATH_E_INVALID || r == HTTP_PATH_E_ENCODED_SLASH ||
                  (r == HTTP_PATH_E_TOO_LONG && raw.size == 0));
        if (r == 0) {
                check_normalised(path, n);
                check_fixed_point(path, n);
                check_walk(path, n);
                check_match(pattern, path, n);

                small = malloc(n);
                test_true(small);
                test_int(http_path_normalise(raw, small, n, &m), HTTP_PATH_E_TOO_LONG);
                free(small);
        }
        free(path);

        check_host(take_line(&p, end));
        check_date(take_line(&p, end));
        return 0;
}
