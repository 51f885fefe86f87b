/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The proxy as a whole: what all connections share
 */

#include <stdbool.h>
#include <stdint.h>
#include "http/date.h"
#include "http/response.h"
#include "proxy/loop.h"
#include "proxy/mime.h"
#include "proxy/sites.h"
#include "util/cleanup.h"
#include "util/listen.h"
#include "util/pairs.h"

typedef struct Proxy Proxy;
typedef struct ProxyListener ProxyListener;

enum {
        PROXY_SCRATCH_SIZE = 65536,
};

struct ProxyListener {
        Source source;
        Deferred again;
        Proxy *proxy;
        bool pending; /* an edge was seen and not yet exhausted */
};

struct Proxy {
        Loop loop;
        const char *config_dir; /* borrowed */
        const char *spool_dir;  /* borrowed */
        Sites *sites;
        Mime *mime;
        List upstreams;

        Listeners listeners;
        ProxyListener *accepting; /* one for each of listeners */
        Timer accept_timer;
        List connections;
        List idle; /* of connections that wait for a request, the longest waiting first */
        size_t n_connections;
        uint64_t n_connections_possible; /* with the descriptors there are */

        Source signals;
        Timer tick;             /* status and watchdog */
        uint64_t watchdog_usec; /* 0: none */
        Timer drain_timer;
        bool draining;
        bool reload_refused;

        uint64_t next_id;
        uint64_t n_requests;
        uint64_t date_seconds; /* of date */
        char date[HTTP_DATE_SIZE + 1];

        /* used and done with inside one step of one connection */
        uint8_t *scratch;
        Pairs pairs;
        HttpResponse response;
};

/* Takes @sites. */
int proxy_new(Proxy **ret, const char *config_dir, Sites *sites);
Proxy *proxy_free(Proxy *proxy);
DEFINE_CLEANUP(Proxy *, proxy_free);

/* Until SIGTERM or SIGINT, and then until the last connection has its answer. */
int proxy_run(Proxy *proxy);

const char *proxy_date(Proxy *proxy);
void proxy_on_connection_closed(Proxy *proxy);
