/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Response heads of CGI scripts (RFC 3875 section 6), as pools send them
 *
 * Lines end with LF or CRLF, the head with an empty line. Slices point into
 * the caller's buffer and hold as long as the bytes stay where they are.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "http/syntax.h"

typedef struct HttpResponse HttpResponse;

enum {
        HTTP_RESPONSE_HEADERS_MAX = 128,
};

enum {
        HTTP_RESPONSE_E_INCOMPLETE = 1,
        HTTP_RESPONSE_E_VIOLATION, /* 502; error says what */
        HTTP_RESPONSE_E_TOO_LARGE, /* 502; longer than @max, or more than HTTP_RESPONSE_HEADERS_MAX fields */
};

struct HttpResponse {
        const char *error; /* static string; all that is set on a violation */

        size_t head_size;    /* the body starts there */
        unsigned int status; /* 100..599; 1xx: forget this head, the real one follows */
        HttpSlice reason;    /* of the Status field, may be empty */
        bool has_content_length;
        uint64_t content_length; /* <= INT64_MAX */
        bool buffering_no;       /* X-Accel-Buffering: no */
        bool event_stream;       /* Content-Type: text/event-stream */
        bool has_date;
        HttpSlice location;
        HttpSlice accel_redirect; /* X-Accel-Redirect: a path, percent-encoded; data NULL: none */
        HttpSlice sendfile;       /* X-Sendfile: the name of a file */

        /*
         * What goes to the client, in order. Not in it: Status, Content-Length
         * (the sender frames the body anew), what belongs to one connection
         * (Connection, Keep-Alive, Proxy-Connection, TE, Trailer,
         * Transfer-Encoding, Upgrade), and what is an order to the front
         * (X-Accel-..., X-Sendfile, X-LiteSpeed-Location).
         */
        HttpHeader headers[HTTP_RESPONSE_HEADERS_MAX];
        size_t n_headers;
};

/*
 * 0: complete. HTTP_RESPONSE_E_INCOMPLETE: call again with more bytes;
 * @checked is the @size of the call before (0 at first). If the stream ends
 * while the head is incomplete, the empty line is missing: 502.
 */
int http_response_parse(HttpResponse *ret, const char *data, size_t size, size_t checked, size_t max);

/* The first field of that name among headers, or NULL. */
const HttpHeader *http_response_header(const HttpResponse *response, const char *name);
