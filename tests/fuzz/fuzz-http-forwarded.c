/* SPDX-License-Identifier: MIT */
/*
 * Forwarding headers, addresses and ranges of them: what is found is an address
 * that its own text gives back, hops beyond the list are none, and a range that
 * is valid holds the address that it is written with.
 */

#include <string.h>
#include "fuzz/fuzz.h"
#include "http/forwarded.h"
#include "test.h"

#define LINE_MAX_SIZE 512U

static void check_address(const Address *address) {
        char text[INET6_ADDRSTRLEN], range[INET6_ADDRSTRLEN + 8];
        Address again;

        test_true(address->is_ip && address->port == 0);
        (void)address_format(address, text);
        test_int(address_parse(text, strlen(text), &again), 0);
        test_bytes(&again.ip, 16, &address->ip, 16);
        test_true(address_in_range(address, text));
        snprintf(range, sizeof(range), "%s/9", text);
        test_true(address_in_range(address, range));
}

static void check_kind(const HttpRequest *request, HttpForwardedKind kind) {
        static const char *const names[] = { "Proto", "Host" };
        Address address;

        for (size_t hop = 0; hop < 40; hop++)
                if (http_forwarded_for(request, kind, hop, &address)) {
                        test_true(hop < 32);
                        check_address(&address);
                }

        for (size_t i = 0; i < 2; i++) {
                HttpSlice value = http_forwarded_value(request, kind, names[i]);

                if (value.size > 0)
                        test_true(!memchr(value.data, ',', value.size) &&
                                  !memchr(value.data, '\r', value.size));
        }
}

/* The input, without what no head may hold, as the values of two fields. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[LINE_MAX_SIZE + 1], head[4 * LINE_MAX_SIZE];
        HttpRequest request;
        Address address;
        size_t n = 0;

        for (size_t i = 0; i < size && n < LINE_MAX_SIZE; i++)
                if (data[i] >= ' ' && data[i] != 0x7f)
                        text[n++] = (char)data[i];
        text[n] = '\0';

        snprintf(
                head,
                sizeof(head),
                "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: %s\r\nX-Forwarded-Proto: %s\r\nForwarded: %s\r\n\r\n",
                text,
                text,
                text);
        if (http_request_parse(&request, head, strlen(head), 0, sizeof(head)) == 0) {
                check_kind(&request, HTTP_FORWARDED_X);
                check_kind(&request, HTTP_FORWARDED_RFC7239);
        }

        if (address_parse(text, n, &address) >= 0)
                check_address(&address);
        if (address_range_is_valid(text) && strcmp(text, "unix") != 0) {
                test_true(address_parse(text, strcspn(text, "/"), &address) >= 0);
                test_true(address_in_range(&address, text));
        }
        return 0;
}
