/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A process of the proxy: what its connections share
 */

#include <stdbool.h>
#include <stdint.h>
#include "http/date.h"
#include "http/response.h"
#include "proxy/accept.h"
#include "proxy/counters.h"
#include "proxy/sites.h"
#include "util/cleanup.h"
#include "util/listen.h"
#include "util/loop.h"
#include "util/mime.h"
#include "util/pairs.h"

typedef struct Proxy Proxy;
typedef struct ProxyListener ProxyListener;
typedef struct ProxyStart ProxyStart;

enum {
        PROXY_SCRATCH_SIZE = 65536,
        PROXY_N_CLIENT_SLOTS = 4096,
};

/* What the supervisor has made for its processes. All but the last two descriptors is borrowed. */
struct ProxyStart {
        const char *config_dir;
        Sites *sites;
        Listeners *listeners;
        Counters *counters; /* of each process */
        const int *inboxes; /* of each process: where to send connections */
        size_t n_processes;
        size_t index;   /* of this one */
        int inbox_fd;   /* its own */
        int channel_fd; /* orders, see supervisor.h */
};

struct ProxyListener {
        Source source;
        Deferred again;
        Proxy *proxy;
        size_t index;
        bool pending; /* an edge was seen and not yet exhausted */
};

struct Proxy {
        ProxyStart *start;
        Counters *counters; /* its own */
        Loop loop;
        const char *spool_dir; /* borrowed */
        Sites *sites;          /* a reference */
        Sites *next_sites;     /* loaded, but not yet in use */
        Mime *mime;
        List upstreams;
        Source channel;

        ProxyListener *accepting; /* one for each of the listeners */
        Source inbox;
        Timer accept_timer;
        int spare_fd;
        List connections;
        List idle; /* of connections that wait for a request, the longest waiting first */
        size_t n_connections;
        uint32_t n_of_client[PROXY_N_CLIENT_SLOTS];
        uint64_t n_connections_possible; /* with the descriptors there are */

        Timer tick;
        Timer drain_timer;
        bool draining;

        uint64_t next_id;
        uint64_t hash_seed;
        uint64_t date_seconds; /* of date */
        char date[HTTP_DATE_SIZE + 1];

        /* used and done with inside one step of one connection */
        uint8_t *scratch;
        Pairs pairs;
        HttpResponse response;
        Route route;
};

int proxy_new(Proxy **ret, ProxyStart *start);
Proxy *proxy_free(Proxy *proxy);
DEFINE_CLEANUP(Proxy *, proxy_free);

/* Until the supervisor says so or is gone, and then until the last connection has its answer. */
int proxy_run(Proxy *proxy);

const char *proxy_date(Proxy *proxy);
