/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>
#include "http/date.h"
#include "test.h"

#define NOW 1795968000U /* Sun, 29 Nov 2026 16:00:00 GMT */

static int parse_at(const char *text, size_t size, uint64_t now, uint64_t *ret) {
        char *copy = (char *)guard_copy(text, size);
        int r = http_date_parse((HttpSlice){ copy, size }, now, ret);

        guard_free((uint8_t *)copy, size);
        return r;
}

static int parse(const char *text, size_t size, uint64_t *ret) {
        return parse_at(text, size, NOW, ret);
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
                test_int(http_date_parse((HttpSlice){ text, HTTP_DATE_SIZE }, NOW, &seconds), 0);
                test_int(seconds, t);

                test_true(strftime(expected, sizeof(expected), "%a %b %e %H:%M:%S %Y", &tm) > 0);
                test_int(http_date_parse((HttpSlice){ expected, strlen(expected) }, NOW, &seconds), 0);
                test_int(seconds, t);

                /* seen from the day itself, and from some decades before and after */
                test_true(strftime(expected, sizeof(expected), "%A, %d-%b-%y %H:%M:%S GMT", &tm) > 0);
                for (time_t now = t - 40LL * 365 * 86400; now <= t + 40LL * 365 * 86400;
                     now += 40LL * 365 * 86400) {
                        test_int(http_date_parse((HttpSlice){ expected, strlen(expected) },
                                                 now > 0 ? (uint64_t)now : 0,
                                                 &seconds),
                                 0);
                        test_int(seconds, t);
                }
        }
}

static void test_two_digits_of_a_year(void) {
        static const struct {
                const char *text, *meant;
        } cases[] = {
                { "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT" },
                { "Sunday, 29-Nov-26 16:00:00 GMT", "Sun, 29 Nov 2026 16:00:00 GMT" },
                { "Friday, 01-Jan-27 00:00:00 GMT", "Fri, 01 Jan 2027 00:00:00 GMT" },
                { "Tuesday, 01-Jan-75 00:00:00 GMT", "Tue, 01 Jan 2075 00:00:00 GMT" },
                { "Wednesday, 01-Jan-75 00:00:00 GMT", "Wed, 01 Jan 1975 00:00:00 GMT" },
                { "Thursday, 01-Jan-75 00:00:00 GMT", NULL },
                /* fifty years to the second */
                { "Sunday, 29-Nov-76 16:00:00 GMT", "Sun, 29 Nov 2076 16:00:00 GMT" },
                { "Sunday, 29-Nov-76 16:00:01 GMT", NULL },
                { "Monday, 29-Nov-76 16:00:01 GMT", "Mon, 29 Nov 1976 16:00:01 GMT" },
                { "Saturday, 01-Jan-77 00:00:00 GMT", "Sat, 01 Jan 1977 00:00:00 GMT" },
        };
        char text[HTTP_DATE_SIZE + 1];
        uint64_t seconds;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                int r = parse(cases[i].text, strlen(cases[i].text), &seconds);

                printf("  %s\n", cases[i].text);
                test_int(r, cases[i].meant ? 0 : -EINVAL);
                if (r == 0) {
                        http_date_format(text, seconds);
                        test_string(text, cases[i].meant);
                }
        }

        /* clocks that are far off */
        test_int(parse_at("Thursday, 01-Jan-70 00:00:00 GMT", 32, 0, &seconds), 0);
        test_int(seconds, 0);
        test_int(parse_at("Sunday, 06-Nov-94 08:49:37 GMT", 30, UINT64_MAX, &seconds), 0);
        http_date_format(text, seconds);
        test_string(text, "Sun, 06 Nov 9994 08:49:37 GMT");
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
                "Sunday, 06-Nov-94 08:49:37 GM",
                "Sunday, 06-Nov-94 08:49:37 UTC",
                "Sunday, 06 Nov 94 08:49:37 GMT",
                "Sunday, 6-Nov-94 08:49:37 GMT",
                "Sunday; 06-Nov-94 08:49:37 GMT",
                "sunday, 06-Nov-94 08:49:37 GMT",
                "Monday, 06-Nov-94 08:49:37 GMT",
                "Someday, 06-Nov-94 08:49:37 GMT",
                "Sunday, 06-Nov-9x 08:49:37 GMT",
                "Sunday, 06-Nov-94T08:49:37 GMT",
                "Sun, 06-Nov-94 08:49:37 GMT",
                "Sunday, 31-Apr-94 08:49:37 GMT",
                ", 06-Nov-94 08:49:37 GMT",
                "Sun Nov  6 08:49:37 1994 ",
                "Sun Nov  6 08:49:37 1995",
                "Mon Nov  6 08:49:37 1994",
                "Sun Nov 6  08:49:37 1994",
                "Sun,Nov  6 08:49:37 1994",
                "Sun Nov,06 08:49:37 1994",
                "Sun Nov  6,08:49:37 1994",
                "Sun Nov  6 08:49:37,1994",
                "Sun Nov    08:49:37 1994",
                "Sun Nov  6 08:49:60 1994",
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
        test_run(test_two_digits_of_a_year);
        test_run(test_what_is_no_date);
        return 0;
}
