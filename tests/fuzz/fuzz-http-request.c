/* SPDX-License-Identifier: MIT */
/*
 * Request heads: the outcome is the same however the bytes arrive, and what
 * is accepted keeps the promises of request.h, judged by plain text search.
 */

#include "fuzz/fuzz.h"
#include "http/request.h"
#include "http/uri.h"
#include "test.h"
#include "unit/http/compare.h"

#define MAX 2048U

/* How many lines of the head start with @name and a colon. */
static size_t count_fields(const char *head, size_t size, const char *name) {
        size_t n = 0, length = strlen(name);

        for (const char *p = head; (p = memmem(p, (size_t)(head + size - p), "\r\n", 2)); p += 2)
                if ((size_t)(head + size - p) > 2 + length && strncasecmp(p + 2, name, length) == 0 &&
                    p[2 + length] == ':')
                        n++;
        return n;
}

static void check_bytes(const char *head, size_t size) {
        test_true(size >= 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0);
        for (size_t i = 0; i < size; i++) {
                uint8_t c = (uint8_t)head[i];

                test_true(c >= ' ' || c == '\t' || c == '\r' || c == '\n');
                test_true(c != 0x7f);
                test_true(c != '\n' || (i > 0 && head[i - 1] == '\r'));
                test_true(c != '\r' || head[i + 1] == '\n');
                /* no folded line */
                test_true(c != '\n' || i + 1 == size || (head[i + 1] != ' ' && head[i + 1] != '\t'));
        }
}

static void check_framing(const HttpRequest *request, const char *head) {
        size_t n_length = count_fields(head, request->head_size, "Content-Length");
        size_t n_coding = count_fields(head, request->head_size, "Transfer-Encoding");

        test_true(n_length + n_coding <= 1);
        test_int(request->body == HTTP_BODY_CHUNKED, n_coding);
        test_true(request->body != HTTP_BODY_CHUNKED || request->version_minor == 1);
        test_true(request->body != HTTP_BODY_LENGTH || n_length == 1);
        test_int(request->body == HTTP_BODY_LENGTH, request->content_length > 0);
        test_true(request->content_length <= INT64_MAX);
        test_true(!request->expect_continue || request->body != HTTP_BODY_NONE);
}

static void check_host(const HttpRequest *request, const char *head) {
        size_t n_host = count_fields(head, request->head_size, "Host");

        test_true(n_host <= 1);
        test_true(n_host == 1 || request->version_minor == 0);
        test_int(request->host.size > 0, request->host_name[0] != '\0');
        test_int(strcspn(request->host_name, "/\\@, \t%ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                 strlen(request->host_name));
        test_true(request->host_name[0] == '[' || !strchr(request->host_name, ':'));
}

static void check_target(const HttpRequest *request) {
        char path[MAX + 1];
        size_t n;

        test_true(http_name_is_token(request->method) && request->method.size <= HTTP_METHOD_MAX);
        test_true(request->path.size > 0 && request->path.data == request->uri.data);
        test_true(request->path.data[0] == '/' || request->path.data[0] == '*');
        test_true(!memchr(request->path.data, '?', request->path.size));
        test_true(!memchr(request->uri.data, '#', request->uri.size));
        test_true(!memchr(request->uri.data, ' ', request->uri.size));
        test_int(request->uri.size,
                 request->path.size + (request->query.data ? 1 + request->query.size : 0));
        (void)http_path_normalise(request->path, path, sizeof(path), &n);
}

static void check_fields(const HttpRequest *request) {
        test_true(request->n_headers <= HTTP_REQUEST_HEADERS_MAX);
        for (size_t i = 0; i < request->n_headers; i++) {
                const HttpHeader *header = &request->headers[i];

                test_true(http_name_is_token(header->name));
                if (!header->forward)
                        continue;
                for (size_t k = 0; k < header->name.size; k++)
                        test_true(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-",
                                         header->name.data[k]));
                test_true(!http_slice_is(header->name, "Proxy") &&
                          !http_slice_is(header->name, "Content-Type"));
                test_true(!http_slice_is(header->name, "Connection") &&
                          !http_slice_is(header->name, "Host"));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *head = (const char *)data;
        HttpRequest request, again;
        int r;

        if (size > 2 * MAX)
                return 0;

        r = http_request_parse(&request, head, size, 0, MAX);
        request_in_steps(head, size, MAX, size / 16 + 1, r, &request);
        request_in_steps(head, size, MAX, size / 2 + 1, r, &request);
        if (size <= 32)
                request_in_steps(head, size, MAX, 1, r, &request);

        if (r == HTTP_REQUEST_E_REJECTED)
                test_true(request.status >= 400 && request.status <= 505 && request.reason);
        if (r != 0)
                return 0;

        test_true(request.head_size <= size && request.head_size <= MAX);
        test_int(http_request_parse(&again, head, request.head_size - 1, 0, MAX), HTTP_REQUEST_E_INCOMPLETE);
        check_bytes(head, request.head_size);
        check_framing(&request, head);
        check_host(&request, head);
        check_target(&request);
        check_fields(&request);
        return 0;
}
