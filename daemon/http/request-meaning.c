/* SPDX-License-Identifier: MIT */

/*
 * What the fields of a request say about its message
 *
 * Collects the few fields that HTTP itself acts on, each at most once where
 * a second could contradict it, then decides in this order: body framing
 * (RFC 9112 section 6), host (section 3.2), connection (section 9.3),
 * expectation (RFC 9110 section 10.1.1), and which fields an application may see.
 */

#include <string.h>
#include "http/request-meaning.h"
#include "util/cleanup.h"
#include "util/parse.h"

typedef struct Fields Fields;

struct Fields {
        const HttpHeader *content_length;
        const HttpHeader *transfer_encoding;
        const HttpHeader *host;
        bool expect;
        bool close;
        bool keep_alive;
        HttpSlice options[HTTP_CONNECTION_OPTIONS_MAX]; /* all that Connection lists */
        size_t n_options;
};

/* Fields that are never forwarded; sorted by what reads best. */
static const char *const kept_back[] = {
        "Connection", "Keep-Alive",   "Proxy-Connection", "TE",   "Trailer", "Transfer-Encoding", "Upgrade",
        "Expect",     "Content-Type", "Content-Length",   "Host", "Proxy",
};

static int collect_once(HttpRequest *request, const HttpHeader *header, const HttpHeader **slot) {
        if (*slot)
                return http_request_reject(request,
                                           400,
                                           "a second Host, Content-Length or Transfer-Encoding");

        *slot = header;
        return 0;
}

static int collect_connection(HttpRequest *request, HttpSlice list, Fields *fields) {
        HttpSlice option;

        while (http_list_next(&list, &option)) {
                if (fields->n_options == ELEMENTSOF(fields->options))
                        return http_request_reject(request, 400, "too many connection options");
                fields->options[fields->n_options++] = option;
                if (http_slice_is(option, "close"))
                        fields->close = true;
                else if (http_slice_is(option, "keep-alive"))
                        fields->keep_alive = true;
        }

        return 0;
}

static int collect(HttpRequest *request, const HttpHeader *header, Fields *fields) {
        if (http_slice_is(header->name, "Content-Length"))
                return collect_once(request, header, &fields->content_length);
        if (http_slice_is(header->name, "Transfer-Encoding"))
                return collect_once(request, header, &fields->transfer_encoding);
        if (http_slice_is(header->name, "Host"))
                return collect_once(request, header, &fields->host);
        if (http_slice_is(header->name, "Connection"))
                return collect_connection(request, header->value, fields);
        if (http_slice_is(header->name, "Expect")) {
                if (!http_slice_is(header->value, "100-continue"))
                        return http_request_reject(request, 417, "an unknown expectation");
                fields->expect = true;
        }

        return 0;
}

/*
 * The value with the spaces in front alone taken off. RFC 9112 allows
 * white space on both sides; but senders write one space, and a tab or a space
 * behind has served to make one of two parsers miss the field.
 */
static HttpSlice bare_value(const HttpHeader *header, const char *line_end) {
        const char *p = header->name.data + header->name.size + 1;

        while (p < line_end && *p == ' ')
                p++;
        return (HttpSlice){ p, (size_t)(line_end - p) };
}

static HttpSlice framing_value(const HttpHeader *header) {
        /* The head is whole: a CR ends each of its lines. */
        return bare_value(header, rawmemchr(header->name.data, '\r'));
}

static int decide_body(HttpRequest *request, const Fields *fields) {
        request->body = HTTP_BODY_NONE;
        request->content_length = 0;

        if (fields->transfer_encoding) {
                HttpSlice coding = framing_value(fields->transfer_encoding);

                if (fields->content_length)
                        return http_request_reject(request,
                                                   400,
                                                   "both Content-Length and Transfer-Encoding");
                if (request->version_minor == 0)
                        return http_request_reject(request, 400, "Transfer-Encoding in HTTP/1.0");
                if (!http_slice_is(coding, "chunked"))
                        return http_request_reject(request,
                                                   http_name_is_token(coding) ? 501 : 400,
                                                   "a Transfer-Encoding other than 'chunked'");
                request->body = HTTP_BODY_CHUNKED;
        } else if (fields->content_length) {
                HttpSlice length = framing_value(fields->content_length);

                if (parse_u64(length.data, length.size, INT64_MAX, &request->content_length) < 0)
                        return http_request_reject(request, 400, "a Content-Length that is no number");
                if (request->content_length > 0)
                        request->body = HTTP_BODY_LENGTH;
        }

        return 0;
}

static int decide_host(HttpRequest *request, const Fields *fields) {
        request->host_name[0] = '\0';
        request->host_port = 0;

        if (fields->host) {
                if (http_host_parse(fields->host->value, request->host_name, &request->host_port) < 0)
                        return http_request_reject(request, 400, "a Host that is none");
        } else if (request->version_minor > 0)
                return http_request_reject(request, 400, "no Host");

        /* The target's authority wins, whatever Host says (RFC 9112 section 3.2.2). */
        if (request->host.data) {
                if (http_host_parse(request->host, request->host_name, &request->host_port) < 0)
                        return http_request_reject(request, 400, "a target with a host that is none");
        } else if (fields->host)
                request->host = fields->host->value;

        return 0;
}

static bool may_forward(HttpSlice name, const Fields *fields) {
        for (size_t i = 0; i < name.size; i++) {
                char c = name.data[i];

                if (c != '-' && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
                    !(c >= 'a' && c <= 'z'))
                        return false;
        }

        for (size_t i = 0; i < ELEMENTSOF(kept_back); i++)
                if (http_slice_is(name, kept_back[i]))
                        return false;

        for (size_t i = 0; i < fields->n_options; i++)
                if (http_slice_same(name, fields->options[i]))
                        return false;

        return true;
}

int http_request_decide(HttpRequest *request) {
        Fields fields = {};
        int r;

        for (size_t i = 0; i < request->n_headers; i++) {
                r = collect(request, &request->headers[i], &fields);
                if (r != 0)
                        return r;
        }

        r = decide_body(request, &fields);
        if (r != 0)
                return r;

        r = decide_host(request, &fields);
        if (r != 0)
                return r;

        request->keep_alive = !fields.close && (request->version_minor > 0 || fields.keep_alive);
        request->expect_continue =
                fields.expect && request->version_minor > 0 && request->body != HTTP_BODY_NONE;

        for (size_t i = 0; i < request->n_headers; i++)
                request->headers[i].forward = may_forward(request->headers[i].name, &fields);

        return 0;
}
