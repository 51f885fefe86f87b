/* SPDX-License-Identifier: MIT */
#include "http/request.h"
#include "test.h"
#include "unit/http/compare.h"

#define MAX 8192U

static void check_slice(HttpSlice slice, const char *text) {
        test_bytes(slice.data, slice.size, text, strlen(text));
}

#define H "Host: a\r\n"

static void test_rejected_heads(void) {
        static const struct {
                const char *head; /* NUL stands for the end unless size is given */
                unsigned int status;
                size_t size;
        } cases[] = {
                /* framing */
                { "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: ,chunked\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked,\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\tchunked\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\t\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked \r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \xa0"
                  "chunked\r\n\r\n",
                  400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\x85\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
                  "chunked\r\n\r\n",
                  400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                  400 },
                { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\ntransfer-encoding: x\r\n\r\n",
                  400 },
                { "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 5,5\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: \r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 1_0\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 5 \r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 5\t\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length:\t5\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 5.0\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: \xb2\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400 },
                { "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\ncontent-length: 5\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X : a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X\t: a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H ": a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X Y: a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X(: a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X\xff: a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", 400, 34 },
                { "GET / HTTP/1.1\r\n" H "X\0: a\r\n\r\n", 400, 33 },
                { "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X\r: a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X: a\nY: b\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", 400 },
                { "GET / HTTP/1.1\nHost: a\n\n", 400 },
                { "GET / HTTP/1.1\r\n" H "\n", 400 },
                { "GET / HTTP/1.1\r\nHost: a\n\r\n", 400 },
                { "GET / HTTP/1.1\r\n" H "\r\r\n", 400 },
                { "GET / HTTP/1.1\r\nHost: a\r\n\rX", 400 },
                { "\r\nGET / HTTP/1.1\r\n" H "\r\n", 400 },
                { "\nGET / HTTP/1.1\r\n" H "\r\n", 400 },
                { "\r\n\r\n", 400 },
                { "\x16\x03\x01\x02", 400 },

                /* request line */
                { " GET / HTTP/1.1\r\n" H "\r\n", 400 },
                { "\tGET / HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET  / HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET /  HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET / HTTP/1.1 \r\n" H "\r\n", 400 },
                { "GET / a HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET\t/\tHTTP/1.1\r\n" H "\r\n", 400 },
                { "GET /\r\n" H "\r\n", 400 },
                { "GET\r\n" H "\r\n", 400 },
                { "/ HTTP/1.1\r\n" H "\r\n", 400 },
                { "G@T / HTTP/1.1\r\n" H "\r\n", 400 },
                { "G\xc3\x89T / HTTP/1.1\r\n" H "\r\n", 400 },
                { "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n" H "\r\n", 501 },
                { "GET a HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET * HTTP/1.1\r\n" H "\r\n", 400 },
                { "OPTIONS ** HTTP/1.1\r\n" H "\r\n", 400 },
                { "options * HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET ?a HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET /\x7f HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET /\x01 HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET /a#b HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET /?a#b HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET /a\\b HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET \\ HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET /\0 HTTP/1.1\r\n" H "\r\n", 400, 28 },
                { "GET / HTTP/1.2\r\n" H "\r\n", 505 },
                { "GET / HTTP/0.9\r\n" H "\r\n", 505 },
                { "GET / HTTP/2.0\r\n" H "\r\n", 505 },
                { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
                { "GET / HTTP/11\r\n" H "\r\n", 400 },
                { "GET / HTTP/1.10\r\n" H "\r\n", 400 },
                { "GET / HTTP/1\r\n" H "\r\n", 400 },
                { "GET / http/1.1\r\n" H "\r\n", 400 },
                { "GET / HTTP/1,1\r\n" H "\r\n", 400 },
                { "GET / XTTP/1.1\r\n" H "\r\n", 400 },
                { "CONNECT a:80 HTTP/1.1\r\n" H "\r\n", 405 },
                { "TRACE / HTTP/1.1\r\n" H "\r\n", 405 },
                { "GET ftp://a/ HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET http:/a HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET http:// HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET http:///a HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET http://a?b HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET http://user@a/ HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET http://a:0/ HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET http://a\\@b/ HTTP/1.1\r\n" H "\r\n", 400 },
                { "GET http://a/ HTTP/1.1\r\n\r\n", 400 },
                { "GET http://a/ HTTP/1.1\r\nHost: /\r\n\r\n", 400 },

                /* host; the forms of the value are in test-host */
                { "GET / HTTP/1.1\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", 400 },
                { "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400 },
                { "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400 },
                { "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400 },

                { "POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n", 417 },
                { "GET / HTTP/1.1\r\n" H "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\r\n\r\n", 400 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                size_t size = cases[i].size > 0 ? cases[i].size : strlen(cases[i].head);
                HttpRequest request;
                int r = request_all_ways(&request, cases[i].head, size, MAX);

                if (r != HTTP_REQUEST_E_REJECTED || request.status != cases[i].status)
                        test_fail("gives %d, status %u, not %u: %s",
                                  r,
                                  r == HTTP_REQUEST_E_REJECTED ? request.status : 0,
                                  cases[i].status,
                                  cases[i].head);
                test_true(request.reason && *request.reason);
        }
}

static void test_targets(void) {
        static const struct {
                const char *line, *target, *uri, *path, *query, *host_name;
                unsigned int port;
        } cases[] = {
                { "GET / HTTP/1.1", "/", "/", "/", NULL, "site.example", 81 },
                { "GET /? HTTP/1.1", "/?", "/?", "/", "", "site.example", 81 },
                { "GET /a/b.php/c?x=%41?y&z=/ HTTP/1.1",
                  "/a/b.php/c?x=%41?y&z=/",
                  "/a/b.php/c?x=%41?y&z=/",
                  "/a/b.php/c",
                  "x=%41?y&z=/",
                  "site.example",
                  81 },
                { "GET /?c=A\\B HTTP/1.1", "/?c=A\\B", "/?c=A\\B", "/", "c=A\\B", "site.example", 81 },
                { "GET /\xc3\xa9 HTTP/1.1",
                  "/\xc3\xa9",
                  "/\xc3\xa9",
                  "/\xc3\xa9",
                  NULL,
                  "site.example",
                  81 },
                { "GET //evil/..%2f HTTP/1.1",
                  "//evil/..%2f",
                  "//evil/..%2f",
                  "//evil/..%2f",
                  NULL,
                  "site.example",
                  81 },
                { "OPTIONS * HTTP/1.1", "*", "*", "*", NULL, "site.example", 81 },
                { "GET http://Other.example:8080/p?q HTTP/1.1",
                  "http://Other.example:8080/p?q",
                  "/p?q",
                  "/p",
                  "q",
                  "other.example",
                  8080 },
                { "GET HTTPS://[::1]/ HTTP/1.1", "HTTPS://[::1]/", "/", "/", NULL, "[::1]", 0 },
                { "GET http://other.example HTTP/1.1",
                  "http://other.example",
                  "/",
                  "/",
                  NULL,
                  "other.example",
                  0 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char head[256];
                int n = snprintf(head, sizeof(head), "%s\r\nHost: Site.Example.:81\r\n\r\n", cases[i].line);
                HttpRequest request;

                test_int(request_all_ways(&request, head, (size_t)n, MAX), 0);
                check_slice(request.target, cases[i].target);
                check_slice(request.uri, cases[i].uri);
                check_slice(request.path, cases[i].path);
                test_int(request.query.data != NULL, cases[i].query != NULL);
                if (cases[i].query)
                        check_slice(request.query, cases[i].query);
                test_string(request.host_name, cases[i].host_name);
                test_int(request.host_port, cases[i].port);
        }
}

static void test_what_follows_the_head_is_left_alone(void) {
        static const char two[] = "GET /1 HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\n\x01";
        HttpRequest request;

        test_int(http_request_parse(&request, two, strlen(two), 0, MAX), 0);
        test_int(request.head_size, strlen("GET /1 HTTP/1.1\r\n" H "\r\n"));
        check_slice(request.path, "/1");
}

static void test_incomplete_heads(void) {
        static const char head[] = "GET / HTTP/1.1\r\n" H "X: y\r\n\r\n";
        HttpRequest request = { .status = 7 };

        for (size_t n = 0; n < strlen(head); n++)
                test_int(request_all_ways(&request, head, n, MAX), HTTP_REQUEST_E_INCOMPLETE);
        /* outputs stay untouched */
        test_int(request.status, 7);
}

static void test_limits(void) {
        static const char head[] = "GET /12345678 HTTP/1.1\r\nHost: a\r\n\r\n";
        char many[HTTP_REQUEST_HEADERS_MAX * 8 + 64];
        HttpRequest request;
        size_t n;

        /* the head may be as long as the limit, and no longer */
        test_int(request_all_ways(&request, head, strlen(head), strlen(head)), 0);
        test_int(request_all_ways(&request, head, strlen(head), strlen(head) - 1), HTTP_REQUEST_E_REJECTED);
        test_int(request.status, 431);
        test_int(request_all_ways(&request, head, strlen(head), strlen("GET /12345678 HTTP/1.1")),
                 HTTP_REQUEST_E_REJECTED);
        test_int(request.status, 414);
        test_int(request_all_ways(&request, head, 10, 10), HTTP_REQUEST_E_REJECTED);
        test_int(request.status, 414);

        for (size_t extra = 0; extra < 2; extra++) {
                n = (size_t)sprintf(many, "GET / HTTP/1.1\r\nHost: a\r\n");
                for (size_t i = 0; i < HTTP_REQUEST_HEADERS_MAX - 1 + extra; i++)
                        n += (size_t)sprintf(many + n, "X: %zu\r\n", i);
                n += (size_t)sprintf(many + n, "\r\n");
                if (extra == 0) {
                        test_int(request_all_ways(&request, many, n, MAX), 0);
                        test_int(request.n_headers, HTTP_REQUEST_HEADERS_MAX);
                } else {
                        test_int(request_all_ways(&request, many, n, MAX), HTTP_REQUEST_E_REJECTED);
                        test_int(request.status, 431);
                }
        }
}

static void test_method_of_full_length(void) {
        static const char head[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-!#~_9 / HTTP/1.1\r\n" H "\r\n";
        HttpRequest request;

        test_int(request_all_ways(&request, head, strlen(head), MAX), 0);
        test_int(request.method.size, HTTP_METHOD_MAX);
}

int main(void) {
        test_run(test_rejected_heads);
        test_run(test_targets);
        test_run(test_what_follows_the_head_is_left_alone);
        test_run(test_incomplete_heads);
        test_run(test_limits);
        test_run(test_method_of_full_length);
        return 0;
}
