/* SPDX-License-Identifier: MIT */
#include "http/request.h"
#include "test.h"
#include "unit/http/compare.h"

#define MAX 8192U
#define H   "Host: a\r\n"

static void check_slice(HttpSlice slice, const char *text) {
        test_bytes(slice.data, slice.size, text, strlen(text));
}

static void test_accepted_bodies(void) {
        static const struct {
                const char *fields;
                HttpBody body;
                uint64_t content_length;
        } cases[] = {
                { "", HTTP_BODY_NONE, 0 },
                { "Content-Length: 0\r\n", HTTP_BODY_NONE, 0 },
                { "Content-Length:5\r\n", HTTP_BODY_LENGTH, 5 },
                { "content-length: 5\r\n", HTTP_BODY_LENGTH, 5 },
                { "Content-Length:  0007\r\n", HTTP_BODY_LENGTH, 7 },
                { "Content-Length: 9223372036854775807\r\n", HTTP_BODY_LENGTH, INT64_MAX },
                { "Transfer-Encoding: chunked\r\n", HTTP_BODY_CHUNKED, 0 },
                { "TRANSFER-ENCODING:Chunked\r\n", HTTP_BODY_CHUNKED, 0 },
                /* other fields, for all their names */
                { "X-Content-Length: 5\r\nContent_Length: 6\r\nTransfer_Encoding: chunked\r\n",
                  HTTP_BODY_NONE,
                  0 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char head[256];
                int n = snprintf(head, sizeof(head), "POST / HTTP/1.1\r\n" H "%s\r\n", cases[i].fields);
                HttpRequest request;

                test_int(request_all_ways(&request, head, (size_t)n, MAX), 0);
                test_int(request.head_size, n);
                test_int(request.body, cases[i].body);
                test_int(request.content_length, cases[i].content_length);
        }
}

static void test_host_as_sent(void) {
        static const char with[] = "GET / HTTP/1.0\r\nHost: \tA.Example:80 \r\n\r\n";
        static const char without[] = "GET / HTTP/1.0\r\n\r\n";
        static const char target[] = "GET http://B/ HTTP/1.0\r\nHost: a:1\r\n\r\n";
        HttpRequest request;

        test_int(request_all_ways(&request, with, strlen(with), MAX), 0);
        check_slice(request.host, "A.Example:80");
        test_string(request.host_name, "a.example");
        test_int(request.host_port, 80);

        test_int(request_all_ways(&request, without, strlen(without), MAX), 0);
        test_int(request.host.size, 0);
        test_string(request.host_name, "");

        test_int(request_all_ways(&request, target, strlen(target), MAX), 0);
        check_slice(request.host, "B");
        test_string(request.host_name, "b");
        test_int(request.host_port, 0);
}

static void test_connection(void) {
        static const struct {
                const char *head;
                bool keep_alive, expect;
        } cases[] = {
                { "GET / HTTP/1.1\r\n" H "\r\n", true, false },
                { "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false, false },
                { "GET / HTTP/1.1\r\n" H "Connection: x, CLOSE ,y\r\n\r\n", false, false },
                { "GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\nConnection: close\r\n\r\n",
                  false,
                  false },
                { "GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", true, false },
                { "GET / HTTP/1.0\r\n" H "\r\n", false, false },
                { "GET / HTTP/1.0\r\n" H "Connection: Keep-Alive\r\n\r\n", true, false },
                { "GET / HTTP/1.0\r\n" H "Connection: keep-alive, close\r\n\r\n", false, false },
                { "POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", true, true },
                { "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
                  true,
                  true },
                { "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", true, false },
                { "POST / HTTP/1.0\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
                  false,
                  false },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                HttpRequest request;

                test_int(request_all_ways(&request, cases[i].head, strlen(cases[i].head), MAX), 0);
                test_int(request.keep_alive, cases[i].keep_alive);
                test_int(request.expect_continue, cases[i].expect);
        }
}

static void test_which_fields_are_forwarded(void) {
        static const char head[] = "POST / HTTP/1.1\r\n"
                                   "Host: a\r\n"
                                   "User-Agent:  curl \t\r\n"
                                   "Content-Type: text/plain\r\n"
                                   "Content-Length: 1\r\n"
                                   "Proxy: http://evil\r\n"
                                   "X_Under: 1\r\n"
                                   "X.Dot: 1\r\n"
                                   "Connection: X-Mine, close\r\n"
                                   "x-mine: 1\r\n"
                                   "X-Mine-Too: \r\n"
                                   "Keep-Alive: 5\r\n"
                                   "Proxy-Connection: close\r\n"
                                   "TE: trailers\r\n"
                                   "Trailer: X\r\n"
                                   "Upgrade: h2c\r\n"
                                   "Expect: 100-continue\r\n"
                                   "Authorization: Basic x:y\r\n"
                                   "Cookie: a=1\r\n"
                                   "Cookie: b=\xc3\xa9\r\n"
                                   "\r\n";
        static const char *const forwarded[] = { "User-Agent",
                                                 "X-Mine-Too",
                                                 "Authorization",
                                                 "Cookie",
                                                 "Cookie" };
        HttpRequest request;
        size_t n = 0;

        test_int(request_all_ways(&request, head, strlen(head), MAX), 0);
        test_int(request.n_headers, 19);
        for (size_t i = 0; i < request.n_headers; i++)
                if (request.headers[i].forward) {
                        test_true(n < 5);
                        check_slice(request.headers[i].name, forwarded[n++]);
                }
        test_int(n, 5);
        check_slice(http_request_header(&request, "user-agent")->value, "curl");
        check_slice(http_request_header(&request, "X-MINE-TOO")->value, "");
        check_slice(http_request_header(&request, "Cookie")->value, "a=1");
        test_true(!http_request_header(&request, "User-Agen"));
}

int main(void) {
        test_run(test_accepted_bodies);
        test_run(test_host_as_sent);
        test_run(test_connection);
        test_run(test_which_fields_are_forwarded);
        return 0;
}
