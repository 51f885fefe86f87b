/* SPDX-License-Identifier: MIT */
#include "proxy/params.h"
#include "test.h"

static HttpRequest request;
static Address client, server;
static bool https, trusted;

static const char *fill(Pairs *pairs, const char *head, uint64_t body_size) {
        ParamsInput input = {
                .request = &request,
                .request_id = "00112233aabbccdd",
                .document_root = "/srv/www",
                .script_name = "/index.php",
                .path_info = "/p i",
                .client = &client,
                .server = &server,
                .https = https,
                .trusted = trusted,
                .body_size = body_size,
        };

        test_int(http_request_parse(&request, head, strlen(head), 0, 65536), 0);
        pairs_init(pairs, 200, 65536);
        test_int(params_fill(pairs, &input), 0);
        return pairs_get(pairs, "SCRIPT_NAME", NULL);
}

static void pairs_donep(Pairs *pairs) {
        pairs_done(pairs);
}

static void test_the_request_is_described(void) {
        _cleanup_(pairs_donep) Pairs pairs;

        fill(&pairs,
             "POST /index.php/p%20i?a=%41 HTTP/1.1\r\nHost: Example.org:81\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\n",
             3);
        test_string(pairs_get(&pairs, "REQUEST_METHOD", NULL), "POST");
        test_string(pairs_get(&pairs, "REQUEST_URI", NULL), "/index.php/p%20i?a=%41");
        test_string(pairs_get(&pairs, "QUERY_STRING", NULL), "a=%41");
        test_string(pairs_get(&pairs, "SCRIPT_NAME", NULL), "/index.php");
        test_string(pairs_get(&pairs, "SCRIPT_FILENAME", NULL), "/srv/www/index.php");
        test_string(pairs_get(&pairs, "DOCUMENT_ROOT", NULL), "/srv/www");
        test_string(pairs_get(&pairs, "PATH_INFO", NULL), "/p i");
        test_string(pairs_get(&pairs, "PATH_TRANSLATED", NULL), "/srv/www/p i");
        test_string(pairs_get(&pairs, "CONTENT_TYPE", NULL), "a/b");
        test_string(pairs_get(&pairs, "CONTENT_LENGTH", NULL), "3");
        test_string(pairs_get(&pairs, "SERVER_NAME", NULL), "example.org");
        test_string(pairs_get(&pairs, "HTTP_HOST", NULL), "Example.org:81");
        test_string(pairs_get(&pairs, "SERVER_PORT", NULL), "8080");
        test_string(pairs_get(&pairs, "SERVER_PROTOCOL", NULL), "HTTP/1.1");
        test_string(pairs_get(&pairs, "REMOTE_ADDR", NULL), "192.0.2.1");
        test_string(pairs_get(&pairs, "REMOTE_PORT", NULL), "40000");
        test_string(pairs_get(&pairs, "GATEWAY_INTERFACE", NULL), "CGI/1.1");
        test_string(pairs_get(&pairs, "HTTP_X_REQUEST_ID", NULL), "00112233aabbccdd");
        test_true(!pairs_get(&pairs, "HTTP_CONTENT_TYPE", NULL));
        test_true(!pairs_get(&pairs, "HTTP_CONTENT_LENGTH", NULL));
}

static void test_early_hints_are_taken_for_who_knows_them(void) {
        _cleanup_(pairs_donep) Pairs pairs, old;

        fill(&pairs, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0);
        test_string(pairs_get(&pairs, "PHP_POOL_INTERIM_ANSWERS", NULL), "1");
        fill(&old, "GET / HTTP/1.0\r\nPHP-POOL-INTERIM-ANSWERS: 1\r\n\r\n", 0);
        test_true(!pairs_get(&old, "PHP_POOL_INTERIM_ANSWERS", NULL));
        pairs_done(&old);

        trusted = true;
        fill(&old, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0);
        test_true(!pairs_get(&old, "PHP_POOL_INTERIM_ANSWERS", NULL));
        trusted = false;
}

