/* SPDX-License-Identifier: MIT */

/*
 * Response heads of CGI scripts
 *
 * As with requests, a first pass finds the end and looks at each byte once, a
 * second works on the whole head. Scripts may end lines with LF (RFC 3875
 * section 6.1 leaves it to the system), PHP writes CRLF; both are taken, but a
 * CR anywhere else is not: it would be a line end to some client, and so one
 * response two (CVE-2024-24795, CVE-2022-37436). For the same reason nothing
 * is repaired: a head with a bad name or byte, a folded line or contradicting
 * lengths is refused as a whole.
 *
 * A pool may be hostile: no field it sends decides framing or connection of
 * the client's side.
 */

#include <errno.h>
#include <string.h>
#include "http/response.h"
#include "util/cleanup.h"
#include "util/parse.h"

static const char *const kept_back[] = {
        "Connection", "Keep-Alive",           "Proxy-Connection", "TE",
        "Trailer",    "Transfer-Encoding",    "Upgrade",          "Status",
        "X-Sendfile", "X-LiteSpeed-Location", "Content-Length",
};

static int violate(HttpResponse *ret, const char *error) {
        ret->error = error;
        return HTTP_RESPONSE_E_VIOLATION;
}

/* The first pass over data[checked..size). 0: the head ends at *ret_size. */
static int find_end(HttpResponse *ret, const char *data, size_t size, size_t checked, size_t *ret_size) {
        for (size_t i = checked; i < size; i++) {
                uint8_t c = (uint8_t)data[i];

                if (i > 0 && data[i - 1] == '\r' && c != '\n')
                        return violate(ret, "a CR without LF");
                if (c >= ' ' && c != 0x7f)
                        continue;
                if (c == '\n') {
                        /* an empty line: nothing, or CR alone, before this LF */
                        size_t line = i > 0 && data[i - 1] == '\r' ? i - 1 : i;

                        if (line == 0 || data[line - 1] == '\n') {
                                *ret_size = i + 1;
                                return 0;
                        }
                } else if (c != '\r' && c != '\t')
                        return violate(ret, "a control byte in the head");
        }

        return HTTP_RESPONSE_E_INCOMPLETE;
}

/* Everything up to the next line end, which is there. */
static HttpSlice take_line(const char **p, const char *end) {
        const char *lf = memchr(*p, '\n', (size_t)(end - *p));
        HttpSlice line = { *p, (size_t)(lf - *p) };

        if (line.size > 0 && line.data[line.size - 1] == '\r')
                line.size--;
        *p = lf + 1;
        return line;
}

static int parse_status(HttpResponse *ret, HttpSlice value) {
        uint64_t status;

        if (ret->status != 0)
                return violate(ret, "a second Status");
        if (value.size < 3 || parse_u64(value.data, 3, 599, &status) < 0 || status < 100 ||
            (value.size > 3 && value.data[3] != ' '))
                return violate(ret, "a Status that is none");

        ret->status = (unsigned int)status;
        ret->reason = http_slice_trim((HttpSlice){ value.data + 3, value.size - 3 });
        return 0;
}

static int parse_content_length(HttpResponse *ret, HttpSlice value) {
        if (ret->has_content_length)
                return violate(ret, "a second Content-Length");
        if (parse_u64(value.data, value.size, INT64_MAX, &ret->content_length) < 0)
                return violate(ret, "a Content-Length that is no number");

        ret->has_content_length = true;
        return 0;
}

/* The media type alone, without its parameters. */
static bool is_event_stream(HttpSlice value) {
        const char *semicolon = memchr(value.data, ';', value.size);

        if (semicolon)
                value.size = (size_t)(semicolon - value.data);
        return http_slice_is(http_slice_trim(value), "text/event-stream");
}

