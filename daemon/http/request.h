/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Request heads: request line and header fields, up to the empty line
 *
 * The head is parsed in the caller's buffer, whole, once its end is there. All
 * slices point into that buffer (path and uri may point to a constant): they
 * hold as long as the bytes stay where they are. When the buffer has moved,
 * parsing the same bytes again gives the same result.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "http/host.h"
#include "http/syntax.h"

typedef struct HttpRequest HttpRequest;

enum {
        HTTP_REQUEST_HEADERS_MAX = 100, /* more: 431 */
        HTTP_METHOD_MAX = 32,           /* bytes; longer: 501 */
        HTTP_CONNECTION_OPTIONS_MAX = 16,
};

enum {
        HTTP_REQUEST_E_INCOMPLETE = 1,
        HTTP_REQUEST_E_REJECTED,
};

typedef enum HttpBody {
        HTTP_BODY_NONE,
        HTTP_BODY_LENGTH,  /* content_length bytes follow, at least one */
        HTTP_BODY_CHUNKED, /* see chunked.h */
        _HTTP_BODY_MAX,
} HttpBody;

struct HttpRequest {
        /* when rejected, only these two: send the status, close, parse nothing that follows */
        unsigned int status; /* 400, 405, 414, 417, 431, 501, 505 */
        const char *reason;  /* static string, for the log */

        size_t head_size; /* bytes up to and with the empty line; the body starts there */
        unsigned int version_minor;
        HttpSlice method;
        HttpSlice target; /* as sent */
        HttpSlice uri;    /* the target in origin-form: path and query, or "*" */
        HttpSlice path;   /* raw, starts with '/' (or is the "*" of OPTIONS); for http_path_normalise() */
        HttpSlice query;  /* raw, behind '?'; data is NULL if there was no '?' */

        /*
         * Authority of the target if it has one, else the Host field, else (1.0
         * only) nothing: host.size 0, host_name "". host is as sent and checked.
         */
        HttpSlice host;
        char host_name[HTTP_HOST_MAX + 1]; /* lower case, without port and trailing dot */
        uint16_t host_port;                /* 0: none given */

        HttpBody body;
        uint64_t content_length; /* <= INT64_MAX */
        bool keep_alive;
        bool expect_continue; /* never with 1.0 or without a body */

        /*
         * forward: the field may become a variable HTTP_NAME. False for what
         * belongs to this connection or to its framing (Connection and all it
         * lists, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding,
         * Upgrade, Expect, Content-Length), for Content-Type and Host (other
         * variables carry these), for Proxy (CVE-2016-5385), and for names with
         * any byte outside [A-Za-z0-9-], which could collide with another's.
         */
        HttpHeader headers[HTTP_REQUEST_HEADERS_MAX];
        size_t n_headers;
};

/*
 * 0: complete. HTTP_REQUEST_E_INCOMPLETE: call again with more bytes; @checked
 * is the @size of the call before (0 at first), so that nothing is scanned
 * twice. HTTP_REQUEST_E_REJECTED: see HttpRequest. A head longer than @max is
 * rejected with 414 (the request line alone is too long) or 431.
 */
int http_request_parse(HttpRequest *ret, const char *data, size_t size, size_t checked, size_t max);

/* The first field of that name, or NULL. */
const HttpHeader *http_request_header(const HttpRequest *request, const char *name);
