/* SPDX-License-Identifier: MIT */
/*
 * The PROXY protocol: no prefix of a header that is accepted is taken for
 * another, what is wrong stays wrong, and what was read of version 1 can be
 * written again and reads the same.
 */

#include "fuzz/fuzz.h"
#include "http/proxy-protocol.h"
#include "test.h"
#include "util/cleanup.h"

static int parse_copy(const uint8_t *data, size_t size, HttpProxyProtocol *ret) {
        uint8_t *copy = malloc(size > 0 ? size : 1);
        int r;

        test_true(copy);
        if (size > 0)
                memcpy(copy, data, size);
        r = http_proxy_protocol_parse(ret, copy, size);
        free(copy);
        return r;
}

static void check_written_again(const HttpProxyProtocol *header) {
        char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN], line[256];
        bool ipv6 = !IN6_IS_ADDR_V4MAPPED(&header->source.ip);
        HttpProxyProtocol again;
        int n;

        /* an IPv4 address may have been written as an IPv6 one */
        if (ipv6 != !IN6_IS_ADDR_V4MAPPED(&header->destination.ip))
                return;
        n = snprintf(line,
                     sizeof(line),
                     "PROXY TCP%c %s %s %u %u\r\n",
                     ipv6 ? '6' : '4',
                     address_format(&header->source, source),
                     address_format(&header->destination, destination),
                     header->source.port,
                     header->destination.port);
        test_int(parse_copy((const uint8_t *)line, (size_t)n, &again), 0);
        test_int(again.size, n);
        test_bytes(&again.source.ip, 16, &header->source.ip, 16);
        test_bytes(&again.destination.ip, 16, &header->destination.ip, 16);
        test_int(again.source.port, header->source.port);
        test_int(again.destination.port, header->destination.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        HttpProxyProtocol header, part;
        int r, before = HTTP_PROXY_PROTOCOL_E_INCOMPLETE;

        r = parse_copy(data, size, &header);
        for (size_t i = 0; i <= MIN2(size, (size_t)64); i++) {
                int now = parse_copy(data, i, &part);

                test_true(before != HTTP_PROXY_PROTOCOL_E_INVALID || now == HTTP_PROXY_PROTOCOL_E_INVALID);
                test_true(now != 0 || (r == 0 && part.size == header.size));
                before = now;
        }

        if (r == HTTP_PROXY_PROTOCOL_E_INCOMPLETE)
                test_true(size < HTTP_PROXY_PROTOCOL_MAX);
        if (r != 0)
                return 0;

        test_true(header.size <= size && header.size <= HTTP_PROXY_PROTOCOL_MAX && header.size >= 15);
        test_int(parse_copy(data, header.size - 1, &part), HTTP_PROXY_PROTOCOL_E_INCOMPLETE);
        test_int(parse_copy(data, header.size, &part), 0);
        test_true(header.source.is_ip == header.has_addresses);
        test_true(!header.has_addresses || !header.is_local);
        if (header.has_addresses)
                check_written_again(&header);
        return 0;
}