static bool may_forward(HttpSlice name) {
        static const char orders[] = "X-Accel-";
        size_t size = strlen(orders);

        if (name.size >= size && http_slice_is((HttpSlice){ name.data, size }, orders))
                return false;

        for (size_t i = 0; i < ELEMENTSOF(kept_back); i++)
                if (http_slice_is(name, kept_back[i]))
                        return false;

        return true;
}

static int understand(HttpResponse *ret, const HttpHeader *header, bool *transfer_encoding) {
        if (http_slice_is(header->name, "Status"))
                return parse_status(ret, header->value);
        if (http_slice_is(header->name, "Content-Length"))
                return parse_content_length(ret, header->value);
        if (http_slice_is(header->name, "Transfer-Encoding"))
                *transfer_encoding = true;
        else if (http_slice_is(header->name, "X-Accel-Buffering"))
                ret->buffering_no = http_slice_is(header->value, "no");
        else if (http_slice_is(header->name, "X-Accel-Redirect"))
                ret->accel_redirect = header->value;
        else if (http_slice_is(header->name, "X-Sendfile"))
                ret->sendfile = header->value;
        else if (http_slice_is(header->name, "Content-Type"))
                ret->event_stream = is_event_stream(header->value);
        else if (http_slice_is(header->name, "Date"))
                ret->has_date = true;
        else if (http_slice_is(header->name, "Location"))
                ret->location = header->value;

        return 0;
}

static int parse_lines(HttpResponse *ret, const char *p, const char *end, bool *transfer_encoding) {
        int r;

        for (;;) {
                HttpSlice line = take_line(&p, end);
                HttpHeader header;

                if (line.size == 0)
                        return 0;
                if (http_header_split(line, &header) < 0)
                        return violate(
                                ret,
                                line.size >= 5 && memcmp(line.data, "HTTP/", 5) == 0
                                        ? "a status line (the script answers as if it were the server)"
                                        : "a line that is no field");

                r = understand(ret, &header, transfer_encoding);
                if (r != 0)
                        return r;

                header.forward = may_forward(header.name);
                if (!header.forward)
                        continue;
                if (ret->n_headers == HTTP_RESPONSE_HEADERS_MAX)
                        return HTTP_RESPONSE_E_TOO_LARGE;
                ret->headers[ret->n_headers++] = header;
        }
}

static void reset(HttpResponse *ret) {
        ret->error = NULL;
        ret->status = 0;
        ret->reason = (HttpSlice){};
        ret->has_content_length = false;
        ret->content_length = 0;
        ret->buffering_no = false;
        ret->event_stream = false;
        ret->has_date = false;
        ret->location = (HttpSlice){};
        ret->accel_redirect = (HttpSlice){};
        ret->sendfile = (HttpSlice){};
        ret->n_headers = 0;
}

static int parse_head(HttpResponse *ret, const char *data, size_t size) {
        bool transfer_encoding = false;
        int r;

        reset(ret);
        r = parse_lines(ret, data, data + size, &transfer_encoding);
        if (r != 0)
                return r;

        if (transfer_encoding && ret->has_content_length)
                return violate(ret, "both Content-Length and Transfer-Encoding");

        /* RFC 3875 section 6.3.3: no Status means 200; with a Location alone
         * it is the client's redirect (section 6.2.3). */
        if (ret->status == 0)
                ret->status = ret->location.data ? 302 : 200;
        ret->head_size = size;
        return 0;
}

int http_response_parse(HttpResponse *ret, const char *data, size_t size, size_t checked, size_t max) {
        size_t head_size;
        int r;

        r = find_end(ret, data, MIN2(size, max), checked, &head_size);
        if (r == 0)
                return parse_head(ret, data, head_size);
        if (r == HTTP_RESPONSE_E_INCOMPLETE && size >= max)
                return HTTP_RESPONSE_E_TOO_LARGE;
        return r;
}

const HttpHeader *http_response_header(const HttpResponse *response, const char *name) {
        for (size_t i = 0; i < response->n_headers; i++)
                if (http_slice_is(response->headers[i].name, name))
                        return &response->headers[i];

        return NULL;
}
