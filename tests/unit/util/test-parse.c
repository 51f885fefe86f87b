/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "test.h"
#include "util/clock.h"
#include "util/parse.h"

static void test_u64(void) {
        uint64_t v = 7;

        test_int(parse_u64("", 0, 100, &v), -EINVAL);
        test_int(parse_u64("+5", 2, 100, &v), -EINVAL);
        test_int(parse_u64("5 ", 2, 100, &v), -EINVAL);
        test_int(parse_u64("101", 3, 100, &v), -ERANGE);
        test_int(parse_u64("9", 1, 5, &v), -ERANGE);
        test_int(parse_u64("18446744073709551616", 20, UINT64_MAX, &v), -ERANGE);
        test_int(v, 7);
        test_int(parse_u64("18446744073709551615", 20, UINT64_MAX, &v), 0);
        test_true(v == UINT64_MAX);
        test_int(parse_u64("100", 3, 100, &v), 0);
        test_int(v, 100);
}

static void test_size(void) {
        uint64_t v = 7;

        test_int(parse_size("0", &v), 0);
        test_int(v, 0);
        test_int(parse_size("64K", &v), 0);
        test_int(v, 65536);
        test_int(parse_size("2G", &v), 0);
        test_int(v, 2LL << 30);
        test_int(parse_size("2k", &v), -EINVAL);
        test_int(parse_size("2MB", &v), -EINVAL);
        test_int(parse_size("M", &v), -EINVAL);
        test_int(parse_size("-1", &v), -EINVAL);
        test_int(parse_size("9999999999G", &v), -ERANGE);
}

static void test_span(void) {
        static const struct {
                const char *text;
                uint64_t usec;
                const char *back;
        } good[] = {
                { "30s", 30 * USEC_PER_SEC, "30s" },
                { "30", 30 * USEC_PER_SEC, "30s" },
                { "1min 30s", 90 * USEC_PER_SEC, "1min 30s" },
                { "10 min", 600 * USEC_PER_SEC, "10min" },
                { "500ms", 500000, "500ms" },
                { "2h5us", 7200 * USEC_PER_SEC + 5, "2h 5us" },
                { "0", 0, "0" },
                { "infinity", USEC_INFINITY, "infinity" },
        };
        static const char *const bad[] = { "", " ", "s", "1.5s", "-1s", "1x", "30s x", "1month2" };
        uint64_t v;
        char text[64];

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
                test_int(parse_span(good[i].text, &v), 0);
                test_true(v == good[i].usec);
                test_string(format_span(text, sizeof(text), v), good[i].back);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                test_int(parse_span(bad[i], &v), -EINVAL);
        test_int(parse_span("9999999999999999999d", &v), -ERANGE);
}

static void test_pool_name(void) {
        const char *e = NULL;

        test_int(parse_pool_name("www", &e), 0);
        test_int(parse_pool_name("_0-a", &e), 0);
        test_int(parse_pool_name("abcdefghijklmnopqrstuvwxyz0", &e), 0);
        test_int(parse_pool_name("abcdefghijklmnopqrstuvwxyz01", &e), -EINVAL);
        test_int(parse_pool_name("", &e), -EINVAL);
        test_int(parse_pool_name("-a", &e), -EINVAL);
        test_int(parse_pool_name("a.b", &e), -EINVAL);
        test_int(parse_pool_name("../x", &e), -EINVAL);
        test_int(parse_pool_name("pool", &e), -EINVAL);
        test_int(parse_pool_name("pool-proxy", &e), -EINVAL);
        test_int(parse_pool_name("pools", &e), 0);
        test_true(e != NULL);
}

static void test_flags(void) {
        static const char *const good[] = {
                "E_ALL", "32767", "E_ALL & ~E_NOTICE", " E_ERROR|E_PARSE ", "E_ALL^(E_NOTICE | E_STRICT)",
                "!0",
        };
        static const char *const bad[] = {
                "",        " ",       "E_ALL &",  "& E_ALL",   "E_ALL E_NOTICE", "(E_ALL",
                "E_ALL)",  "()",      "E_ALL ~0", "e_all",     "PHP_OS",         "8E_ALL",
                "E_ALL\n", "E_ALL;x", "\"1\"",    "E_ALL + 1", "${E_ALL}",       "-1",
        };

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
                if (!parse_is_flags(good[i]))
                        test_fail("'%s' is refused", good[i]);
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (parse_is_flags(bad[i]))
                        test_fail("'%s' is taken", bad[i]);
}

static void test_unquoted(void) {
        static const char *const yes[] = {
                "a=On", "a=off", "a=none", "error_reporting=E_ALL & ~E_NOTICE", "a=14", "a=\"None\"",
        };
        static const char *const no[] = {
                "a", "a=", "a=b c", "a=Offline", "a=128M", "session.cookie_samesite=None", "a=x;y", "a=${B}",
        };

        for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
                if (!parse_is_unquoted(yes[i]))
                        test_fail("'%s' is put in quotes", yes[i]);
        for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
                if (parse_is_unquoted(no[i]))
                        test_fail("'%s' is not put in quotes", no[i]);
}

int main(void) {
        test_run(test_u64);
        test_run(test_size);
        test_run(test_span);
        test_run(test_pool_name);
        test_run(test_flags);
        test_run(test_unquoted);
        return 0;
}
