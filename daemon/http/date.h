/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Dates (RFC 9110 section 5.6.7), of which only the first form is written
 *
 *   IMF-fixdate   Sun, 06 Nov 1994 08:49:37 GMT
 *   RFC 850       Sunday, 06-Nov-94 08:49:37 GMT
 *   asctime(3)    Sun Nov  6 08:49:37 1994
 */

#include <stdint.h>
#include "http/syntax.h"

enum {
        HTTP_DATE_SIZE = 29,
};

/* @seconds since 1970, up to the year 9999; later ones are written as its last second. NUL-terminated. */
void http_date_format(char buffer[static HTTP_DATE_SIZE + 1], uint64_t seconds);

/*
 * -EINVAL unless it is exactly one of the forms, a day that exists, its right weekday,
 * and not before 1970. Two digits of a year are no more than fifty years ahead of
 * @now_seconds. A conditional request with another date is answered in full, which is
 * always allowed (RFC 9110 section 13.1.3).
 */
int http_date_parse(HttpSlice text, uint64_t now_seconds, uint64_t *ret_seconds);
