/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>
#include "http/date.h"
#include "test.h"

static int parse(const char *text, size_t size, uint64_t *ret) {
        char *copy = (char *)guard_copy(text, size);
        int r = http_date_parse((HttpSlice){ copy, size }, ret);

        guard_free((uint8_t *)copy, size);
        return r;
}

static void test_known_dates(void) {
        static const struct {
                uint64_t seconds;
                const char *text;
        } cases[] = {
                { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
                { 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },
                { 951782399, "Mon, 28 Feb 2000 23:59:59 GMT" },
                { 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
                { 951868800, "Wed, 01 Mar 2000 00:00:00 GMT" },
                { 4107542400, "Mon, 01 Mar 2100 00:00:00 GMT" },
                { 2147483648, "Tue, 19 Jan 2038 03:14:08 GMT" },
                { 253402300799, "Fri, 31 Dec 9999 23:59:59 GMT" },
        };
        char text[HTTP_DATE_SIZE + 1];
        uint64_t seconds;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                http_date_format(text, cases[i].seconds);
                test_string(text, cases[i].text);
                test_int(parse(text, HTTP_DATE_SIZE, &seconds), 0);
                test_int(seconds, cases[i].seconds);
        }

        http_date_format(text, UINT64_MAX);
        test_string(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

/* Each day of 400 years (the calendar's period) against the C library. */
static void test_every_day_as_gmtime(void) {
        char text[HTTP_DATE_SIZE + 1], expected[64];
        uint64_t seconds;

        for (time_t t = 86399; t < (time_t)146097 * 86400; t += 86400 - 61) {
                struct tm tm;

                test_true(gmtime_r(&t, &tm) &&
                          strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
                http_date_format(text, (uint64_t)t);
                if (strcmp(text, expected) != 0)
                        test_fail("%lld is %s, not %s", (long long)t, expected, text);
                test_int(http_date_parse((HttpSlice){ text, HTTP_DATE_SIZE }, &seconds), 0);
                test_int(seconds, t);
        }
}

static void test_what_is_no_date(void) {
        static const char *const bad[] = {
                "",
                "Sun, 06 Nov 1994 08:49:37 GM",
                "Sun, 06 Nov 1994 08:49:37 GMT ",
                " Sun, 06 Nov 1994 08:49:37 GMT",
                "Sun, 06 Nov 1994 08:49:37 UTC",
                "Sun, 06 Nov 1994 08:49:37 gmt",
                "Mon, 06 Nov 1994 08:49:37 GMT",
                "sun, 06 Nov 1994 08:49:37 GMT",
                "Sun, 06 nov 1994 08:49:37 GMT",
                "Sun, 06 Nov 1994 08:49:60 GMT",
                "Sun, 06 Nov 1994 08:60:37 GMT",
                "Sun, 06 Nov 1994 24:00:00 GMT",
                "Sun, 06 Nov 1994 08-49-37 GMT",
                "Sun, 6  Nov 1994 08:49:37 GMT",
                "Sun, +6 Nov 1994 08:49:37 GMT",
                "Thu, 31 Apr 1994 08:49:37 GMT",
                "Sun, 31 Apr 1994 08:49:37 GMT",
                "Mon, 29 Feb 2100 00:00:00 GMT",
                "Sat, 00 Jan 2000 00:00:00 GMT",
                "Wed, 31 Dec 1969 23:59:59 GMT",
                "Thu, 99 Jan 1970 00:00:00 GMT",
                "Sunday, 06-Nov-94 08:49:37 GMT",
                "Sun Nov  6 08:49:37 1994",
                "784111777",
        };
        uint64_t seconds = 7;

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (parse(bad[i], strlen(bad[i]), &seconds) != -EINVAL)
                        test_fail("taken for a date: %s", bad[i]);
        test_int(parse("Sun, 06 Nov 1994 08:49:37\0GMT", HTTP_DATE_SIZE, &seconds), -EINVAL);
        test_int(seconds, 7);
}

int main(void) {
        test_run(test_known_dates);
        test_run(test_every_day_as_gmtime);
        test_run(test_what_is_no_date);
        return 0;
}
