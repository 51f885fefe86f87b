/* SPDX-License-Identifier: MIT */

/*
 * Host and authority
 *
 * The result is compared with the names of sites and may end up in links that
 * applications build, so the accepted form is what real names have, narrower
 * than RFC 3986 section 3.2.2: no percent-encoding, no sub-delimiters, no
 * userinfo, and an empty port is none.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include "http/host.h"
#include "util/parse.h"

static int parse_port(HttpSlice text, uint16_t *ret) {
        uint64_t port;

        if (text.size > strlen("65535") || parse_u64(text.data, text.size, UINT16_MAX, &port) < 0 ||
            port == 0)
                return -EINVAL;

        *ret = (uint16_t)port;
        return 0;
}

/* Bytes of "[...]" at the start. */
static int parse_ipv6(HttpSlice text, size_t *ret_size) {
        char address[INET6_ADDRSTRLEN];
        const char *end = memchr(text.data, ']', text.size);
        struct in6_addr in6;
        size_t n;

        if (!end)
                return -EINVAL;

        n = (size_t)(end - text.data) - 1;
        if (n >= sizeof(address))
                return -EINVAL;
        memcpy(address, text.data + 1, n);
        address[n] = '\0';
        /* inet_pton() takes a C string: a NUL must not hide the rest. */
        if (strlen(address) != n || inet_pton(AF_INET6, address, &in6) != 1)
                return -EINVAL;

        *ret_size = n + 2;
        return 0;
}

static bool is_name_byte(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
               c == '_';
}

/* Bytes of a name at the start, without a dot at its end; *ret_dot: 1 if there was one. */
static int parse_dns_name(HttpSlice text, size_t *ret_size, size_t *ret_dot) {
        size_t n = 0, label = 0;

        for (; n < text.size && text.data[n] != ':'; n++)
                if (text.data[n] == '.') {
                        if (label == 0)
                                return -EINVAL;
                        label = 0;
                } else if (is_name_byte(text.data[n]))
                        label++;
                else
                        return -EINVAL;

        if (n == 0)
                return -EINVAL;

        *ret_dot = label == 0;
        *ret_size = n - *ret_dot;
        return 0;
}

int http_host_parse(HttpSlice text, char name[static HTTP_HOST_MAX + 1], uint16_t *ret_port) {
        size_t size, dot = 0;
        uint16_t port = 0;
        int r;

        if (text.size == 0 || text.size > HTTP_HOST_MAX)
                return -EINVAL;

        if (text.data[0] == '[')
                r = parse_ipv6(text, &size);
        else
                r = parse_dns_name(text, &size, &dot);
        if (r < 0)
                return r;

        if (size + dot < text.size) {
                if (text.data[size + dot] != ':')
                        return -EINVAL;
                r = parse_port((HttpSlice){ text.data + size + dot + 1, text.size - size - dot - 1 }, &port);
                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < size; i++)
                name[i] = text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] + ('a' - 'A'))
                                                                     : text.data[i];
        name[size] = '\0';
        *ret_port = port;
        return 0;
}
