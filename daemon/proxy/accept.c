/* SPDX-License-Identifier: MIT */
/*
 * Taking connections
 *
 * All processes listen on the same sockets, and the kernel wakes one of them for
 * each connection (EPOLLEXCLUSIVE), usually the same. So one that has more
 * connections than another passes what it accepts to that one's inbox, a
 * socket; connections in the inbox of a process that has died are served by
 * its successor.
 *
 * limits.connections is kept, and the limit of descriptors met, by closing the
 * connection that has waited longest for a request; when all are busy,
 * accepting pauses and the kernel's backlog holds the rest. Where not even one
 * descriptor can be had, a spare one is given up for a moment to tell a client so.
 */

#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "proxy/accept.h"
#include "proxy/connection.h"
#include "proxy/proxy.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"

#define ACCEPT_BACKOFF_USEC (100 * USEC_PER_MSEC)
#define ACCEPT_TURN_MAX     64U /* of one listener, before others have their turn */
#define ACCEPT_EVICT_MAX    16U
#define ACCEPT_SLACK        2U /* connections more than another has, before one is passed on */

static const char accept_sorry[] =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n";

static uint64_t accept_max(const Proxy *proxy) {
        return MIN2(proxy->sites->config->connections_max, proxy->n_connections_possible);
}

static uint64_t accept_load(const Counters *counters) {
        return counter_get(&counters->n_connections) + counter_get(&counters->n_inbox);
}

/* Which process is to have the next connection; -1: none can. */
static int accept_choose(const Proxy *proxy) {
        uint64_t least = UINT64_MAX, own = proxy->n_connections, max = accept_max(proxy);
        int chosen = -1, self = (int)proxy->start->index;

        for (int i = 0; i < (int)proxy->start->n_processes; i++) {
                const Counters *other = &proxy->start->counters[i];
                uint64_t load = accept_load(other);

                if (i != self && load < counter_get(&other->n_connections_max) && load < least) {
                        least = load;
                        chosen = i;
                }
        }

        if (own < max && (chosen < 0 || own <= least + MAX2(ACCEPT_SLACK, least / 8)))
                return self;
        if (chosen < 0 && own < max + ACCEPT_EVICT_MAX && !list_is_empty(&proxy->idle))
                return self; /* a connection that only waits can make room */
        return chosen;
}

/* One that is found to have a request in the kernel goes on, and the next is asked. */
static void accept_make_room(Proxy *proxy) {
        static LogLimit limit = LOG_LIMIT(60 * USEC_PER_SEC, 1);

        for (unsigned int i = 0; i < ACCEPT_EVICT_MAX; i++) {
                if (proxy->n_connections <= accept_max(proxy) || list_is_empty(&proxy->idle))
                        return;
                if (log_limit_below(&limit))
                        log_notice("%zu connections: those that wait longest are closed for new ones "
                                   "(limits.connections, LimitNOFILE=)",
                                   proxy->n_connections);
                connection_close_if_idle(list_entry(proxy->idle.next, Connection, idle));
        }
}

static int accept_begin(Proxy *proxy, int fd, const AcceptedConnection *accepted) {
        int r;

        proxy->n_connections++;
        counter_add(&proxy->counters->n_accepted, 1);
        accept_make_room(proxy);
        r = connection_new_take_fd(proxy, fd, accepted);
        if (r < 0)
                proxy->n_connections--;
        if (r == -EPERM) {
                counter_add(&proxy->counters->n_refused, 1);
                r = 0;
        }
        counter_set(&proxy->counters->n_connections, proxy->n_connections);
        return r;
}

