/* SPDX-License-Identifier: MIT */
/*
 * The response to the client
 *
 * The framing is made here and nowhere else: what a script says about
 * transfer codings and connections never reaches the client (http/response.h
 * drops it), its Content-Length is kept and enforced. A body of unknown length
 * that is whole when the head is written gets a length after all; else it is
 * chunked, for HTTP/1.0 ended by the end of the connection.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include "http/chunked.h"
#include "proxy/answer.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"

#define ANSWER_RETRY_AFTER "5" /* seconds: about what a restart of a pool takes */

static void answer_append(Exchange *exchange, const void *data, size_t size) {
        connection_append(exchange->connection, data, size);
}

static void answer_text(Exchange *exchange, const char *text) {
        answer_append(exchange, text, strlen(text));
}

void answer_header(Exchange *exchange, HttpSlice name, HttpSlice value) {
        answer_append(exchange, name.data, name.size);
        answer_append(exchange, ": ", 2);
        answer_append(exchange, value.data, value.size);
        answer_append(exchange, "\r\n", 2);
}

void answer_string(Exchange *exchange, const char *name, const char *value) {
        answer_header(exchange, (HttpSlice){ name, strlen(name) }, (HttpSlice){ value, strlen(value) });
}

void answer_begin(Exchange *exchange, unsigned int status, HttpSlice reason, bool has_date) {
        char line[sizeof("HTTP/1.1 999 ")];

        if (reason.size == 0) {
                const char *text = http_status_reason(status);

                reason = (HttpSlice){ text, strlen(text) };
        }

        (void)snprintf(line, sizeof(line), "HTTP/1.1 %u ", status % 1000);
        answer_text(exchange, line);
        answer_append(exchange, reason.data, reason.size);
        answer_text(exchange, "\r\n");

        if (!has_date)
                answer_string(exchange, "Date", proxy_date(exchange->connection->proxy));
        answer_string(exchange, "X-Request-Id", exchange->id);
        exchange->answer.begun = true;
        exchange->answer.status = status;
}

void answer_length(Exchange *exchange, uint64_t size) {
        char text[24];

        (void)snprintf(text, sizeof(text), "%" PRIu64, size);
        answer_string(exchange, "Content-Length", text);
}

/* What the site adds, unless the script has said it itself. */
static void answer_site_fields(Exchange *exchange, const HttpResponse *script) {
        char **lines = exchange->site ? exchange->site->config->headers : NULL;

        for (; lines && *lines; lines++) {
                char name[128];

                (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(*lines, ":"), *lines);
                if (script && http_response_header(script, name))
                        continue;
                answer_text(exchange, *lines);
                answer_text(exchange, "\r\n");
        }
}

static void answer_close_head(Exchange *exchange, const HttpResponse *script) {
        const Connection *connection = exchange->connection;

        answer_site_fields(exchange, script);
        if (!connection->keep)
                answer_string(exchange, "Connection", "close");
        else if (exchange->request.version_minor == 0)
                answer_string(exchange, "Connection", "keep-alive");
        answer_text(exchange, "\r\n");
}

void answer_end_head(Exchange *exchange) {
        answer_close_head(exchange, NULL);
}

bool answer_is_to_head(const Exchange *exchange) {
        return exchange->request.method.size == 4 && memcmp(exchange->request.method.data, "HEAD", 4) == 0;
}

/* 205 has one of no bytes (RFC 9110 section 15.3.6): a client that knows takes others for its next answer. */
bool answer_has_no_body(unsigned int status) {
        return status == 204 || status == 205 || status == 304;
}

static void answer_frame(Exchange *exchange, const HttpResponse *response, bool whole, uint64_t size) {
        Answer *answer = &exchange->answer;

        if (answer_has_no_body(response->status)) {
                answer->framing = ANSWER_NO_BODY;
                if (response->status == 205)
                        answer_length(exchange, 0);
        } else if (answer_is_to_head(exchange)) {
                answer->framing = ANSWER_NO_BODY;
                if (response->has_content_length)
                        answer_length(exchange, response->content_length);
        } else if (response->has_content_length || whole) {
                answer->framing = ANSWER_LENGTH;
                answer->left = response->has_content_length ? response->content_length : size;
                answer_length(exchange, answer->left);
        } else if (exchange->request.version_minor > 0) {
                answer->framing = ANSWER_CHUNKED;
                answer_string(exchange, "Transfer-Encoding", "chunked");
        } else {
                answer->framing = ANSWER_UNTIL_CLOSE;
                exchange->connection->keep = false;
        }
}

