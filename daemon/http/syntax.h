/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Pieces that requests and responses share: slices of a caller's buffer,
 * field names, field lines (RFC 9110 section 5)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HttpSlice HttpSlice;
typedef struct HttpHeader HttpHeader;

/* Borrowed bytes, not NUL-terminated. */
struct HttpSlice {
        const char *data;
        size_t size;
};

struct HttpHeader {
        HttpSlice name;
        HttpSlice value; /* without the white space around it */
        bool forward;    /* see request.h */
};

/* 0 to 15, or -1. */
int http_hex_value(char c);

/* 1*tchar (RFC 9110 section 5.6.2). */
bool http_name_is_token(HttpSlice name);

/* Whether they are the same but for the case of ASCII letters. */
bool http_slice_is(HttpSlice slice, const char *text);
bool http_slice_same(HttpSlice a, HttpSlice b);

/* Without spaces and tabs at both ends. */
HttpSlice http_slice_trim(HttpSlice slice);

/*
 * Splits a field line (no line end) at its colon: the name is a token with
 * nothing before or after it, the value is trimmed. -EINVAL: it is none.
 */
int http_header_split(HttpSlice line, HttpHeader *ret);

/*
 * The next member of a comma-separated list (RFC 9110 section 5.6.1), trimmed;
 * *list becomes what is behind it. Empty members are passed over. False: none left.
 */
bool http_list_next(HttpSlice *list, HttpSlice *ret);

/* Whether an Accept-Encoding field takes @coding (RFC 9110 section 12.5.3); "*" is not counted. */
bool http_coding_accepted(HttpSlice field, const char *coding);

/* "Not Found" for 404; "" for what has no registered name. */
const char *http_status_reason(unsigned int status);
