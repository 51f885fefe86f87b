/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A pool's socket, and the connections to it
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include "fcgi/client.h"
#include "proxy/queue.h"
#include "util/loop.h"

typedef struct Upstream Upstream;
typedef struct UpstreamConnection UpstreamConnection;

struct Upstream {
        List link; /* in the proxy's list */
        Loop *loop;
        char *name;
        struct sockaddr_storage address;
        socklen_t address_size;
        unsigned int n_addresses; /* that it has had so far */
        bool is_configured;       /* for sites_connect(): by the present configuration */

        uint64_t n_busy, n_busy_max; /* connections with a request on them; max 0: any number */
        uint64_t n_idle, n_idle_max;
        List idle; /* of UpstreamConnection; the last one is used next */

        Queue queue; /* of requests for which there was no place */
        Deferred serve;
        Timer pause;          /* set: the pool takes nothing for now */
        uint64_t absent_usec; /* since when nobody listens; 0: somebody does */
};

/* Owned by its user while in use, by the Upstream while idle. */
struct UpstreamConnection {
        Source source;
        Deferred deferred;
        List link;
        Upstream *upstream;
        unsigned int address; /* Upstream.n_addresses when it was made */
        FcgiClient client;
        void *user; /* NULL: idle */
        void (*on_ready)(void *user);
        bool kept;       /* has served a request before */
        bool connecting; /* over the network: not yet known whether it succeeds */
        bool readable;   /* an edge was seen and not yet exhausted */
        bool writable;
        bool hung_up; /* the pool has closed its side: read until the end */
        bool watches_out;
};

/*
 * The Upstream of that name in @list, made if there is none. @address as for
 * address_parse_server(). 0 or -ENOMEM; -EINVAL: no such address.
 */
int upstream_get(List *list, Loop *loop, const char *name, const char *address, Upstream **ret);
Upstream *upstream_find(List *list, const char *name);
Upstream *upstream_free(Upstream *upstream);

/* Whether a new request has to wait behind others, or for a place. */
bool upstream_is_full(const Upstream *upstream);
/* Kept connections are for nobody any more. */
void upstream_close_idle(Upstream *upstream);
/* Calls nobody to the pool for this time. */
void upstream_pause(Upstream *upstream, uint64_t usec);

/*
 * A kept connection or a new one, for one request. @on_ready is called when it
 * has become readable or writable. -EAGAIN: the pool's backlog is full;
 * -ENOENT, -ECONNREFUSED: nobody listens; other -errno.
 */
int upstream_acquire(Upstream *upstream, void *user, void (*on_ready)(void *user), UpstreamConnection **ret);

/* After a complete answer: kept for the next request, if the bound allows it. */
void upstream_connection_release(UpstreamConnection *connection);
UpstreamConnection *upstream_connection_close(UpstreamConnection *connection);

/* Bytes, or -errno; -EAGAIN: wait for on_ready. Receiving 0: the pool has closed. */
ssize_t upstream_connection_send(UpstreamConnection *connection, const void *data, size_t size);
ssize_t upstream_connection_receive(UpstreamConnection *connection, void *buffer, size_t size);
