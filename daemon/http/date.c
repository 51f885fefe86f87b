/* SPDX-License-Identifier: MIT */

/*
 * Dates of HTTP
 *
 * Counted by hand: strftime(3) and strptime(3) speak the locale's language,
 * and gmtime_r(3) is wanted for nothing else. Years run from March here, so
 * that the leap day is the last of its year; an era is the 400 years after
 * which the Gregorian calendar repeats, weekdays included.
 */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "http/date.h"
#include "util/cleanup.h"

#define DAY_SECONDS  86400U
#define ERA_DAYS     146097U
#define EPOCH_DAYS   719468U                /* from 0000-03-01 to 1970-01-01 */
#define LAST_SECONDS UINT64_C(253402300799) /* 9999-12-31T23:59:59 */

#define ASCTIME_SIZE       24U
#define RFC850_SIZE        22U /* without the name of the day and what is between */
#define RFC850_YEARS_AHEAD 50U

/* Day 0 was a Thursday. All forms but one have the first three letters. */
static const char day_names[7][10] = { "Thursday", "Friday",  "Saturday", "Sunday",
                                       "Monday",   "Tuesday", "Wednesday" };
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

typedef struct Date Date;

struct Date {
        unsigned int year, month, day; /* month 1..12 */
};

/* Days from 1 March to the first of the month that comes @month after it: 0, 31, 61, 92, ... */
static unsigned int days_before(unsigned int month) {
        return (153 * month + 2) / 5;
}

static uint64_t date_to_days(Date date) {
        unsigned int year = date.year - (date.month <= 2);
        unsigned int of_era = year % 400, month = (date.month + 9) % 12;

        return (uint64_t)(year / 400) * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 +
               days_before(month) + date.day - 1 - EPOCH_DAYS;
}

static Date date_from_days(uint64_t days) {
        unsigned int era, of_era, year, of_year, month;

        days += EPOCH_DAYS;
        era = (unsigned int)(days / ERA_DAYS);
        of_era = (unsigned int)(days % ERA_DAYS);
        /* without the leap days before it, a day's number over 365 is its year */
        year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
        of_year = of_era - (365 * year + year / 4 - year / 100);
        month = (5 * of_year + 2) / 153;

        return (Date){
                .year = era * 400 + year + (month >= 10),
                .month = month < 10 ? month + 3 : month - 9,
                .day = of_year - days_before(month) + 1,
        };
}

static char *put_digits(char *p, unsigned int value, unsigned int n) {
        for (unsigned int i = n; i > 0; i--) {
                p[i - 1] = (char)('0' + value % 10);
                value /= 10;
        }

        return p + n;
}

void http_date_format(char buffer[static HTTP_DATE_SIZE + 1], uint64_t seconds) {
        uint64_t days;
        unsigned int of_day;
        Date date;
        char *p = buffer;

        seconds = MIN2(seconds, LAST_SECONDS);
        days = seconds / DAY_SECONDS;
        of_day = (unsigned int)(seconds % DAY_SECONDS);
        date = date_from_days(days);

        p = mempcpy(p, day_names[days % 7], 3);
        p = mempcpy(p, ", ", 2);
        p = put_digits(p, date.day, 2);
        *p++ = ' ';
        p = mempcpy(p, month_names[date.month - 1], 3);
        *p++ = ' ';
        p = put_digits(p, date.year, 4);
        *p++ = ' ';
        p = put_digits(p, of_day / 3600, 2);
        *p++ = ':';
        p = put_digits(p, of_day / 60 % 60, 2);
        *p++ = ':';
        p = put_digits(p, of_day % 60, 2);
        memcpy(p, " GMT", sizeof(" GMT"));
}

/* "dd" and the like; false: some byte is no digit. */
static bool get_digits(const char *p, unsigned int n, unsigned int *ret) {
        unsigned int value = 0;

        for (unsigned int i = 0; i < n; i++) {
                if (p[i] < '0' || p[i] > '9')
                        return false;
                value = value * 10 + (unsigned int)(p[i] - '0');
        }

        *ret = value;
        return true;
}

static unsigned int get_month(const char *p) {
        for (unsigned int i = 0; i < ELEMENTSOF(month_names); i++)
                if (memcmp(p, month_names[i], 3) == 0)
                        return i + 1;

        return 0;
}

/*           0123456789012345678901234567
 *           Sun, 06 Nov 1994 08:49:37 GMT */
