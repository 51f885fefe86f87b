/* SPDX-License-Identifier: MIT */
/*
 * The answer: a CGI head (RFC 3875 section 6.3), then what the script writes.
 * A client that has gone ends the script, unless it asked to go on.
 */

#include "sapi/internal.h"

#include <main/http_status_codes.h>
#include <main/php_output.h>
#include <stdio.h>

static int embed_put(SapiContext *context, const char *data, size_t size) {
        if (context->aborted)
                return -EPIPE;
        if (context->request->write(context->request->userdata, data, size) < 0) {
                context->aborted = true;
                return -EPIPE;
        }
        return 0;
}

size_t embed_write(const char *data, size_t size) {
        SapiContext *context = embed_context();

        /* after fastcgi_finish_request() output goes nowhere, and the script goes on */
        if (!context || context->finished)
                return size;

        if (embed_put(context, data, size) < 0)
                php_handle_aborted_connection();
        return size;
}

void embed_flush(void *server_context) {
        SapiContext *context = server_context;

        if (!context || context->finished || context->aborted)
                return;

        /* a flush before any output sends the head */
        if (!SG(headers_sent))
                (void)sapi_send_headers();
        if (context->request->flush(context->request->userdata) < 0) {
                context->aborted = true;
                php_handle_aborted_connection();
        }
}

/* "HTTP/1.1 404 Gone fishing" -> "404 Gone fishing"; NULL if it is not of that form. */
static const char *embed_status_line(const sapi_headers_struct *headers) {
        const char *line = headers->http_status_line, *space;

        if (!line || strncasecmp(line, "HTTP/", 5) != 0)
                return NULL;

        space = strchr(line, ' ');
        return space && space[1] >= '1' && space[1] <= '9' ? space + 1 : NULL;
}

/* PHP's own table; "" for a code it does not know. */
static const char *embed_reason(int status) {
        for (const http_response_status_code_pair *p = http_status_map; p->str; p++)
                if (p->code == status)
                        return p->str;

        return "";
}

static void embed_put_status(SapiContext *context, const sapi_headers_struct *headers) {
        const char *line = embed_status_line(headers);
        char text[1024];
        int n;

        if (line && atoi(line) == headers->http_response_code)
                n = snprintf(text, sizeof(text), "Status: %s\r\n", line);
        else if (headers->http_response_code != 0 && headers->http_response_code != 200)
                n = snprintf(text,
                             sizeof(text),
                             "Status: %d %s\r\n",
                             headers->http_response_code,
                             embed_reason(headers->http_response_code));
        else
                return;

        if (n >= (int)sizeof(text)) { /* a reason phrase of a kilobyte is cut */
                n = sizeof(text) - 1;
                memcpy(text + n - 2, "\r\n", 2);
        }
        (void)embed_put(context, text, (size_t)n); /* a client that has gone shows at the next write */
}

int embed_send_headers(sapi_headers_struct *headers) {
        SapiContext *context = embed_context();
        zend_llist_position position;
        sapi_header_struct *h;

        if (!context || context->finished || SG(request_info).no_headers)
                return SAPI_HEADER_SENT_SUCCESSFULLY;

        embed_put_status(context, headers);

        for (h = zend_llist_get_first_ex(&headers->headers, &position); h;
             h = zend_llist_get_next_ex(&headers->headers, &position)) {
                if (h->header_len == 0)
                        continue;
                if (headers->http_response_code == 304 && h->header_len > 13 &&
                    strncasecmp(h->header, "Content-Type:", 13) == 0)
                        continue; /* RFC 9110 section 15.4.5: no metadata of a body that is not sent */
                (void)embed_put(context, h->header, h->header_len);
                (void)embed_put(context, "\r\n", 2);
        }

        (void)embed_put(context, "\r\n", 2);
        return SAPI_HEADER_SENT_SUCCESSFULLY;
}

void embed_answer(SapiContext *context, int status, const char *reason, const char *text) {
        char head[256];
        int n;

        n = snprintf(
                head,
                sizeof(head),
                "Status: %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n\r\n",
                status,
                reason,
                strlen(text));
        context->request->status = status;
        if (embed_put(context, head, (size_t)n) == 0)
                (void)embed_put(context, text, strlen(text));
        context->finished = true;
        (void)context->request->finish(context->request->userdata,
                                       /* early= */ false); /* nobody is left to be told */
}
