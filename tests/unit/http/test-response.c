/* SPDX-License-Identifier: MIT */
#include "http/response.h"
#include "test.h"
#include "unit/http/compare.h"

#define MAX 8192U

/* Whole, and in steps of each size from byte by byte on. */
static int parse(HttpResponse *ret, const char *data, size_t size, size_t max) {
        int r = http_response_parse(ret, data, size, 0, max);

        for (size_t step = 1; step <= size && step < 600; step++)
                response_in_steps(data, size, max, step, r, ret);
        return r;
}

static void check_slice(HttpSlice slice, const char *text) {
        test_bytes(slice.data, slice.size, text, strlen(text));
}

static void test_violations(void) {
        static const struct {
                const char *head;
                size_t size;
        } cases[] = {
                { "HTTP/1.1 200 OK\r\nX: y\r\n\r\n" },
                { "HTTP/1.0 200\n\n" },
                { "X: a\0b\r\n\r\n", 10 },
                { "X\0: a\r\n\r\n", 9 },
                { "X: a\rb\r\n\r\n" },
                { "X: a\r\r\n\r\n" },
                { "\rX: a\r\n\r\n" },
                { "X: a\x01\r\n\r\n" },
                { "X: a\x7f\r\n\r\n" },
                { "X: a\r\n b\r\n\r\n" },
                { "X: a\r\n\tb\r\n\r\n" },
                { " X: a\r\n\r\n" },
                { "X : a\r\n\r\n" },
                { "X Y: a\r\n\r\n" },
                { ": a\r\n\r\n" },
                { "X\r\n\r\n" },
                { "<b>Warning</b>\n\n" },
                { "Status: 99\r\n\r\n" },
                { "Status: 099\r\n\r\n" },
                { "Status: 600\r\n\r\n" },
                { "Status: 2000\r\n\r\n" },
                { "Status: 20\r\n\r\n" },
                { "Status: +20\r\n\r\n" },
                { "Status: 200OK\r\n\r\n" },
                { "Status: 200\tOK\r\n\r\n" },
                { "Status: OK\r\n\r\n" },
                { "Status:\r\n\r\n" },
                { "Status: 200\r\nStatus: 200\r\n\r\n" },
                { "Content-Length: 5\r\nContent-Length: 5\r\n\r\n" },
                { "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" },
                { "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" },
                { "Content-Length: -1\r\n\r\n" },
                { "Content-Length: 5, 5\r\n\r\n" },
                { "Content-Length:\r\n\r\n" },
                { "Content-Length: 9223372036854775808\r\n\r\n" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                HttpResponse response;
                int r = parse(&response,
                              cases[i].head,
                              cases[i].size > 0 ? cases[i].size : strlen(cases[i].head),
                              MAX);

                if (r != HTTP_RESPONSE_E_VIOLATION)
                        test_fail("gives %d: %s", r, cases[i].head);
                test_true(response.error && *response.error);
        }
}

static void test_status(void) {
        static const struct {
                const char *head;
                unsigned int status;
                const char *reason;
        } cases[] = {
                { "X: y\r\n\r\n", 200, "" },
                { "\r\n", 200, "" },
                { "\n", 200, "" },
                { "Status: 404\r\n\r\n", 404, "" },
                { "Status: 404 Not Found\r\n\r\n", 404, "Not Found" },
                { "status:404 \xc3\xa9 (x) \n\n", 404, "\xc3\xa9 (x)" },
                { "Status: 100\r\n\r\n", 100, "" },
                { "Status: 599 \r\n\r\n", 599, "" },
                { "Location: /redir\r\n\r\n", 302, "" },
                { "Location: /redir\r\nStatus: 301 Moved Permanently\r\n\r\n", 301, "Moved Permanently" },
                { "Status: 201 Created\nLocation: /new\n\n", 201, "Created" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                HttpResponse response;

                test_int(parse(&response, cases[i].head, strlen(cases[i].head), MAX), 0);
                test_int(response.status, cases[i].status);
                check_slice(response.reason, cases[i].reason);
                test_int(response.head_size, strlen(cases[i].head));
        }
}

static void test_line_ends(void) {
        static const char *const heads[] = {
                "A: 1\r\nB: 2\r\n\r\n", "A: 1\nB: 2\n\n",   "A: 1\r\nB: 2\n\n",
                "A: 1\nB: 2\r\n\n",     "A: 1\nB: 2\n\r\n",
        };

        for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
                char with_body[64];
                HttpResponse response;

                test_int(parse(&response, heads[i], strlen(heads[i]), MAX), 0);
                test_int(response.n_headers, 2);
                check_slice(response.headers[0].value, "1");
                check_slice(response.headers[1].value, "2");

                /* the body may be anything */
                test_true(snprintf(with_body, sizeof(with_body), "%s\r\n\x01\n\n", heads[i]) > 0);
                test_int(parse(&response, with_body, strlen(with_body), MAX), 0);
                test_int(response.head_size, strlen(heads[i]));
        }
}

static void test_which_fields_are_forwarded(void) {
        static const char head[] = "Status: 200 OK\r\n"
                                   "X-Powered-By: PHP/8.2\r\n"
                                   "Set-Cookie: a=1\r\n"
                                   "Set-Cookie: b=2\r\n"
                                   "Connection: close\r\n"
                                   "Keep-Alive: timeout=5\r\n"
                                   "Proxy-Connection: close\r\n"
                                   "TE: trailers\r\n"
                                   "Trailer: X\r\n"
                                   "Transfer-Encoding: chunked\r\n"
                                   "Upgrade: h2c\r\n"
                                   "X-Accel-Redirect: /etc/passwd\r\n"
                                   "X-Accel-Buffering: NO\r\n"
                                   "X-accel-expires: 0\r\n"
                                   "X-Sendfile: /etc/passwd\r\n"
                                   "X-LiteSpeed-Location: /etc/passwd\r\n"
                                   "Content-type: Text/Event-Stream ; charset=UTF-8\r\n"
                                   "Date: x\r\n"
                                   "X_Under: kept\r\n"
                                   "\r\n";
        static const char *const forwarded[] = { "X-Powered-By", "Set-Cookie", "Set-Cookie",
                                                 "Content-type", "Date",       "X_Under" };
        HttpResponse response;

        test_int(parse(&response, head, strlen(head), MAX), 0);
        test_int(response.n_headers, 6);
        for (size_t i = 0; i < response.n_headers; i++)
                check_slice(response.headers[i].name, forwarded[i]);
        test_true(response.buffering_no);
        test_true(response.event_stream);
        test_true(response.has_date);
        test_true(!response.has_content_length);
        check_slice(http_response_header(&response, "set-cookie")->value, "a=1");
        test_true(!http_response_header(&response, "Status"));
}

static void test_what_is_said_once(void) {
        static const char head[] = "Content-Length: 0012\r\n"
                                   "Content-Type: text/html; x=text/event-stream\r\n"
                                   "X-Accel-Buffering: yes\r\n"
                                   "Location: http://a/b\r\n\r\n";
        HttpResponse response;

        test_int(parse(&response, head, strlen(head), MAX), 0);
        test_true(response.has_content_length);
        test_int(response.content_length, 12);
        test_true(!response.event_stream);
        test_true(!response.buffering_no);
        test_true(!response.has_date);
        check_slice(response.location, "http://a/b");
        test_true(!http_response_header(&response, "Content-Length"));
        test_true(http_response_header(&response, "Location") != NULL);
}

static void test_incomplete_heads(void) {
        static const char head[] = "A: 1\r\nB: 2\n\r\n";
        HttpResponse response = { .status = 7 };

        for (size_t n = 0; n < strlen(head); n++)
                test_int(parse(&response, head, n, MAX), HTTP_RESPONSE_E_INCOMPLETE);
        test_int(response.status, 7);
}

static void test_limits(void) {
        static const char head[] = "A: 1\r\nB: 2\r\n\r\n";
        char many[HTTP_RESPONSE_HEADERS_MAX * 8 + 64];
        HttpResponse response;

        test_int(parse(&response, head, strlen(head), strlen(head)), 0);
        test_int(parse(&response, head, strlen(head), strlen(head) - 1), HTTP_RESPONSE_E_TOO_LARGE);
        test_int(parse(&response, head, 5, 5), HTTP_RESPONSE_E_TOO_LARGE);

        for (size_t extra = 0; extra < 2; extra++) {
                size_t n = (size_t)sprintf(many, "Status: 200\n");

                for (size_t i = 0; i < HTTP_RESPONSE_HEADERS_MAX + extra; i++)
                        n += (size_t)sprintf(many + n, "X: %zu\n", i);
                n += (size_t)sprintf(many + n, "\n");
                test_int(parse(&response, many, n, MAX), extra == 0 ? 0 : HTTP_RESPONSE_E_TOO_LARGE);
        }
}

int main(void) {
        test_run(test_violations);
        test_run(test_status);
        test_run(test_line_ends);
        test_run(test_which_fields_are_forwarded);
        test_run(test_what_is_said_once);
        test_run(test_incomplete_heads);
        test_run(test_limits);
        return 0;
}
