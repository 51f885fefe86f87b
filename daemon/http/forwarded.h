/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What proxies before this one say of a request: X-Forwarded-For and its
 * relatives, or Forwarded (RFC 7239)
 */

#include <stdbool.h>
#include "http/request.h"
#include "util/address.h"

typedef enum HttpForwardedKind {
        HTTP_FORWARDED_X,       /* X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host */
        HTTP_FORWARDED_RFC7239, /* Forwarded: for=...;proto=...;host=... */
} HttpForwardedKind;

/*
 * Who the proxy number @hop saw; 0 is the one nearest to us. False: none such,
 * or no IP address ("unknown", a hidden name).
 */
bool http_forwarded_for(const HttpRequest *request, HttpForwardedKind kind, size_t hop, Address *ret);

/* Said by the nearest proxy: @name is "proto" or "host". Empty: nothing. */
HttpSlice http_forwarded_value(const HttpRequest *request, HttpForwardedKind kind, const char *name);

/*
 * Whether the field belongs to @kind: only a proxy may set it. Whether it is one
 * of those that are read here, which a trusted proxy is to set on each request.
 */
bool http_forwarded_is_field(HttpSlice name, HttpForwardedKind kind);
bool http_forwarded_is_read(HttpSlice name, HttpForwardedKind kind);
