/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Addresses of clients and servers, and ranges of them
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

typedef struct Address Address;

struct Address {
        struct in6_addr ip; /* an IPv4 address as ::ffff:a.b.c.d */
        uint16_t port;
        bool is_ip; /* false: of a unix socket, or unknown */
};

Address address_of_socket(const struct sockaddr_storage *socket);

/* An IP address without port; IPv6 with or without brackets. -EINVAL. */
int address_parse(const char *text, size_t size, Address *ret);

/* Without port; "unix:", as nginx says, for what has no IP address. */
const char *address_format(const Address *address, char text[static INET6_ADDRSTRLEN]);

/* Whether @range, "10.0.0.0/8", "::1" or "unix", is one, and whether it holds @address. */
bool address_range_is_valid(const char *range);
bool address_in_range(const Address *address, const char *range);
bool address_in_ranges(const Address *address, char *const *ranges); /* NULL-terminated */
bool address_in_words(const Address *address, const char *ranges);   /* separated by spaces */

/* "tcp:127.0.0.1:9000", "tcp:[::1]:9000", "vsock:3:9000" or "/run/x.sock". -EINVAL. */
int address_parse_server(const char *text, struct sockaddr_storage *ret, socklen_t *ret_size);
