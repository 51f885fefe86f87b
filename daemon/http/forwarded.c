/* SPDX-License-Identifier: MIT */
/*
 * What proxies before this one say
 *
 * Each proxy appends what it knows at the end, so the list is read from there:
 * what stands before the word of the last trusted proxy may be invented.
 */

#include <stdio.h>
#include <string.h>
#include "http/forwarded.h"

#define FORWARDED_HOPS_MAX 32U

/* The member of the list number @hop from its end; the list may be spread over several fields. */
static bool list_member(const HttpRequest *request, const char *name, size_t hop, HttpSlice *ret) {
        HttpSlice last[FORWARDED_HOPS_MAX], list, member;
        size_t n = 0;

        for (size_t i = 0; i < request->n_headers; i++) {
                if (!http_slice_is(request->headers[i].name, name))
                        continue;
                list = request->headers[i].value;
                while (http_list_next(&list, &member))
                        last[n++ % FORWARDED_HOPS_MAX] = member;
        }
        if (hop >= n || hop >= FORWARDED_HOPS_MAX)
                return false;

        *ret = last[(n - 1 - hop) % FORWARDED_HOPS_MAX];
        return true;
}

/* forwarded-pair *( ";" forwarded-pair ): the value of @name, without quotes; no escapes, which no address needs. */
static HttpSlice pair_value(HttpSlice element, const char *name) {
        while (element.size > 0) {
                const char *semicolon = memchr(element.data, ';', element.size), *equals;
                HttpSlice pair = { element.data,
                                   semicolon ? (size_t)(semicolon - element.data) : element.size };
                size_t used = pair.size + (semicolon ? 1 : 0);

                element = (HttpSlice){ element.data + used, element.size - used };
                pair = http_slice_trim(pair);
                equals = memchr(pair.data, '=', pair.size);
                if (!equals || !http_slice_is((HttpSlice){ pair.data, (size_t)(equals - pair.data) }, name))
                        continue;

                pair.size -= (size_t)(equals + 1 - pair.data);
                pair.data = equals + 1;
                if (pair.size >= 2 && pair.data[0] == '"' && pair.data[pair.size - 1] == '"')
                        pair = (HttpSlice){ pair.data + 1, pair.size - 2 };
                return memchr(pair.data, '\\', pair.size) || memchr(pair.data, '"', pair.size)
                               ? (HttpSlice){}
                               : pair;
        }
        return (HttpSlice){};
}

/* An address with or without port: "1.2.3.4", "1.2.3.4:5", "[::1]", "[::1]:5", and "::1" as X-Forwarded-For has it. */
static bool parse_node(HttpSlice node, Address *ret) {
        const char *colon, *bracket;

        if (!node.data || node.size == 0)
                return false;

        colon = memrchr(node.data, ':', node.size);
        bracket = memchr(node.data, ']', node.size);
        if (colon && (bracket ? colon == bracket + 1 : memchr(node.data, ':', node.size) == colon))
                node.size = (size_t)(colon - node.data);
        return address_parse(node.data, node.size, ret) >= 0;
}

bool http_forwarded_for(const HttpRequest *request, HttpForwardedKind kind, size_t hop, Address *ret) {
        HttpSlice member;

        if (!list_member(request, kind == HTTP_FORWARDED_X ? "X-Forwarded-For" : "Forwarded", hop, &member))
                return false;
        if (kind == HTTP_FORWARDED_RFC7239)
                member = pair_value(member, "for");
        return parse_node(member, ret);
}

HttpSlice http_forwarded_value(const HttpRequest *request, HttpForwardedKind kind, const char *name) {
        char field[32];
        HttpSlice member;

        (void)snprintf(field,
                       sizeof(field),
                       kind == HTTP_FORWARDED_X ? "X-Forwarded-%s" : "Forwarded",
                       name);
        if (!list_member(request, field, 0, &member))
                return (HttpSlice){};
        return kind == HTTP_FORWARDED_X ? member : pair_value(member, name);
}

bool http_forwarded_is_field(HttpSlice name, HttpForwardedKind kind) {
        static const char prefix[] = "X-Forwarded-";

        if (kind == HTTP_FORWARDED_RFC7239)
                return http_slice_is(name, "Forwarded");
        return http_slice_is(name, "X-Real-IP") ||
               (name.size >= sizeof(prefix) - 1 &&
                http_slice_is((HttpSlice){ name.data, sizeof(prefix) - 1 }, prefix));
}

bool http_forwarded_is_read(HttpSlice name, HttpForwardedKind kind) {
        if (kind == HTTP_FORWARDED_RFC7239)
                return http_slice_is(name, "Forwarded");
        return http_slice_is(name, "X-Forwarded-For") || http_slice_is(name, "X-Forwarded-Proto") ||
               http_slice_is(name, "X-Forwarded-Host");
}
