/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The PROXY protocol, versions 1 and 2: what a proxy says before the first
 * byte of its client (proxy-protocol.txt of HAProxy)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/address.h"

typedef struct HttpProxyProtocol HttpProxyProtocol;

enum {
        HTTP_PROXY_PROTOCOL_MAX = 536, /* bytes of a header, as the specification wants them accepted */
};

enum {
        HTTP_PROXY_PROTOCOL_E_INCOMPLETE = 1,
        HTTP_PROXY_PROTOCOL_E_INVALID, /* close: what follows cannot be known */
};

struct HttpProxyProtocol {
        size_t size;         /* bytes of the header */
        bool is_local;       /* the proxy speaks for itself */
        bool has_addresses;  /* false: it is local, or the client has no IP address */
        Address source;      /* the client */
        Address destination; /* where it connected to */
        bool tls;            /* the client spoke TLS to the proxy */
};

/* 0, or one of the above; @ret is untouched then. */
int http_proxy_protocol_parse(HttpProxyProtocol *ret, const uint8_t *data, size_t size);
