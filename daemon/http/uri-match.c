/* SPDX-License-Identifier: MIT */

/*
 * Looking at normalised paths
 *
 * All of these take what http_path_normalise() made: a leading '/', no empty
 * segment but the one behind a trailing '/'. They only read.
 */

#include <string.h>
#include "http/uri.h"
#include "util/cleanup.h"

bool http_path_next(const char *path, size_t *position) {
        size_t start = *position, size;

        if (path[start] != '/')
                return false;

        size = strcspn(path + start + 1, "/");
        if (size == 0)
                return false;

        *position = start + 1 + size;
        return true;
}

bool http_path_is_hidden(const char *path) {
        size_t start, end = 0;

        for (start = 0; http_path_next(path, &end); start = end) {
                HttpSlice segment = { path + start + 1, end - start - 1 };

                if (segment.data[0] == '.' && !(segment.size == strlen(".well-known") &&
                                                memcmp(segment.data, ".well-known", segment.size) == 0))
                        return true;
        }

        return false;
}

/* Behind the last '/'; empty for a directory. */
static HttpSlice last_segment(const char *path) {
        const char *slash = strrchr(path, '/');
        const char *name = slash ? slash + 1 : path;

        return (HttpSlice){ name, strlen(name) };
}

static bool ends_with(HttpSlice name, const char *suffix) {
        size_t size = strlen(suffix);

        return name.size >= size && http_slice_is((HttpSlice){ name.data + name.size - size, size }, suffix);
}

bool http_path_is_backup(const char *path) {
        static const char *const suffixes[] = {
                "~",         ".bak",     ".swp",     ".swo",      ".swn",      ".orig",     ".old",
                ".save",     ".rej",     ".rpmnew",  ".rpmsave",  ".dpkg-old", ".dpkg-new", ".dpkg-dist",
                ".dpkg-tmp", ".ucf-old", ".ucf-new", ".ucf-dist", ".backup",
        };
        HttpSlice name = last_segment(path);

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (ends_with(name, suffixes[i]))
                        return true;

        /* Emacs' auto-save files: #index.php# */
        return name.size > 1 && name.data[0] == '#' && name.data[name.size - 1] == '#';
}

/*
 * "php", "php5", "phtml", ...: what some server somewhere was told to execute;
 * "php-old", "php_", "php.1": what somebody has laid aside.
 */
static bool is_php_suffix(HttpSlice suffix) {
        static const char *const names[] = { "phtml", "phar", "phps", "pht" };
        size_t n = 3;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (http_slice_is(suffix, names[i]))
                        return true;

        if (suffix.size < 3 || !http_slice_is((HttpSlice){ suffix.data, 3 }, "php"))
                return false;
        while (n < suffix.size && suffix.data[n] >= '0' && suffix.data[n] <= '9')
                n++;
        return n == suffix.size || !((suffix.data[n] >= 'a' && suffix.data[n] <= 'z') ||
                                     (suffix.data[n] >= 'A' && suffix.data[n] <= 'Z'));
}

bool http_path_is_source(const char *path) {
        HttpSlice name = last_segment(path), suffix;
        const char *dot, *end = name.data + name.size;

        for (dot = memchr(name.data, '.', name.size); dot;
             dot = memchr(suffix.data, '.', (size_t)(end - suffix.data))) {
                const char *next = memchr(dot + 1, '.', (size_t)(end - dot - 1));

                suffix = (HttpSlice){ dot + 1, (size_t)((next ? next : end) - dot - 1) };
                if (is_php_suffix(suffix))
                        return true;
        }

        return ends_with(name, ".inc");
}

/*
 * One place to come back to is enough: where the last '*' matched, the part
 * of the pattern before it matched as early as it could, so a longer match
 * there leaves only less for the rest.
 */
bool http_path_match(const char *pattern, const char *path) {
        size_t pattern_size = strlen(pattern), p = 0, i = 0, star = SIZE_MAX, star_i = 0;

        while (pattern_size > 0 && pattern[pattern_size - 1] == '/')
                pattern_size--;

        for (;;) {
                if (p == pattern_size && (path[i] == '\0' || path[i] == '/'))
                        return true;
                if (p < pattern_size && pattern[p] == '*') {
                        star = p++;
                        star_i = i;
                } else if (p < pattern_size && path[i] != '\0' && pattern[p] == path[i]) {
                        p++;
                        i++;
                } else if (star != SIZE_MAX && path[star_i] != '\0') {
                        p = star + 1;
                        i = ++star_i;
                } else
                        return false;
        }
}