static void test_a_chunked_body_has_the_length_that_was_spooled(void) {
        _cleanup_(pairs_donep) Pairs pairs;

        fill(&pairs, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 0);
        test_string(pairs_get(&pairs, "CONTENT_LENGTH", NULL), "0");
        test_true(!pairs_get(&pairs, "HTTP_TRANSFER_ENCODING", NULL));
}

static void test_repeated_fields_are_joined(void) {
        _cleanup_(pairs_donep) Pairs pairs;

        fill(&pairs,
             "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nCookie: c=1\r\nx-a: 2\r\nCookie: d=2\r\nX-A: 3\r\nX-B: only\r\n\r\n",
             0);
        test_string(pairs_get(&pairs, "HTTP_X_A", NULL), "1, 2, 3");
        test_string(pairs_get(&pairs, "HTTP_COOKIE", NULL), "c=1; d=2");
        test_string(pairs_get(&pairs, "HTTP_X_B", NULL), "only");
}

static void test_no_client_can_make_a_variable_that_is_not_its(void) {
        static const char *const allowed[] = {
                "DOCUMENT_ROOT",     "SCRIPT_NAME",        "SCRIPT_FILENAME",
                "PATH_INFO",         "PATH_TRANSLATED",    "REQUEST_METHOD",
                "REQUEST_URI",       "QUERY_STRING",       "SERVER_PROTOCOL",
                "HTTP_HOST",         "GATEWAY_INTERFACE",  "SERVER_SOFTWARE",
                "REQUEST_SCHEME",    "SERVER_NAME",        "SERVER_ADDR",
                "SERVER_PORT",       "REMOTE_ADDR",        "REMOTE_PORT",
                "HTTP_X_REQUEST_ID", "HTTP_AUTHORIZATION", "PHP_POOL_INTERIM_ANSWERS",
        };
        _cleanup_(pairs_donep) Pairs pairs;

        fill(&pairs,
             "GET / HTTP/1.1\r\nHost: a\r\nProxy: http://evil\r\nPHP_VALUE: a\r\nX_Request_Id: forged\r\nX-Request-Id: forged\r\n"
             "REDIRECT_URL: /x\r\nConnection: X-Gone\r\nX-Gone: 1\r\nAuthorization: Basic x\r\n\r\n",
             0);
        for (size_t i = 0; i < pairs.n_entries; i++) {
                Pair pair = pairs_at(&pairs, i);
                bool known = false;

                for (size_t j = 0; j < ELEMENTSOF(allowed); j++)
                        known |= strcmp(allowed[j], pair.name) == 0;
                if (!known)
                        test_fail("%s was made", pair.name);
                test_true(!strstr(pair.value, "forged"));
        }
        test_string(pairs_get(&pairs, "HTTP_AUTHORIZATION", NULL), "Basic x");
}

static void test_too_many_are_refused(void) {
        _cleanup_(pairs_donep) Pairs pairs;
        ParamsInput input = {
                .request = &request,
                .request_id = "",
                .document_root = "/",
                .script_name = "/i.php",
                .path_info = "",
                .client = &client,
                .server = &server,
        };
        const char *head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

        test_int(http_request_parse(&request, head, strlen(head), 0, 65536), 0);
        pairs_init(&pairs, 5, 65536);
        test_int(params_fill(&pairs, &input), -ENOBUFS);
}

static void test_a_root_of_slash_makes_no_double_slash(void) {
        static const Address unix_socket;
        _cleanup_(pairs_donep) Pairs pairs;
        ParamsInput input = {
                .request = &request,
                .request_id = "",
                .document_root = "/",
                .script_name = "/i.php",
                .path_info = "",
                .client = &unix_socket,
                .server = &unix_socket,
        };
        const char *head = "GET / HTTP/1.0\r\n\r\n";

        test_int(http_request_parse(&request, head, strlen(head), 0, 65536), 0);
        pairs_init(&pairs, 100, 65536);
        test_int(params_fill(&pairs, &input), 0);
        test_string(pairs_get(&pairs, "SCRIPT_FILENAME", NULL), "/i.php");
        test_string(pairs_get(&pairs, "SERVER_NAME", NULL), "localhost");
        test_string(pairs_get(&pairs, "SERVER_PORT", NULL), "80");
        test_true(!pairs_get(&pairs, "REMOTE_PORT", NULL));
        test_true(!pairs_get(&pairs, "PATH_TRANSLATED", NULL));
        test_true(!pairs_get(&pairs, "CONTENT_LENGTH", NULL));
}

