/* SPDX-License-Identifier: MIT */
/*
 * Addresses
 *
 * There is one form for both versions of IP, sixteen bytes, in which IPv4 lies
 * at ::ffff:0:0/96 (RFC 4291 section 2.5.5.2): a client of a socket that takes
 * both is the same client as one of a socket for IPv4 alone, and one
 * comparison serves all.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include "util/address.h"
#include "util/parse.h"

static const uint8_t address_ipv4_prefix[12] = { [10] = 0xff, [11] = 0xff };

Address address_of_socket(const struct sockaddr_storage *socket) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)socket;
        const struct sockaddr_in *in = (const struct sockaddr_in *)socket;
        Address address = {};

        if (socket->ss_family == AF_INET) {
                memcpy(&address.ip, address_ipv4_prefix, sizeof(address_ipv4_prefix));
                memcpy(&address.ip.s6_addr[12], &in->sin_addr, 4);
                address.port = ntohs(in->sin_port);
                address.is_ip = true;
        } else if (socket->ss_family == AF_INET6) {
                address.ip = in6->sin6_addr;
                address.port = ntohs(in6->sin6_port);
                address.is_ip = true;
        }
        return address;
}

int address_parse(const char *text, size_t size, Address *ret) {
        char copy[INET6_ADDRSTRLEN];
        Address address = { .is_ip = true };

        if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
                text++;
                size -= 2;
                if (!memchr(text, ':', size))
                        return -EINVAL;
        }
        if (size >= sizeof(copy) || memchr(text, '\0', size))
                return -EINVAL;
        memcpy(copy, text, size);
        copy[size] = '\0';

        if (inet_pton(AF_INET6, copy, &address.ip) != 1) {
                if (inet_pton(AF_INET, copy, &address.ip.s6_addr[12]) != 1)
                        return -EINVAL;
                memcpy(&address.ip, address_ipv4_prefix, sizeof(address_ipv4_prefix));
        }
        *ret = address;
        return 0;
}

const char *address_format(const Address *address, char text[static INET6_ADDRSTRLEN]) {
        if (!address->is_ip)
                (void)snprintf(text, INET6_ADDRSTRLEN, "unix:");
        else if (IN6_IS_ADDR_V4MAPPED(&address->ip)) /* applications compare with dotted quads */
                (void)inet_ntop(AF_INET, &address->ip.s6_addr[12], text, INET6_ADDRSTRLEN);
        else
                (void)inet_ntop(AF_INET6, &address->ip, text, INET6_ADDRSTRLEN);
        return text;
}

/* The range's first address, and how many of its 128 bits count. */
static int address_parse_range(const char *range, Address *ret, unsigned int *ret_bits) {
        const char *slash = strchrnul(range, '/');
        unsigned int bits_max;
        uint64_t bits;
        int r;

        r = address_parse(range, (size_t)(slash - range), ret);
        if (r < 0)
                return r;

        bits_max = memchr(range, ':', (size_t)(slash - range)) ? 128 : 32;
        bits = bits_max;
        if (*slash && parse_u64(slash + 1, strlen(slash + 1), bits_max, &bits) < 0)
                return -EINVAL;
        *ret_bits = (unsigned int)bits + 128 - bits_max;
        return 0;
}

bool address_range_is_valid(const char *range) {
        unsigned int bits;
        Address first;

        return strcmp(range, "unix") == 0 || address_parse_range(range, &first, &bits) >= 0;
}

bool address_in_range(const Address *address, const char *range) {
        unsigned int bits;
        Address first;

        if (!address->is_ip)
                return strcmp(range, "unix") == 0;
        if (address_parse_range(range, &first, &bits) < 0)
                return false;

        if (memcmp(&address->ip, &first.ip, bits / 8) != 0)
                return false;
        return bits % 8 == 0 ||
               (address->ip.s6_addr[bits / 8] ^ first.ip.s6_addr[bits / 8]) >> (8 - bits % 8) == 0;
}

bool address_in_ranges(const Address *address, char *const *ranges) {
        for (; *ranges; ranges++)
                if (address_in_range(address, *ranges))
                        return true;
        return false;
}

bool address_in_words(const Address *address, const char *ranges) {
        char range[INET6_ADDRSTRLEN + sizeof("/128")];

        for (const char *p = ranges + strspn(ranges, " "); *p; p += strspn(p, " ")) {
                size_t size = strcspn(p, " ");

                if (size < sizeof(range)) {
                        memcpy(range, p, size);
                        range[size] = '\0';
                        if (address_in_range(address, range))
                                return true;
                }
                p += size;
        }
        return false;
}

static int
address_parse_tcp(const char *host, const char *colon, uint16_t port, struct sockaddr_storage *ret) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
        struct sockaddr_in *in = (struct sockaddr_in *)ret;
        Address address;
        int r;

        r = address_parse(host, (size_t)(colon - host), &address);
        if (r < 0)
                return r;

        *ret = (struct sockaddr_storage){};
        if (*host == '[') {
                in6->sin6_family = AF_INET6;
                in6->sin6_addr = address.ip;
                in6->sin6_port = htons(port);
                return sizeof(*in6);
        }
        if (!IN6_IS_ADDR_V4MAPPED(&address.ip))
                return -EINVAL;
        in->sin_family = AF_INET;
        memcpy(&in->sin_addr, &address.ip.s6_addr[12], 4);
        in->sin_port = htons(port);
        return sizeof(*in);
}

int address_parse_server(const char *text, struct sockaddr_storage *ret, socklen_t *ret_size) {
        struct sockaddr_storage socket = {};
        struct sockaddr_un *un = (struct sockaddr_un *)&socket;
        struct sockaddr_vm *vm = (struct sockaddr_vm *)&socket;
        const char *colon = strrchr(text, ':');
        uint64_t port, cid;
        int size = -EINVAL;

        if (text[0] == '/' && strlen(text) < sizeof(un->sun_path)) {
                un->sun_family = AF_UNIX;
                memcpy(un->sun_path, text, strlen(text));
                size = sizeof(*un);
        } else if (strncmp(text, "tcp:", 4) == 0 &&
                   parse_u64(colon + 1, strlen(colon + 1), 65535, &port) >= 0) {
                size = colon > text + 4 && port > 0
                               ? address_parse_tcp(text + 4, colon, (uint16_t)port, &socket)
                               : -EINVAL;
        } else if (strncmp(text, "vsock:", 6) == 0 && colon > text + 6 &&
                   parse_u64(text + 6, (size_t)(colon - text - 6), UINT32_MAX, &cid) >= 0 &&
                   parse_u64(colon + 1, strlen(colon + 1), UINT32_MAX, &port) >= 0) {
                vm->svm_family = AF_VSOCK;
                vm->svm_cid = (unsigned int)cid;
                vm->svm_port = (unsigned int)port;
                size = sizeof(*vm);
        }
        if (size < 0)
                return size;

        *ret = socket;
        *ret_size = (socklen_t)size;
        return 0;
}
