/* SPDX-License-Identifier: MIT */
/*
 * CGI response heads: the outcome is the same however the bytes arrive, and
 * nothing in an accepted one can end a line of the head sent to the client.
 */

#include "fuzz/fuzz.h"
#include "http/response.h"
#include "test.h"
#include "unit/http/compare.h"

#define MAX 2048U

static void check_value(HttpSlice value) {
        for (size_t i = 0; i < value.size; i++) {
                uint8_t c = (uint8_t)value.data[i];

                test_true((c >= ' ' || c == '\t') && c != 0x7f);
        }
        test_true(value.size == 0 || !strchr(" \t", value.data[0]));
        test_true(value.size == 0 || !strchr(" \t", value.data[value.size - 1]));
}

static void check_fields(const HttpResponse *response) {
        static const char *const never[] = { "Status",     "Content-Length", "Transfer-Encoding",
                                             "Connection", "Upgrade",        "X-Accel-Redirect",
                                             "X-Sendfile" };

        test_true(response->n_headers <= HTTP_RESPONSE_HEADERS_MAX);
        for (size_t i = 0; i < response->n_headers; i++) {
                test_true(response->headers[i].forward);
                test_true(http_name_is_token(response->headers[i].name));
                check_value(response->headers[i].value);
        }
        for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
                test_true(!http_response_header(response, never[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *head = (const char *)data;
        HttpResponse response, again;
        int r;

        if (size > 2 * MAX)
                return 0;

        r = http_response_parse(&response, head, size, 0, MAX);
        response_in_steps(head, size, MAX, size / 16 + 1, r, &response);
        response_in_steps(head, size, MAX, size / 2 + 1, r, &response);
        if (size <= 32)
                response_in_steps(head, size, MAX, 1, r, &response);

        if (r == HTTP_RESPONSE_E_VIOLATION)
                test_true(response.error);
        if (r != 0)
                return 0;

        test_true(response.head_size <= size && response.head_size <= MAX);
        test_true(head[response.head_size - 1] == '\n');
        test_true(response.status >= 100 && response.status <= 599);
        test_true(response.content_length <= INT64_MAX);
        test_int(http_response_parse(&again, head, response.head_size - 1, 0, MAX),
                 HTTP_RESPONSE_E_INCOMPLETE);
        check_value(response.reason);
        check_fields(&response);
        return 0;
}