static void test_the_scheme_and_its_port(void) {
        static const char direct[] = "GET / HTTP/1.1\r\nHost: a:8443\r\n\r\n";
        _cleanup_(pairs_donep) Pairs pairs;

        fill(&pairs, direct, 0);
        test_string(pairs_get(&pairs, "REQUEST_SCHEME", NULL), "http");
        test_true(!pairs_get(&pairs, "HTTPS", NULL));
        test_string(pairs_get(&pairs, "SERVER_PORT", NULL), "8080");
        pairs_done(&pairs);

        /* behind a proxy the client's port is the one that Host has */
        https = trusted = true;
        fill(&pairs, direct, 0);
        test_string(pairs_get(&pairs, "REQUEST_SCHEME", NULL), "https");
        test_string(pairs_get(&pairs, "HTTPS", NULL), "on");
        test_string(pairs_get(&pairs, "SERVER_PORT", NULL), "8443");
        pairs_done(&pairs);
        fill(&pairs, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0);
        test_string(pairs_get(&pairs, "SERVER_PORT", NULL), "443");
        https = trusted = false;
}

static void test_only_trusted_proxies_forward(void) {
        static const char head[] =
                "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n"
                "X-Real-IP: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\nX-Request-Id: x\r\n"
                "X-Forwarded-Host: b\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /x\r\n"
                "X-Forwarded-Server: c\r\n\r\n";
        static const char *const names[] = { "HTTP_X_FORWARDED_FOR",
                                             "HTTP_X_FORWARDED_PROTO",
                                             "HTTP_X_FORWARDED_HOST",
                                             /* those of which nobody asks the proxy to set them */
                                             "HTTP_X_FORWARDED_PORT",
                                             "HTTP_X_FORWARDED_PREFIX",
                                             "HTTP_X_FORWARDED_SERVER",
                                             "HTTP_X_REAL_IP",
                                             "HTTP_FORWARDED" };
        _cleanup_(pairs_donep) Pairs pairs;

        fill(&pairs, head, 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                test_true(!pairs_get(&pairs, names[i], NULL));
        test_string(pairs_get(&pairs, "HTTP_X_REQUEST_ID", NULL), "00112233aabbccdd");
        pairs_done(&pairs);

        trusted = true;
        fill(&pairs, head, 0);
        test_string(pairs_get(&pairs, "HTTP_X_FORWARDED_FOR", NULL), "1.1.1.1");
        test_string(pairs_get(&pairs, "HTTP_X_FORWARDED_PROTO", NULL), "https");
        test_string(pairs_get(&pairs, "HTTP_X_FORWARDED_HOST", NULL), "b");
        for (size_t i = 3; i < ELEMENTSOF(names); i++)
                test_true(!pairs_get(&pairs, names[i], NULL));
        test_string(pairs_get(&pairs, "HTTP_X_REQUEST_ID", NULL), "00112233aabbccdd");
        trusted = false;
}

int main(void) {
        test_int(address_parse("192.0.2.1", 9, &client), 0);
        test_int(address_parse("192.0.2.2", 9, &server), 0);
        client.port = 40000;
        server.port = 8080;

        test_run(test_the_request_is_described);
        test_run(test_early_hints_are_taken_for_who_knows_them);
        test_run(test_a_chunked_body_has_the_length_that_was_spooled);
        test_run(test_repeated_fields_are_joined);
        test_run(test_no_client_can_make_a_variable_that_is_not_its);
        test_run(test_too_many_are_refused);
        test_run(test_a_root_of_slash_makes_no_double_slash);
        test_run(test_the_scheme_and_its_port);
        test_run(test_only_trusted_proxies_forward);
        return 0;
}
