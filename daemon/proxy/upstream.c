/* SPDX-License-Identifier: MIT */
/*
 * Connections to a pool
 *
 * A connection carries one request at a time. There are as many with a request
 * as the pool has workers; more requests wait here, in turns between clients,
 * where one that goes away costs the pool nothing. When a request is answered
 * whole its connection goes to who waits, or is kept, within a bound; the one
 * used last is taken first, so the others grow old and the pool closes them.
 * Any event on an idle connection means that the pool has closed it or broken
 * the protocol; either way it goes.
 *
 * connect(2) on a unix socket is done or fails at once, EAGAIN being a full
 * backlog. Over the network its outcome shows when the request is sent. A unix
 * socket reports each read of its peer as writable, so EPOLLOUT is watched only
 * while there is something left to send: a request that fits the socket's
 * buffer costs no event but the answer's.
 */

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include "proxy/upstream.h"
#include "util/address.h"
#include "util/clock.h"
#include "util/fd.h"

#define UPSTREAM_EVENTS (EPOLLIN | EPOLLRDHUP)

Upstream *upstream_find(List *list, const char *name) {
        LIST_FOREACH (link, list) {
                Upstream *upstream = list_entry(link, Upstream, link);

                if (strcmp(upstream->name, name) == 0)
                        return upstream;
        }
        return NULL;
}

DEFINE_CLEANUP(Upstream *, upstream_free);

static void upstream_serve(Deferred *deferred) {
        Upstream *upstream = list_entry(deferred, Upstream, serve);
        QueueEntry *entry;

        while (list_is_empty(&upstream->pause.link) &&
               (upstream->n_busy_max == 0 || upstream->n_busy < upstream->n_busy_max) &&
               (entry = queue_take(&upstream->queue)))
                entry->on_turn(entry);
}

static void upstream_on_pause(Timer *timer) {
        upstream_serve(&list_entry(timer, Upstream, pause)->serve);
}

void upstream_pause(Upstream *upstream, uint64_t usec) {
        timer_set(upstream->loop, &upstream->pause, usec);
}

bool upstream_is_full(const Upstream *upstream) {
        return upstream->queue.n > 0 ||
               (upstream->n_busy_max > 0 && upstream->n_busy >= upstream->n_busy_max);
}

static int upstream_new(Upstream **ret, Loop *loop, const char *name) {
        _cleanup_(upstream_freep) Upstream *upstream = NULL;

        upstream = calloc(1, sizeof(*upstream));
        if (!upstream)
                return -ENOMEM;

        upstream->loop = loop;
        list_init(&upstream->link);
        list_init(&upstream->idle);
        queue_init(&upstream->queue);
        deferred_init(&upstream->serve, upstream_serve);
        timer_init(&upstream->pause, upstream_on_pause);
        upstream->name = strdup(name);
        if (!upstream->name)
                return -ENOMEM;

        *ret = TAKE_PTR(upstream);
        return 0;
}

int upstream_get(List *list, Loop *loop, const char *name, const char *address, Upstream **ret) {
        Upstream *upstream = upstream_find(list, name);
        struct sockaddr_storage socket;
        socklen_t size;
        int r;

        r = address_parse_server(address, &socket, &size);
        if (r < 0)
                return r;

        if (!upstream) {
                r = upstream_new(&upstream, loop, name);
                if (r < 0)
                        return r;
                list_append(list, &upstream->link);
        }

        if (size != upstream->address_size || memcmp(&socket, &upstream->address, size) != 0) {
                upstream_close_idle(upstream);
                upstream->absent_usec = 0;
                upstream->n_addresses++; /* those with a request go when that is answered */
        }
        upstream->address = socket;
        upstream->address_size = size;
        *ret = upstream;
        return 0;
}

static void upstream_connection_destroy(Deferred *deferred) {
        free(list_entry(deferred, UpstreamConnection, deferred));
}

Upstream *upstream_free(Upstream *upstream) {
        if (!upstream)
                return NULL;

        LIST_FOREACH_SAFE (link, &upstream->idle) {
                UpstreamConnection *connection = list_entry(link, UpstreamConnection, link);

                source_close(&connection->source);
                list_remove(&connection->link);
                free(connection);
        }
        list_remove(&upstream->link);
        list_remove(&upstream->serve.link);
        timer_unset(&upstream->pause);
        free(upstream->name);
        free(upstream);
        return NULL;
}

/* A request has left the pool: the next may come. */
static void upstream_leave(Upstream *upstream) {
        upstream->n_busy--;
        if (upstream->queue.n > 0)
                loop_defer(upstream->loop, &upstream->serve);
}

UpstreamConnection *upstream_connection_close(UpstreamConnection *connection) {
        if (!connection || connection->source.fd < 0)
                return NULL;

        if (connection->user)
                upstream_leave(connection->upstream);
        else
                connection->upstream->n_idle--;
        source_close(&connection->source);
        list_remove(&connection->link);
        loop_defer(connection->upstream->loop, &connection->deferred);
        return NULL;
}

