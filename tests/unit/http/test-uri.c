/* SPDX-License-Identifier: MIT */
#include "http/uri.h"
#include "test.h"

static int normalise(const char *raw, size_t size, char *buffer, size_t buffer_size) {
        char *copy = (char *)guard_copy(raw, size);
        size_t n = 0;
        int r = http_path_normalise((HttpSlice){ copy, size }, buffer, buffer_size, &n);

        guard_free((uint8_t *)copy, size);
        if (r == 0) {
                test_int(strlen(buffer), n);
                test_true(n <= size);
        }
        return r;
}

static void test_normalised_paths(void) {
        static const struct {
                const char *raw, *path;
        } cases[] = {
                { "/", "/" },
                { "/a", "/a" },
                { "/a/", "/a/" },
                { "/a/b.php/c", "/a/b.php/c" },
                { "//", "/" },
                { "//evil.example/x", "/evil.example/x" },
                { "/a//b///c//", "/a/b/c/" },
                { "/.", "/" },
                { "/./", "/" },
                { "/././.", "/" },
                { "/a/.", "/a/" },
                { "/a/./b", "/a/b" },
                { "/a/..", "/" },
                { "/a/../", "/" },
                { "/a/../b", "/b" },
                { "/a/b/../../c", "/c" },
                { "/a/b/..", "/a/" },
                { "/a//../b", "/b" },
                { "/a/%2e%2e/b", "/b" },
                { "/a/%2E./b", "/b" },
                { "/a/.%2e/b", "/b" },
                { "/%2e/a", "/a" },
                { "/...", "/..." },
                { "/..a/a..", "/..a/a.." },
                { "/.a", "/.a" },
                { "/a%20b", "/a b" },
                { "/%C3%A9", "/\xc3\xa9" },
                { "/\xc3\xa9", "/\xc3\xa9" },
                { "/%25", "/%" },
                /* decoded once, never twice */
                { "/%252e%252e/a", "/%2e%2e/a" },
                { "/%252f", "/%2f" },
                { "/%25%32%65", "/%2e" },
                { "/%2500", "/%00" },
                { "/a+b", "/a+b" },
                { "/a%3Fb%23c", "/a?b#c" },
                { "/%7e", "/~" },
                { "/%FF%80", "/\xff\x80" },
                { "/%c0%ae%c0%ae/", "/\xc0\xae\xc0\xae/" },
        };
        char buffer[128];

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                test_int(normalise(cases[i].raw, strlen(cases[i].raw), buffer, sizeof(buffer)), 0);
                test_string(buffer, cases[i].path);
        }
}

static void test_refused_paths(void) {
        static const struct {
                const char *raw;
                int r;
        } cases[] = {
                { "", HTTP_PATH_E_INVALID },
                { "a", HTTP_PATH_E_INVALID },
                { "*", HTTP_PATH_E_INVALID },
                { "%2fa", HTTP_PATH_E_INVALID },
                { "/..", HTTP_PATH_E_INVALID },
                { "/../", HTTP_PATH_E_INVALID },
                { "/../a", HTTP_PATH_E_INVALID },
                { "/./../a", HTTP_PATH_E_INVALID },
                { "/a/../..", HTTP_PATH_E_INVALID },
                { "/a/b/../../../c", HTTP_PATH_E_INVALID },
                { "/%2e%2e", HTTP_PATH_E_INVALID },
                { "/a/..//%2e./", HTTP_PATH_E_INVALID },
                { "/%00", HTTP_PATH_E_INVALID },
                { "/a.php%00.jpg", HTTP_PATH_E_INVALID },
                { "/%0a", HTTP_PATH_E_INVALID },
                { "/%0D%0a", HTTP_PATH_E_INVALID },
                { "/%1f", HTTP_PATH_E_INVALID },
                { "/%7F", HTTP_PATH_E_INVALID },
                { "/%5c", HTTP_PATH_E_INVALID },
                { "/%5Ca", HTTP_PATH_E_INVALID },
                { "/a\\b", HTTP_PATH_E_INVALID },
                { "/a\x01", HTTP_PATH_E_INVALID },
                { "/a\x7f", HTTP_PATH_E_INVALID },
                { "/%", HTTP_PATH_E_INVALID },
                { "/%2", HTTP_PATH_E_INVALID },
                { "/%2/", HTTP_PATH_E_INVALID },
                { "/%g0", HTTP_PATH_E_INVALID },
                { "/%0g", HTTP_PATH_E_INVALID },
                { "/%+1", HTTP_PATH_E_INVALID },
                { "/%u002e", HTTP_PATH_E_INVALID },
                { "/%%32%65", HTTP_PATH_E_INVALID },
                { "/%%32%65%%32%65/", HTTP_PATH_E_INVALID },
                { "/%2f", HTTP_PATH_E_ENCODED_SLASH },
                { "/a%2Fb", HTTP_PATH_E_ENCODED_SLASH },
                { "/..%2f..%2fetc", HTTP_PATH_E_ENCODED_SLASH },
        };
        char buffer[128];

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                int r = normalise(cases[i].raw, strlen(cases[i].raw), buffer, sizeof(buffer));

                if (r != cases[i].r)
                        test_fail("gives %d, not %d: %s", r, cases[i].r, cases[i].raw);
        }
        test_int(normalise("/a\0b", 4, buffer, sizeof(buffer)), HTTP_PATH_E_INVALID);
}