void answer_response(Exchange *exchange, const HttpResponse *response, bool whole, uint64_t size) {
        answer_begin(exchange, response->status, response->reason, response->has_date);
        for (size_t i = 0; i < response->n_headers; i++)
                if (!http_slice_is(response->headers[i].name, "X-Request-Id"))
                        answer_header(exchange, response->headers[i].name, response->headers[i].value);
        answer_frame(exchange, response, whole, size);
        answer_close_head(exchange, response);
}

void answer_interim(Exchange *exchange, const HttpResponse *response) {
        /*
         * HTTP/1.0 knows nothing of them (RFC 9110 section 15.2), nor do all proxies:
         * nginx before 1.29 takes the first for the answer and the answer for its body.
         */
        if (exchange->request.version_minor == 0 || exchange->connection->trusted)
                return;

        answer_text(exchange, "HTTP/1.1 103 Early Hints\r\n");
        for (size_t i = 0; i < response->n_headers; i++)
                answer_header(exchange, response->headers[i].name, response->headers[i].value);
        answer_text(exchange, "\r\n");
}

void answer_body(Exchange *exchange, const struct iovec *slices, size_t n_slices) {
        Answer *answer = &exchange->answer;
        char header[HTTP_CHUNK_HEADER_MAX];
        uint64_t size = 0;

        for (size_t i = 0; i < n_slices; i++)
                size += slices[i].iov_len;
        if (size == 0 || answer->framing == ANSWER_NO_BODY)
                return;

        if (answer->framing == ANSWER_CHUNKED)
                answer_append(exchange, header, http_chunk_header_encode(header, size));

        for (size_t i = 0; i < n_slices; i++) {
                size_t n = slices[i].iov_len;

                if (answer->framing == ANSWER_LENGTH) {
                        n = (size_t)MIN2(
                                (uint64_t)n,
                                answer->left); /* more than was promised would be read as the next answer */
                        answer->left -= n;
                }
                answer_append(exchange, slices[i].iov_base, n);
        }

        if (answer->framing == ANSWER_CHUNKED)
                answer_text(exchange, HTTP_CHUNK_TAIL);
}

bool answer_end(Exchange *exchange) {
        if (exchange->answer.framing == ANSWER_CHUNKED)
                answer_text(exchange, HTTP_CHUNKED_LAST);
        return exchange->answer.framing != ANSWER_LENGTH || exchange->answer.left == 0;
}

/* What went wrong is for the journal; what a visitor may know is this. */
static const char *answer_explain(unsigned int status) {
        switch (status) {
        case 403:
                return "This may not be seen.";
        case 404:
                return "There is nothing here.";
        case 413:
                return "What was sent is larger than this site accepts.";
        case 502:
                return "The application ended without an answer.";
        case 503:
                return "The application does not answer just now. Please try again in a moment.";
        case 504:
                return "The application took too long.";
        case 507:
                return "There is no room for what was sent.";
        default:
                return status < 500 ? "The request was not understood."
                                    : "The server is not able to answer.";
        }
}

void answer_error_fields(Exchange *exchange, unsigned int status) {
        answer_string(exchange, "X-Content-Type-Options", "nosniff");
        if (status == 405)
                answer_string(exchange, "Allow", "GET, HEAD");
        if (status == 503)
                answer_string(exchange, "Retry-After", ANSWER_RETRY_AFTER);
}

void answer_page(Exchange *exchange, unsigned int status, const char *explanation) {
        char page[1024];
        int n;

        n = snprintf(
                page,
                sizeof(page),
                "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%u %s</title></head>\n"
                "<body><h1>%u %s</h1>\n<p>%s</p>\n<p><small>Request %s</small></p>\n</body></html>\n",
                status,
                http_status_reason(status),
                status,
                http_status_reason(status),
                explanation ?: answer_explain(status),
                exchange->id);

        answer_begin(exchange, status, (HttpSlice){}, false);
        answer_string(exchange, "Content-Type", "text/html; charset=utf-8");
        answer_error_fields(exchange, status);
        answer_length(exchange, (uint64_t)n);
        answer_end_head(exchange);
        if (!answer_is_to_head(exchange))
                answer_append(exchange, page, (size_t)n);
}

void answer_redirect(Exchange *exchange, unsigned int status, const char *location) {
        answer_begin(exchange, status, (HttpSlice){}, false);
        answer_string(exchange, "Location", location);
        answer_length(exchange, 0);
        answer_end_head(exchange);
}