void upstream_close_idle(Upstream *upstream) {
        LIST_FOREACH_SAFE (link, &upstream->idle)
                upstream_connection_close(list_entry(link, UpstreamConnection, link));
}

static void upstream_connection_on_events(Source *source, uint32_t events) {
        UpstreamConnection *connection = list_entry(source, UpstreamConnection, source);

        if (!connection->user) {
                upstream_connection_close(connection);
                return;
        }

        if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                connection->readable = true;
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                connection->hung_up = true;
        if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
                connection->writable = true;
        connection->on_ready(connection->user);
}

/* *ret_connecting: the outcome is not known yet. */
static int upstream_open(const Upstream *upstream, bool *ret_connecting) {
        _cleanup_(fd_closep) int fd = -EBADF;
        int one = 1;

        fd = socket(upstream->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (upstream->address.ss_family == AF_INET || upstream->address.ss_family == AF_INET6)
                (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

        *ret_connecting = false;
        if (connect(fd, (const struct sockaddr *)&upstream->address, upstream->address_size) < 0) {
                if (errno != EINPROGRESS)
                        return -errno;
                *ret_connecting = true;
        }
        return TAKE_FD(fd);
}

static int upstream_connect(Upstream *upstream, UpstreamConnection **ret) {
        _cleanup_(freep) UpstreamConnection *connection = NULL;
        _cleanup_(fd_closep) int fd = -EBADF;
        int r;

        connection = calloc(1, sizeof(*connection));
        if (!connection)
                return -ENOMEM;

        connection->upstream = upstream;
        connection->address = upstream->n_addresses;
        connection->source.on_events = upstream_connection_on_events;
        list_init(&connection->link);
        deferred_init(&connection->deferred, upstream_connection_destroy);

        fd = upstream_open(upstream, &connection->connecting);
        if (fd < 0)
                return fd;

        connection->watches_out = connection->connecting;
        connection->writable = !connection->connecting;
        r = loop_add_take_fd(upstream->loop,
                             &connection->source,
                             fd,
                             UPSTREAM_EVENTS | (connection->watches_out ? EPOLLOUT : 0));
        if (r < 0)
                return r;

        fd = -EBADF;
        *ret = TAKE_PTR(connection);
        return 0;
}

int upstream_acquire(Upstream *upstream,
                     void *user,
                     void (*on_ready)(void *user),
                     UpstreamConnection **ret) {
        UpstreamConnection *connection;

        if (!list_is_empty(&upstream->idle)) {
                connection = list_entry(upstream->idle.previous, UpstreamConnection, link);
                list_remove(&connection->link);
                upstream->n_idle--;
                connection->kept = true;
                connection->writable = true;
        } else {
                int r = upstream_connect(upstream, &connection);

                if (r < 0)
                        return r;
        }

        upstream->n_busy++;
        connection->user = user;
        connection->on_ready = on_ready;
        fcgi_client_init(&connection->client, 1);
        *ret = connection;
        return 0;
}

void upstream_connection_release(UpstreamConnection *connection) {
        Upstream *upstream = connection->upstream;

        if ((upstream->n_idle >= upstream->n_idle_max && upstream->queue.n == 0) || connection->readable ||
            connection->hung_up || connection->address != upstream->n_addresses) {
                upstream_connection_close(connection);
                return;
        }

        connection->user = NULL;
        list_append(&upstream->idle, &connection->link);
        upstream->n_idle++;
        upstream_leave(upstream);
}

static void upstream_connection_watch_out(UpstreamConnection *connection, bool watch) {
        if (connection->watches_out == watch)
                return;
        if (loop_change(connection->upstream->loop,
                        &connection->source,
                        UPSTREAM_EVENTS | (watch ? EPOLLOUT : 0)) >= 0)
                connection->watches_out = watch;
}

ssize_t upstream_connection_send(UpstreamConnection *connection, const void *data, size_t size) {
        ssize_t n = fd_send(connection->source.fd, data, size, 0);

        if (n >= 0) {
                connection->connecting = false;
                if ((size_t)n == size)
                        upstream_connection_watch_out(connection, false);
                return n;
        }

        if (n == -EAGAIN) {
                connection->writable = false;
                upstream_connection_watch_out(connection, true);
        }
        return n;
}

ssize_t upstream_connection_receive(UpstreamConnection *connection, void *buffer, size_t size) {
        ssize_t n = fd_recv(connection->source.fd, buffer, size);

        /* epoll(7): a short read of a stream has emptied it, and what comes later is a new edge */
        if (n == -EAGAIN || (n >= 0 && (size_t)n < size && !connection->hung_up))
                connection->readable = false;
        return n;
}