static bool has_dots(const char *raw) {
        size_t size = strlen(raw);
        char *copy = (char *)guard_copy(raw, size);
        bool dots = http_path_has_dots((HttpSlice){ copy, size });

        guard_free((uint8_t *)copy, size);
        return dots;
}

static void test_dot_segments(void) {
        static const char *const dots[] = { ".",           "..",           "/.",        "/..",
                                            "/./",         "/a/./b",       "/a/../b",   "/a/..",
                                            "/%2e",        "/%2E/",        "/.%2e/a",   "/a/%2e.",
                                            "/a/%2E%2e/b", "/admin/x/../", "/a/.../..", "/a//../b/",
                                            "//example/." };
        static const char *const none[] = { "",       "/",       "//",         "/a",     "/...",
                                            "/....",  "/.a",     "/a.",        "/..a",   "/a..",
                                            "/a/.b/", "/a..b/c", "/%2e%2e%2e", "/%252e", "/.%252e",
                                            "/%2",    "/..%2",   "/%2f..a",    "/.%2f.", "/%2e%2",
                                            "/%",     "/..;/a",  "/.%20/a",    "/.%00" };

        for (size_t i = 0; i < sizeof(dots) / sizeof(*dots); i++)
                if (!has_dots(dots[i]))
                        test_fail("no dot segment found: %s", dots[i]);
        for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
                if (has_dots(none[i]))
                        test_fail("taken for a dot segment: %s", none[i]);
}

static void test_small_buffers(void) {
        char *buffer;

        for (size_t size = 0; size < 12; size++) {
                /* "/ab/cd/.." and its NUL stand there for a moment */
                buffer = (char *)guard_copy("xxxxxxxxxxxx", size);
                test_int(normalise("/ab/cd/../e/", 12, buffer, size), size < 10 ? HTTP_PATH_E_TOO_LONG : 0);
                guard_free((uint8_t *)buffer, size);

                buffer = (char *)guard_copy("xxxxxxxxxxxx", size);
                test_int(http_path_encode("/ a\"", buffer, size), size < 9 ? HTTP_PATH_E_TOO_LONG : 0);
                guard_free((uint8_t *)buffer, size);
        }
}

static void test_encoding(void) {
        char buffer[64];

        test_int(http_path_encode("/a b/\xc3\xa9?#%\"<>\n'", buffer, sizeof(buffer)), 0);
        test_string(buffer, "/a%20b/%C3%A9%3F%23%25%22%3C%3E%0A%27");
        test_int(http_path_encode("/~user/-._!$()*+,;=:@/", buffer, sizeof(buffer)), 0);
        test_string(buffer, "/~user/-._!$()*+,;=:@/");
}

static void test_walk(void) {
        static const struct {
                const char *path;
                size_t ends[4];
        } cases[] = {
                { "/", {} },
                { "/a", { 2 } },
                { "/a/", { 2 } },
                { "/a/b.php/c", { 2, 8, 10 } },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                size_t position = 0;

                for (const size_t *end = cases[i].ends; *end > 0; end++) {
                        test_true(http_path_next(cases[i].path, &position));
                        test_int(position, *end);
                }
                test_true(!http_path_next(cases[i].path, &position));
        }
}

