/* SPDX-License-Identifier: MIT */

/*
 * Request heads
 *
 * Two passes. The first looks at each byte once, however the bytes arrive: it
 * finds the empty line and rejects at the first byte that may stand in no head
 * at all (controls, CR without LF, LF without CR). So the answer to garbage
 * does not wait for an end that never comes, and the second pass works on
 * lines known to be clean. The second pass runs once, over the whole head.
 *
 * Stricter than RFC 9112 asks, because what two parsers read differently is a
 * smuggled request: no bare LF as line end (RFC errata 7633), no empty line
 * before the request line, Content-Length and Transfer-Encoding at most once
 * and never together, their values with nothing around but spaces in front.
 *
 * What is decided here is the line and the fields; what they mean for this
 * message (framing, host, connection) is decided in request-meaning.c.
 */

#include <errno.h>
#include <string.h>
#include "http/request-meaning.h"
#include "http/request.h"

static const bool target_refused[256] = {
        [0 ... ' '] = true,
        [0x7f] = true,
        ['#'] = true, /* no fragment is ever sent (RFC 9112 section 3.2) */
};

int http_request_reject(HttpRequest *ret, unsigned int status, const char *reason) {
        ret->status = status;
        ret->reason = reason;
        return HTTP_REQUEST_E_REJECTED;
}

/* The first pass over data[checked..size). 0: the head ends at *ret_size. */
static int find_end(HttpRequest *ret, const char *data, size_t size, size_t checked, size_t *ret_size) {
        if (size > 0 && data[0] == '\r')
                return http_request_reject(ret, 400, "an empty line before the request line");

        for (size_t i = checked; i < size; i++) {
                uint8_t c = (uint8_t)data[i];

                if (i > 0 && data[i - 1] == '\r' && c != '\n')
                        return http_request_reject(ret, 400, "a CR without LF");
                if (c >= ' ' && c != 0x7f)
                        continue;
                if (c == '\n') {
                        if (i == 0 || data[i - 1] != '\r')
                                return http_request_reject(ret, 400, "a LF without CR");
                        if (i >= 3 && data[i - 2] == '\n') {
                                *ret_size = i + 1;
                                return 0;
                        }
                } else if (c != '\r' && c != '\t')
                        return http_request_reject(ret, 400, "a control byte in the head");
        }

        return HTTP_REQUEST_E_INCOMPLETE;
}

/* Everything up to the next CRLF, which is there. */
static HttpSlice take_line(const char **p, const char *end) {
        const char *cr = memchr(*p, '\r', (size_t)(end - *p));
        HttpSlice line = { *p, (size_t)(cr - *p) };

        *p = cr + 2;
        return line;
}

static int parse_version(HttpRequest *ret, HttpSlice version) {
        const char *p = version.data;

        if (version.size != strlen("HTTP/1.1") || memcmp(p, "HTTP/", 5) != 0 || p[5] < '0' || p[5] > '9' ||
            p[6] != '.' || p[7] < '0' || p[7] > '9')
                return http_request_reject(ret, 400, "no HTTP version at the end of the request line");
        if (p[5] != '1' || p[7] > '1')
                return http_request_reject(ret, 505, "another HTTP version than 1.0 and 1.1");

        ret->version_minor = (unsigned int)(p[7] - '0');
        return 0;
}

static int check_method(HttpRequest *ret) {
        if (!http_name_is_token(ret->method))
                return http_request_reject(ret, 400, "no method at the start of the request line");
        if (ret->method.size > HTTP_METHOD_MAX)
                return http_request_reject(ret, 501, "a method too long to be one");
        /* A tunnel is not for us; TRACE would show what fronts before us have added (CVE-2004-2320). */
        if (http_slice_is(ret->method, "CONNECT") || http_slice_is(ret->method, "TRACE"))
                return http_request_reject(ret, 405, "CONNECT or TRACE");

        return 0;
}

/* Behind "http://" or "https://": the authority goes to host, the rest to uri. */
static int split_absolute(HttpRequest *ret) {
        static const char *const schemes[] = { "http://", "https://" };
        HttpSlice rest = ret->target;
        size_t n = 0;

        for (size_t i = 0; i < 2; i++) {
                size_t size = strlen(schemes[i]);

                if (rest.size > size && http_slice_is((HttpSlice){ rest.data, size }, schemes[i]))
                        n = size;
        }
        if (n == 0)
                return http_request_reject(ret, 400, "a target that is neither a path nor an http URI");

        rest.data += n;
        rest.size -= n;
        for (n = 0; n < rest.size && rest.data[n] != '/' && rest.data[n] != '?';)
                n++;
        ret->host = (HttpSlice){ rest.data, n };
        ret->uri = (HttpSlice){ rest.data + n, rest.size - n };
        if (ret->uri.size == 0)
                ret->uri = (HttpSlice){ "/", 1 };
        else if (ret->uri.data[0] == '?')
                return http_request_reject(ret, 400, "a target without a path");

        return 0;
}

