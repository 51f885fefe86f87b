/* SPDX-License-Identifier: MIT */
/*
 * The PROXY protocol
 *
 *   1: "PROXY TCP4 192.0.2.1 198.51.100.1 51234 443\r\n", 107 bytes at most
 *
 *   2:  0          12     13       14        16
 *      +----------+------+--------+---------+---------------------+------+
 *      | signature| 2|cmd| fam|prt| length  | addresses           | TLVs |
 *      +----------+------+--------+---------+---------------------+------+
 *
 * Strict, and with the bounds of the specification: a header that is wrong
 * tells nothing of where the client's bytes begin.
 */

#include <string.h>
#include "http/proxy-protocol.h"
#include "util/cleanup.h"
#include "util/parse.h"

#define V1_SIZE_MAX   107U
#define V2_FIXED_SIZE 16U
#define V2_TLV_SSL    0x20
#define V2_CLIENT_SSL 0x01

static const uint8_t v2_signature[12] = { '\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };

/* The next word of the line, and one space behind it unless it is the last. */
static bool v1_word(const char **p, const char *end, const char **ret, size_t *ret_size) {
        const char *space = memchr(*p, ' ', (size_t)(end - *p));

        *ret = *p;
        *ret_size = (size_t)((space ?: end) - *p);
        *p = space ? space + 1 : end;
        return *ret_size > 0 && !(space && *p == end);
}

static bool v1_address(const char **p, const char *end, bool ipv6, Address *ret) {
        const char *word;
        size_t size;

        return v1_word(p, end, &word, &size) && word[0] != '[' && !memchr(word, ':', size) == !ipv6 &&
               address_parse(word, size, ret) >= 0;
}

static bool v1_port(const char **p, const char *end, Address *address) {
        const char *word;
        uint64_t port;
        size_t size;

        if (!v1_word(p, end, &word, &size) || parse_u64(word, size, UINT16_MAX, &port) < 0)
                return false;
        address->port = (uint16_t)port;
        return true;
}

/* @line: behind "PROXY ", without CR LF. */
static int v1_parse(HttpProxyProtocol *header, const char *line, const char *end) {
        const char *word;
        size_t size;
        bool ipv6;

        if (!v1_word(&line, end, &word, &size))
                return HTTP_PROXY_PROTOCOL_E_INVALID;
        if (size == 7 && memcmp(word, "UNKNOWN", 7) == 0)
                return 0;
        if (size != 4 || memcmp(word, "TCP", 3) != 0 || (word[3] != '4' && word[3] != '6'))
                return HTTP_PROXY_PROTOCOL_E_INVALID;

        ipv6 = word[3] == '6';
        if (!v1_address(&line, end, ipv6, &header->source) ||
            !v1_address(&line, end, ipv6, &header->destination) || !v1_port(&line, end, &header->source) ||
            !v1_port(&line, end, &header->destination) || line != end)
                return HTTP_PROXY_PROTOCOL_E_INVALID;
        header->has_addresses = true;
        return 0;
}

static int v1_find(HttpProxyProtocol *header, const uint8_t *data, size_t size) {
        const uint8_t *lf = memchr(data, '\n', MIN2(size, (size_t)V1_SIZE_MAX));

        if (!lf)
                return size >= V1_SIZE_MAX ? HTTP_PROXY_PROTOCOL_E_INVALID
                                           : HTTP_PROXY_PROTOCOL_E_INCOMPLETE;
        if (lf[-1] != '\r' || lf < data + sizeof("PROXY ") - 1)
                return HTTP_PROXY_PROTOCOL_E_INVALID;

        header->size = (size_t)(lf + 1 - data);
        return v1_parse(header, (const char *)data + sizeof("PROXY ") - 1, (const char *)lf - 1);
}

static void v2_address(Address *ret, const uint8_t *ip, size_t ip_size, const uint8_t *port) {
        if (ip_size == 4)
                ret->ip.s6_addr[10] = ret->ip.s6_addr[11] = 0xff;
        memcpy(&ret->ip.s6_addr[16 - ip_size], ip, ip_size);
        ret->port = (uint16_t)(port[0] << 8 | port[1]);
        ret->is_ip = true;
}

/* Type, two bytes of length, value: as many as there are. */
static int v2_tlvs(HttpProxyProtocol *header, const uint8_t *p, const uint8_t *end) {
        while (p < end) {
                size_t size;

                if (end - p < 3)
                        return HTTP_PROXY_PROTOCOL_E_INVALID;
                size = (size_t)(p[1] << 8 | p[2]);
                if ((size_t)(end - p) - 3 < size)
                        return HTTP_PROXY_PROTOCOL_E_INVALID;
                if (p[0] == V2_TLV_SSL && size > 0)
                        header->tls = p[3] & V2_CLIENT_SSL;
                p += 3 + size;
        }
        return 0;
}

static int v2_parse(HttpProxyProtocol *header, const uint8_t *data, size_t size) {
        const uint8_t *p = data + V2_FIXED_SIZE, *end;
        size_t length, ip_size;

        if (size < V2_FIXED_SIZE)
                return HTTP_PROXY_PROTOCOL_E_INCOMPLETE;
        length = (size_t)(data[14] << 8 | data[15]);
        if (data[12] >> 4 != 2 || (data[12] & 0xf) > 1 || length > HTTP_PROXY_PROTOCOL_MAX - V2_FIXED_SIZE)
                return HTTP_PROXY_PROTOCOL_E_INVALID;
        if (size - V2_FIXED_SIZE < length)
                return HTTP_PROXY_PROTOCOL_E_INCOMPLETE;

        header->size = V2_FIXED_SIZE + length;
        if ((data[12] & 0xf) == 0) { /* LOCAL: a health check of the proxy itself (section 2.2) */
                header->is_local = true;
                return 0;
        }

        ip_size = data[13] == 0x11 ? 4 : data[13] == 0x21 ? 16 : 0; /* TCP over IPv4, over IPv6 */
        if (ip_size == 0)
                return 0;
        if (length < 2 * ip_size + 4)
                return HTTP_PROXY_PROTOCOL_E_INVALID;

        end = p + length;
        v2_address(&header->source, p, ip_size, p + 2 * ip_size);
        v2_address(&header->destination, p + ip_size, ip_size, p + 2 * ip_size + 2);
        header->has_addresses = true;
        return v2_tlvs(header, p + 2 * ip_size + 4, end);
}

int http_proxy_protocol_parse(HttpProxyProtocol *ret, const uint8_t *data, size_t size) {
        HttpProxyProtocol header = {};
        int r;

        if (memcmp(data, v2_signature, MIN2(size, sizeof(v2_signature))) == 0)
                r = v2_parse(&header, data, size);
        else if (memcmp(data, "PROXY ", MIN2(size, sizeof("PROXY ") - 1)) == 0)
                r = v1_find(&header, data, size);
        else
                r = HTTP_PROXY_PROTOCOL_E_INVALID;

        if (r == 0)
                *ret = header;
        return r;
}
