/* SPDX-License-Identifier: MIT */
/*
 * Connections to a pool
 *
 * A connection carries one request at a time. When that is answered whole the
 * connection is kept, workers.max of them at most, and the one used last is
 * taken first: the others grow old and the pool closes them. Any event on an
 * idle connection means that the pool has closed it or broken the protocol;
 * either way it goes.
 *
 * connect(2) on a unix socket is done or fails at once, EAGAIN being a full
 * backlog. A unix socket reports each read of its peer as writable, so
 * EPOLLOUT is watched only while there is something left to send: a request
 * that fits the socket's buffer costs no event but the answer's.
 */

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "proxy/upstream.h"
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

int upstream_get(List *list,
                 Loop *loop,
                 const char *name,
                 const char *directory,
                 uint64_t n_idle_max,
                 Upstream **ret) {
        _cleanup_(upstream_freep) Upstream *made = NULL;
        _cleanup_(freep) char *path = NULL;
        Upstream *upstream = upstream_find(list, name);

        if (asprintf(&path, "%s/%s.sock", directory, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        if (!upstream) {
                upstream = made = calloc(1, sizeof(*made));
                if (!made)
                        return -ENOMEM;
                list_init(&made->link);
                list_init(&made->idle);
                made->loop = loop;
                made->name = strdup(name);
                if (!made->name)
                        return -ENOMEM;
        }

        free(upstream->path);
        upstream->path = TAKE_PTR(path);
        upstream->n_idle_max = n_idle_max;
        if (made)
                list_append(list, &made->link);
        made = NULL;
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
        free(upstream->name);
        free(upstream->path);
        free(upstream);
        return NULL;
}

UpstreamConnection *upstream_connection_close(UpstreamConnection *connection) {
        if (!connection || connection->source.fd < 0)
                return NULL;

        if (!connection->user)
                connection->upstream->n_idle--;
        source_close(&connection->source);
        list_remove(&connection->link);
        loop_defer(connection->upstream->loop, &connection->deferred);
        return NULL;
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

static int upstream_open(const Upstream *upstream) {
        _cleanup_(fd_closep) int fd = -EBADF;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t size = strlen(upstream->path);

        if (size >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, upstream->path, size);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;

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
        connection->source.on_events = upstream_connection_on_events;
        list_init(&connection->link);
        deferred_init(&connection->deferred, upstream_connection_destroy);

        fd = upstream_open(upstream);
        if (fd < 0)
                return fd;

        r = loop_add_take_fd(upstream->loop, &connection->source, fd, UPSTREAM_EVENTS);
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
        } else {
                int r = upstream_connect(upstream, &connection);

                if (r < 0)
                        return r;
        }

        connection->user = user;
        connection->on_ready = on_ready;
        connection->writable = true;
        fcgi_client_init(&connection->client, 1);
        *ret = connection;
        return 0;
}

void upstream_connection_release(UpstreamConnection *connection) {
        Upstream *upstream = connection->upstream;

        if (upstream->n_idle >= upstream->n_idle_max || connection->readable || connection->hung_up) {
                upstream_connection_close(connection);
                return;
        }

        connection->user = NULL;
        list_append(&upstream->idle, &connection->link);
        upstream->n_idle++;
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
        ssize_t n;

        do
                n = send(connection->source.fd, data, size, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);

        if (n >= 0) {
                if ((size_t)n == size)
                        upstream_connection_watch_out(connection, false);
                return n;
        }

        if (errno == EAGAIN) {
                connection->writable = false;
                upstream_connection_watch_out(connection, true);
                return -EAGAIN;
        }
        return -errno;
}

ssize_t upstream_connection_receive(UpstreamConnection *connection, void *buffer, size_t size) {
        ssize_t n;

        do
                n = recv(connection->source.fd, buffer, size, 0);
        while (n < 0 && errno == EINTR);

        if (n < 0) {
                if (errno == EAGAIN)
                        connection->readable = false;
                return -errno;
        }

        /* epoll(7): a short read of a stream has emptied it, and what comes later is a new edge */
        if ((size_t)n < size && !connection->hung_up)
                connection->readable = false;
        return n;
}