static int parse_target(HttpRequest *ret) {
        const char *mark;
        int r;

        for (size_t i = 0; i < ret->target.size; i++)
                if (target_refused[(uint8_t)ret->target.data[i]])
                        return http_request_reject(ret, 400, "a forbidden byte in the target");

        ret->host = (HttpSlice){};
        ret->uri = ret->target;
        if (ret->target.size == 0)
                return http_request_reject(ret, 400, "an empty target");
        if (ret->target.data[0] == '*') {
                if (ret->target.size > 1 || ret->method.size != strlen("OPTIONS") ||
                    memcmp(ret->method.data, "OPTIONS", ret->method.size) != 0)
                        return http_request_reject(ret, 400, "a target '*' that is not of OPTIONS");
        } else if (ret->target.data[0] != '/') {
                r = split_absolute(ret);
                if (r != 0)
                        return r;
        }

        ret->path = ret->uri;
        ret->query = (HttpSlice){};
        mark = memchr(ret->uri.data, '?', ret->uri.size);
        if (mark) {
                ret->path.size = (size_t)(mark - ret->uri.data);
                ret->query = (HttpSlice){ mark + 1, ret->uri.size - ret->path.size - 1 };
        }

        /* Some file systems and browsers take it for a '/'. In a query browsers send it as it is. */
        if (memchr(ret->path.data, '\\', ret->path.size))
                return http_request_reject(ret, 400, "a backslash in the path");

        return 0;
}

static int parse_request_line(HttpRequest *ret, HttpSlice line) {
        const char *end = line.data + line.size, *first, *second;
        int r;

        /* Exactly two spaces: one more would be in the version. */
        first = memchr(line.data, ' ', line.size);
        second = first ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
        if (!second)
                return http_request_reject(ret, 400, "a request line of fewer than three words");

        ret->method = (HttpSlice){ line.data, (size_t)(first - line.data) };
        ret->target = (HttpSlice){ first + 1, (size_t)(second - first - 1) };
        r = parse_version(ret, (HttpSlice){ second + 1, (size_t)(end - second - 1) });
        if (r != 0)
                return r;

        r = check_method(ret);
        if (r != 0)
                return r;

        return parse_target(ret);
}

static int parse_headers(HttpRequest *ret, const char *p, const char *end) {
        ret->n_headers = 0;
        for (;;) {
                HttpSlice line = take_line(&p, end);

                if (line.size == 0)
                        return 0;
                if (ret->n_headers == HTTP_REQUEST_HEADERS_MAX)
                        return http_request_reject(ret, 431, "too many fields");
                if (http_header_split(line, &ret->headers[ret->n_headers]) < 0)
                        return http_request_reject(ret, 400, "a line that is no field");
                ret->n_headers++;
        }
}

static int parse_head(HttpRequest *ret, const char *data, size_t size) {
        const char *p = data, *end = data + size;
        int r;

        r = parse_request_line(ret, take_line(&p, end));
        if (r != 0)
                return r;

        r = parse_headers(ret, p, end);
        if (r != 0)
                return r;

        ret->head_size = size;
        return http_request_decide(ret);
}

int http_request_parse(HttpRequest *ret, const char *data, size_t size, size_t checked, size_t max) {
        size_t head_size;
        int r;

        r = find_end(ret, data, size < max ? size : max, checked, &head_size);
        if (r == 0)
                return parse_head(ret, data, head_size);
        if (r != HTTP_REQUEST_E_INCOMPLETE || size < max)
                return r;

        if (!memchr(data, '\r', max))
                return http_request_reject(ret, 414, "a request line over the limit");
        return http_request_reject(ret, 431, "a head over the limit");
}

const HttpHeader *http_request_header(const HttpRequest *request, const char *name) {
        for (size_t i = 0; i < request->n_headers; i++)
                if (http_slice_is(request->headers[i].name, name))
                        return &request->headers[i];

        return NULL;
}
