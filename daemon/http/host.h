/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * host [ ":" port ], the form of Host and of a target's authority
 */

#include <stdint.h>
#include "http/syntax.h"

enum {
        HTTP_HOST_MAX = 255,
};

/*
 * -EINVAL unless it is a DNS name (letters, digits, '-', '_', non-empty labels,
 * one trailing dot), an IPv4 address or a bracketed IPv6 address, with a port
 * 1..65535 or none. No userinfo, no percent-encoding.
 *
 * @name: lower case, without port and trailing dot, NUL-terminated; an IPv6
 * address keeps its brackets. *ret_port: 0 if none.
 */
int http_host_parse(HttpSlice text, char name[static HTTP_HOST_MAX + 1], uint16_t *ret_port);
