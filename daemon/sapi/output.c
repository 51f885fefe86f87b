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

        if (!context) /* of a resident script between two requests: to the journal */
                return fwrite(data, 1, size, stdout);
        /* after fastcgi_finish_request() output goes nowhere, and the script goes on */
        if (context->finished)
                return size;

        if (embed_put(context, data, size) < 0)
                embed_on_client_gone();
        return size;
}

void embed_flush(void *server_context) {
        SapiContext *context = server_context;

        if (!context || context->finished || context->aborted)
                return;

                /* what is in PHP's own buffers stays there; up to PHP 8.3 so does the head, which may still change (GH-12785) */
#if PHP_VERSION_ID >= 80400
        (void)sapi_send_headers(); /* a client that has gone shows below */
#endif
        if (context->request->flush(context->request->userdata) < 0) {
                context->aborted = true;
                embed_on_client_gone();
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

static bool header_is(const sapi_header_struct *h, const char *name) {
        size_t size = strlen(name);

        return h->header_len > size && strncasecmp(h->header, name, size) == 0;
}

static bool has_status_header(sapi_headers_struct *headers) {
        zend_llist_position position;

        for (sapi_header_struct *h = zend_llist_get_first_ex(&headers->headers, &position); h;
             h = zend_llist_get_next_ex(&headers->headers, &position))
                if (header_is(h, "Status:"))
                        return true;

        return false;
}

/* The line that gives the status; 0 bytes: none is needed, or the script has set one itself. */
static size_t format_status(sapi_headers_struct *headers, char *text, size_t size) {
        const char *line = embed_status_line(headers);
        int n;

        if (!embed_ini.nph && (headers->http_response_code == 0 || headers->http_response_code == 200))
                return 0;

        if (line && embed_ini.rfc2616_headers)
                n = snprintf(text, size, "%s\r\n", headers->http_status_line);
        else if (line && atoi(line) == headers->http_response_code)
                n = snprintf(text, size, "Status: %s\r\n", line);
        else if (has_status_header(headers))
                return 0;
        else
                n = snprintf(text,
                             size,
                             "Status: %d %s\r\n",
                             headers->http_response_code,
                             embed_reason(headers->http_response_code));

        if (n >= (int)size) { /* a reason phrase of a kilobyte is cut */
                n = (int)size - 1;
                memcpy(text + n - 2, "\r\n", 2);
        }
        return (size_t)n;
}

/* A header of the script's. CRLF by itself would end the head. */
static void put_header(SapiContext *context, const sapi_header_struct *h) {
        if (h->header_len == 0)
                return;

        (void)embed_put(context,
                        h->header,
                        h->header_len); /* a client that has gone shows at the next write */
        (void)embed_put(context, "\r\n", 2);
        if (context->request->on_header)
                context->request->on_header(context->request->userdata, h->header, h->header_len);
}

int embed_send_headers(sapi_headers_struct *headers) {
        SapiContext *context = embed_context();
        zend_llist_position position;
        char status[1024];
        bool has_status;
        size_t n;

        if (!context || context->finished || SG(request_info).no_headers)
                return SAPI_HEADER_SENT_SUCCESSFULLY;

        n = format_status(headers, status, sizeof(status));
        has_status = n > 0;
        if (has_status)
                (void)embed_put(context, status, n);

        for (sapi_header_struct *h = zend_llist_get_first_ex(&headers->headers, &position); h;
             h = zend_llist_get_next_ex(&headers->headers, &position)) {
                if (header_is(h, "Status:")) {
                        if (has_status)
                                continue;
                        has_status = true;
                }
                if (headers->http_response_code == 304 && header_is(h, "Content-Type:"))
                        continue; /* RFC 9110 section 15.4.5: no metadata of a body that is not sent */
                put_header(context, h);
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
        /* nobody is left to be told of a failure */
        (void)context->request->finish(context->request->userdata, /* exit_status= */ 0, /* early= */ false);
}