static int parse_imf(const char *text, uint64_t *ret_seconds) {
        unsigned int hour, minute, second;
        uint64_t seconds;
        char back[HTTP_DATE_SIZE + 1];
        Date date;

        date.month = get_month(text + 8);
        if (date.month == 0 || !get_digits(text + 5, 2, &date.day) ||
            !get_digits(text + 12, 4, &date.year) || !get_digits(text + 17, 2, &hour) ||
            !get_digits(text + 20, 2, &minute) || !get_digits(text + 23, 2, &second))
                return -EINVAL;
        if (date.year < 1970 || date.day == 0)
                return -EINVAL;

        seconds = date_to_days(date) * DAY_SECONDS + hour * 3600 + minute * 60 + second;

        /* What is not written back the same was not of the form: weekday,
         * punctuation, 31 April, 24:00:00. */
        http_date_format(back, seconds);
        if (memcmp(text, back, HTTP_DATE_SIZE) != 0)
                return -EINVAL;

        *ret_seconds = seconds;
        return 0;
}

/* The parts of another form, in that one. */
static int parse_parts(const char *day_name,
                       const char *day,
                       const char *month,
                       const char *year,
                       const char *time,
                       uint64_t *ret_seconds) {
        char imf[HTTP_DATE_SIZE], *p = imf;

        p = mempcpy(p, day_name, 3);
        p = mempcpy(p, ", ", 2);
        p = mempcpy(p, day, 2);
        *p++ = ' ';
        p = mempcpy(p, month, 3);
        *p++ = ' ';
        p = mempcpy(p, year, 4);
        *p++ = ' ';
        p = mempcpy(p, time, 8);
        memcpy(p, " GMT", 4);
        return parse_imf(imf, ret_seconds);
}

/*           012345678901234567890123
 *           Sun Nov  6 08:49:37 1994 */
static int parse_asctime(const char *text, uint64_t *ret_seconds) {
        const char day[2] = { text[8] == ' ' ? '0' : text[8], text[9] };

        if (text[3] != ' ' || text[7] != ' ' || text[10] != ' ' || text[19] != ' ')
                return -EINVAL;
        return parse_parts(text, day, text + 4, text + 20, text + 11, ret_seconds);
}

/*
 *                   0123456789012345678901
 *           Sunday, 06-Nov-94 08:49:37 GMT
 *
 * What seems to be more than fifty years ahead is of the century before (RFC 9110 section 5.6.7),
 * and so is what has another weekday in this one.
 */
static int parse_rfc850(HttpSlice text, uint64_t now_seconds, uint64_t *ret_seconds) {
        const char *rest = text.data + text.size - RFC850_SIZE, *name = NULL;
        Date last = date_from_days(now_seconds / DAY_SECONDS);
        uint64_t last_seconds, seconds;
        unsigned int year;
        char digits[4];

        for (size_t i = 0; i < ELEMENTSOF(day_names); i++)
                if (text.size - RFC850_SIZE == strlen(day_names[i]) + 2 &&
                    memcmp(text.data, day_names[i], strlen(day_names[i])) == 0)
                        name = day_names[i];
        if (!name || memcmp(rest - 2, ", ", 2) != 0 || rest[2] != '-' || rest[6] != '-' || rest[9] != ' ' ||
            memcmp(rest + 18, " GMT", 4) != 0 || !get_digits(rest + 7, 2, &year))
                return -EINVAL;

        last.year += RFC850_YEARS_AHEAD;
        last_seconds = date_to_days(last) * DAY_SECONDS + now_seconds % DAY_SECONDS;
        year = last.year - (last.year - year) % 100;
        for (int i = 0; i < 2; i++, year -= 100) {
                put_digits(digits, year, 4);
                if (parse_parts(name, rest, rest + 3, digits, rest + 10, &seconds) >= 0 &&
                    seconds <= last_seconds) {
                        *ret_seconds = seconds;
                        return 0;
                }
        }
        return -EINVAL;
}

int http_date_parse(HttpSlice text, uint64_t now_seconds, uint64_t *ret_seconds) {
        if (text.size == HTTP_DATE_SIZE)
                return parse_imf(text.data, ret_seconds);
        if (text.size == ASCTIME_SIZE)
                return parse_asctime(text.data, ret_seconds);
        if (text.size > RFC850_SIZE + 2)
                return parse_rfc850(text, MIN2(now_seconds, LAST_SECONDS), ret_seconds);
        return -EINVAL;
}