/* -EAGAIN: nobody is waiting. Other -errno: not now. */
static int accept_one(ProxyListener *listener) {
        Proxy *proxy = listener->proxy;
        AcceptedConnection accepted = { .listener = listener->index };
        socklen_t size = sizeof(accepted.peer);
        int fd, chosen = accept_choose(proxy);

        if (chosen < 0)
                return -EUSERS;

        fd = accept4(listener->source.fd,
                     (struct sockaddr *)&accepted.peer,
                     &size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
                return errno == EINTR || errno == ECONNABORTED ? 0 : -errno;

        if (chosen != (int)proxy->start->index &&
            fd_send_message(proxy->start->inboxes[chosen], &accepted, sizeof(accepted), &fd, 1) >= 0) {
                atomic_fetch_add(&proxy->start->counters[chosen].n_inbox, 1);
                fd_close(fd);
                return 0;
        }
        return accept_begin(proxy, fd, &accepted);
}

/* There is no descriptor: the connection that waits longest gives its own, or the next client is told. */
static bool accept_without_descriptor(ProxyListener *listener) {
        Proxy *proxy = listener->proxy;
        int fd;

        if (!list_is_empty(&proxy->idle)) {
                connection_close_if_idle(list_entry(proxy->idle.next, Connection, idle));
                return true;
        }

        targets_forget(&proxy->sites->targets, UINT64_MAX);
        proxy->spare_fd = fd_close(proxy->spare_fd);
        fd = accept4(listener->source.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
                (void)send(fd, accept_sorry, strlen(accept_sorry), MSG_NOSIGNAL);
                (void)shutdown(fd, SHUT_WR);
                counter_add(&proxy->counters->n_refused, 1);
        }
        fd_close(fd);
        proxy->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return false;
}

static void accept_pending(ProxyListener *listener) {
        static LogLimit limit = LOG_LIMIT(60 * USEC_PER_SEC, 1);
        Proxy *proxy = listener->proxy;

        for (unsigned int i = 0; i < ACCEPT_TURN_MAX && listener->pending && !proxy->draining; i++) {
                int r = accept_one(listener);

                if (r == -EAGAIN)
                        listener->pending = false;
                else if (r < 0 && (r == -EMFILE || r == -ENFILE) && accept_without_descriptor(listener))
                        continue;
                else if (r < 0) {
                        if (log_limit_below(&limit))
                                log_warning_errno(r,
                                                  "Cannot accept connections for now (%zu open): %m",
                                                  proxy->n_connections);
                        timer_set(&proxy->loop, &proxy->accept_timer, ACCEPT_BACKOFF_USEC);
                        return;
                }
        }

        if (listener->pending && !proxy->draining)
                loop_defer(&proxy->loop, &listener->again);
}

static void accept_again(Deferred *deferred) {
        accept_pending(list_entry(deferred, ProxyListener, again));
}

static void accept_on_listener(Source *source, uint32_t events) {
        ProxyListener *listener = list_entry(source, ProxyListener, source);

        listener->pending = true;
        accept_pending(listener);
}

/* Another process may have had room before this one, and the kernel's word came to this one. */
static void accept_on_timer(Timer *timer) {
        Proxy *proxy = list_entry(timer, Proxy, accept_timer);

        for (size_t i = 0; i < proxy->start->listeners->n_items; i++) {
                proxy->accepting[i].pending = true;
                accept_pending(&proxy->accepting[i]);
        }
}

void accept_closed(Proxy *proxy) {
        bool was_full = proxy->n_connections >= accept_max(proxy);

        proxy->n_connections--;
        counter_set(&proxy->counters->n_connections, proxy->n_connections);
        if (proxy->draining)
                proxy->loop.exit = proxy->n_connections == 0;
        else if (was_full && list_is_empty(&proxy->accept_timer.link))
                timer_set(&proxy->loop, &proxy->accept_timer, 0);
}

static void accept_on_inbox(Source *source, uint32_t events) {
        Proxy *proxy = list_entry(source, Proxy, inbox);

        for (;;) {
                AcceptedConnection accepted;
                size_t n_fds = 1;
                int fd;

                if (fd_recv_message(source->fd, &accepted, sizeof(accepted), &fd, &n_fds) <= 0)
                        return; /* EAGAIN; without descriptors the message is lost, which only the client can mend */
                atomic_fetch_sub(&proxy->counters->n_inbox, 1);
                if (n_fds == 1)
                        (void)accept_begin(proxy, fd, &accepted);
        }
}

int accept_start(Proxy *proxy) {
        Listeners *listeners = proxy->start->listeners;
        int r, one = 1, fd;

        timer_init(&proxy->accept_timer, accept_on_timer);
        proxy->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        proxy->accepting = calloc(listeners->n_items, sizeof(*proxy->accepting));
        if (!proxy->accepting)
                return -ENOMEM;

        for (size_t i = 0; i < listeners->n_items; i++) {
                ProxyListener *listener = &proxy->accepting[i];

                /* inherited by what it accepts; on a unix socket it fails, and nothing is lost */
                (void)setsockopt(listeners->items[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

                listener->proxy = proxy;
                listener->index = i;
                deferred_init(&listener->again, accept_again);
                listener->source.on_events = accept_on_listener;
                r = loop_add_take_fd(&proxy->loop,
                                     &listener->source,
                                     listeners->items[i].fd,
                                     EPOLLIN | EPOLLEXCLUSIVE);
                if (r < 0)
                        return r;
        }

        proxy->inbox = (Source){ .fd = -EBADF, .on_events = accept_on_inbox };
        fd = TAKE_FD(proxy->start->inbox_fd);
        r = loop_add_take_fd(&proxy->loop, &proxy->inbox, fd, EPOLLIN);
        if (r < 0)
                fd_close(fd);
        return r;
}

void accept_stop(Proxy *proxy) {
        timer_unset(&proxy->accept_timer);
        counter_set(&proxy->counters->n_connections_max, 0);
        accept_on_inbox(&proxy->inbox, EPOLLIN);
}

void accept_update(Proxy *proxy) {
        counter_set(&proxy->counters->n_connections_max, proxy->draining ? 0 : accept_max(proxy));
}