static void test_hidden(void) {
        static const char *const hidden[] = { "/.git",          "/.git/config",
                                              "/a/.htaccess",   "/.well-known2",
                                              "/.Well-Known/x", "/.well-known/.x",
                                              "/...",           "/.a/" };
        static const char *const plain[] = {
                "/", "/a", "/a.b", "/.well-known", "/.well-known/acme-challenge/x", "/a./b"
        };

        for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
                test_true(http_path_is_hidden(hidden[i]));
        for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
                test_true(!http_path_is_hidden(plain[i]));
}

static void test_backups(void) {
        static const char *const backups[] = { "/a~",          "/a.php~",  "/x/a.bak",   "/a.BAK",
                                               "/.a.php.swp",  "/a.orig",  "/a.php.old", "/a.save",
                                               "/a.dpkg-dist", "/#a.php#", "/.bak" };
        static const char *const plain[] = { "/",    "/a",        "/a~/b", "/old", "/a.bak/",
                                             "/bak", "/a.bakery", "/#",    "/#a" };

        for (size_t i = 0; i < sizeof(backups) / sizeof(*backups); i++)
                test_true(http_path_is_backup(backups[i]));
        for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
                test_true(!http_path_is_backup(plain[i]));
}

static void test_sources(void) {
        static const char *const sources[] = { "/a.php",     "/a.PhP",      "/a.php5",  "/a.php73",
                                               "/a.phtml",   "/a.phar",     "/a.phps",  "/a.pht",
                                               "/a.inc",     "/a.INC",      "/a.php.",  "/a.php.jpg",
                                               "/a.b.php",   "/a.php5.txt", "/x/.php",  "/a.php-old",
                                               "/a.php_bak", "/a.php5-x",   "/a.php 1", "/a.php_.txt" };
        static const char *const plain[] = {
                "/",    "/php",  "/a.jpg",  "/a.phpx",   "/a.php/b.jpg", "/aphp",    "/a.inc.js",
                "/inc", "/a.ph", "/a.php/", "/a.phtmlx", "/a.",          "/a.php5x", "/a.phpunit.xml"
        };

        for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++)
                if (!http_path_is_source(sources[i]))
                        test_fail("not taken for source: %s", sources[i]);
        for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
                if (http_path_is_source(plain[i]))
                        test_fail("taken for source: %s", plain[i]);
}

static void test_patterns(void) {
        static const struct {
                const char *pattern, *path;
                bool match;
        } cases[] = {
                { "/data", "/data", true },
                { "/data", "/data/", true },
                { "/data", "/data/x/y", true },
                { "/data", "/database", false },
                { "/data", "/x/data", false },
                { "/data/", "/data/x", true },
                { "/data/", "/data", true },
                { "/data/*", "/data", false },
                { "/data/*", "/data/", true },
                { "/data/*", "/data/x/y", true },
                { "/uploads/*.php", "/uploads/a.php", true },
                { "/uploads/*.php", "/uploads/a/b.php", true },
                { "/uploads/*.php", "/uploads/a.php/info", true },
                { "/uploads/*.php", "/uploads/a.php.jpg/b.php", true },
                { "/uploads/*.php", "/uploads/a.phpx", false },
                { "/uploads/*.php", "/uploads/a.jpg", false },
                { "/uploads/*.php", "/upload/a.php", false },
                { "*", "/", true },
                { "*.sql", "/a/b.sql", true },
                { "*.sql", "/a.sql/b", true },
                { "*.sql", "/a.sqlite", false },
                { "/*/secret*", "/a/b/secrets", true },
                { "/*/secret*", "/a/b/secret/x", true },
                { "/*/secret*", "/secret", false },
                { "/a*b*c", "/aXbXbXc", true },
                { "/a*b*c", "/acb", false },
                { "/**x", "/abcx", true },
                { "/a?", "/ab", false },
                { "/a?", "/a?", true },
                { "/A", "/a", false },
                { "/[a]", "/a", false },
                { "/", "/anything", true },
        };
        char path[4096];

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                if (http_path_match(cases[i].pattern, cases[i].path) != cases[i].match)
                        test_fail("%s matches %s: wrong", cases[i].pattern, cases[i].path);

        /* would take for ever if each star were tried with each other one */
        memset(path, 'a', sizeof(path));
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        test_true(!http_path_match("/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", path));
}

int main(void) {
        test_run(test_normalised_paths);
        test_run(test_refused_paths);
        test_run(test_dot_segments);
        test_run(test_small_buffers);
        test_run(test_encoding);
        test_run(test_walk);
        test_run(test_hidden);
        test_run(test_backups);
        test_run(test_sources);
        test_run(test_patterns);
        return 0;
}
