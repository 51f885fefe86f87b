/* SPDX-License-Identifier: MIT */
/*
 * One client connection
 *
 *   HEAD -> (BODY ->) (RELAY ->) SENDING -> HEAD ... or LINGER -> CLOSED
 *
 * connection_run() takes steps until one has to wait; events only set flags
 * and call it. There is one deadline at a time: for the whole head (a client
 * that trickles it is cut off however alive it looks), for silence inside a
 * body, for silence between requests, for a client that takes nothing.
 *
 * While a request is with a pool nothing is read from the client, so what it
 * may send ahead is bounded by the kernel. When it hangs up meanwhile, both
 * connections are closed, which is how the pool learns that nobody waits.
 *
 * Before a connection is closed with input unread, the answer is followed by
 * shutdown(2) and a bounded wait: a close would make the kernel reset the
 * connection, and the client lose the answer (RFC 9112 section 9.6).
 */

#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "proxy/client.h"
#include "proxy/connection.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "proxy/receive.h"
#include "proxy/trouble.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"

#define CONNECTION_OUT_MAX     (2U * 1024U * 1024U) /* relay.c stops far below */
#define CONNECTION_LINGER_USEC (5 * USEC_PER_SEC)
#define CONNECTION_READ_SIZE   4096U
#define CONNECTION_TURN_MAX \
        16U /* of such pieces, or steps between requests, before others have their turn */

static void connection_destroy(Deferred *deferred) {
        Connection *connection = list_entry(deferred, Connection, deferred);

        buffer_done(&connection->in);
        buffer_done(&connection->out);
        buffer_done(&connection->tail);
        free(connection);
}

static void connection_resume(Deferred *deferred) {
        connection_run(list_entry(deferred, Connection, deferred));
}

void connection_close(Connection *connection) {
        if (connection->state == CONNECTION_CLOSED)
                return;

        connection->state = CONNECTION_CLOSED;
        connection->exchange = exchange_free(connection->exchange);
        connection->spool_fd = fd_close(connection->spool_fd);
        source_close(&connection->source);
        timer_unset(&connection->timer);
        list_remove(&connection->idle);
        list_remove(&connection->link);
        connection->deferred.run = connection_destroy;
        loop_defer(&connection->proxy->loop, &connection->deferred);
        connection->proxy->n_of_client[connection->client_slot]--;
        accept_closed(connection->proxy);
}

static void connection_on_events(Source *source, uint32_t events) {
        Connection *connection = list_entry(source, Connection, source);

        if (events & (EPOLLHUP | EPOLLERR)) {
                connection_close(connection);
                return;
        }

        if (events & (EPOLLIN | EPOLLRDHUP))
                connection->readable = true;
        if (events & EPOLLRDHUP)
                connection->hung_up = true;
        if (events & EPOLLOUT)
                connection->writable = true;
        connection_run(connection);
}

/*
 * Whether the kernel got rid of anything since the last look. It reports room only
 * when a third of a large buffer is free, and a slow client may take minutes for that.
 */
static bool connection_is_drained(Connection *connection) {
        int unsent = 0;

        if (ioctl(connection->source.fd, SIOCOUTQ, &unsent) < 0 || unsent >= connection->unsent)
                return false;

        connection->unsent = unsent;
        timer_set(&connection->proxy->loop, &connection->timer, connection->proxy->sites->config->send_usec);
        return true;
}

static void connection_on_timer(Timer *timer) {
        Connection *connection = list_entry(timer, Connection, timer);

        switch (connection->state) {
        case CONNECTION_HEAD:
                if (buffer_size(&connection->in) == 0)
                        connection_close(connection);
                else
                        exchange_reject_head(connection,
                                             408,
                                             "the request head did not arrive in time (timeouts.header)");
                break;
        case CONNECTION_BODY:
                exchange_reject(connection->exchange,
                                408,
                                "the request body did not arrive in time (timeouts.body)");
                break;
        case CONNECTION_RELAY:
        case CONNECTION_SENDING:
                if (connection->blocked && !connection_is_drained(connection)) {
                        trouble_log_limit(connection, "it takes nothing of its answer (timeouts.send)");
                        connection_close(connection);
                }
                break;
        case CONNECTION_LINGER:
                connection_close(connection);
                break;
        case CONNECTION_CLOSED:
                break;
        }

        connection_run(connection);
}

/* Clients are counted by a hash of their address: two may share a count, which the limit is far above. */
static bool connection_may_be_one_more(Connection *connection) {
        static LogLimit limit = LOG_LIMIT(60 * USEC_PER_SEC, 1);
        Proxy *proxy = connection->proxy;
        uint64_t max = proxy->sites->config->client_max;
        char text[INET6_ADDRSTRLEN];

        connection->client_slot = client_hash(proxy->hash_seed, &connection->peer) % PROXY_N_CLIENT_SLOTS;
        if (max == 0 || connection->trusted || !connection->peer.is_ip ||
            proxy->n_of_client[connection->client_slot] < max)
                return true;

        if (log_limit_below(&limit))
                log_warning("%s has %llu connections, more are closed (limits.connections_per_client)",
                            address_format(&connection->peer, text),
                            (unsigned long long)max);
        return false;
}

bool connection_count_anew(Connection *connection) {
        Proxy *proxy = connection->proxy;
        bool may;

        proxy->n_of_client[connection->client_slot]--;
        may = connection_may_be_one_more(connection);
        proxy->n_of_client[connection->client_slot]++;
        return may;
}

int connection_new_take_fd(Proxy *proxy, int fd, const AcceptedConnection *accepted) {
        _cleanup_(fd_closep) int taken = fd;
        _cleanup_(freep) Connection *connection = NULL;
        const ProxyConfig *config = proxy->sites->config;
        int r;

        connection = calloc(1, sizeof(*connection));
        if (!connection)
                return -ENOMEM;

        connection->proxy = proxy;
        connection->source.on_events = connection_on_events;
        connection->file_fd = -EBADF;
        connection->spool_fd = -EBADF;
        connection->writable = true;
        connection->peer = address_of_socket(&accepted->peer);
        if (!client_begin(connection, proxy->start->listeners->items[accepted->listener].name))
                return -EPERM;
        if (!connection_may_be_one_more(connection))
                return -EPERM;
        /* behind the head there may be a body's first bytes, and what reads of chunked bodies took too much: of this one, and of the one before */
        buffer_init(&connection->in, config->head_max + CONNECTION_READ_SIZE + 2 * PROXY_SCRATCH_SIZE);
        buffer_init(&connection->out, CONNECTION_OUT_MAX);
        buffer_init(&connection->tail, CONNECTION_OUT_MAX);
        timer_init(&connection->timer, connection_on_timer);
        deferred_init(&connection->deferred, connection_resume);
        list_init(&connection->link);
        list_init(&connection->idle);

        r = loop_add_take_fd(&proxy->loop, &connection->source, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
        if (r < 0)
                return r;
        taken = -EBADF;

        proxy->n_of_client[connection->client_slot]++;
        timer_set(&proxy->loop, &connection->timer, config->header_usec);
        list_append(&proxy->connections, &connection->link);
        list_append(&proxy->idle, &connection->idle);
        connection = NULL;
        return 0;
}

/* True: there are new bytes. */
static bool connection_read(Connection *connection) {
        const ProxyConfig *config = connection->proxy->sites->config;
        bool first = buffer_size(&connection->in) == 0;
        uint8_t *p;
        ssize_t n;

        if (!connection->readable)
                return false;
        if (buffer_reserve(&connection->in, CONNECTION_READ_SIZE, &p) < 0) {
                connection_close(connection);
                return false;
        }

        n = fd_recv(connection->source.fd, p, CONNECTION_READ_SIZE);
        if (n == -EAGAIN) {
                connection->readable = false;
                return false;
        }
        if (n <= 0) {
                connection_close(connection);
                return false;
        }

        buffer_commit(&connection->in, (size_t)n);
        if ((size_t)n < CONNECTION_READ_SIZE && !connection->hung_up)
                connection->readable = false;
        if (first) {
                list_remove(&connection->idle);
                timer_set(&connection->proxy->loop, &connection->timer, config->header_usec);
        }
        return true;
}

/* True: a request has begun, or bytes have come. */
static bool connection_read_head(Connection *connection) {
        if (connection->expects_header && buffer_size(&connection->in) > 0) {
                int r = client_take_header(connection);

                if (r == -EPERM)
                        counter_add(&connection->proxy->counters->n_refused, 1);
                if (r < 0 && r != -EAGAIN) {
                        connection_close(connection);
                        return false;
                }
        }

        if (buffer_size(&connection->in) > connection->in_checked && !connection->expects_header) {
                if (exchange_begin(connection))
                        return true;
                if (connection->state != CONNECTION_HEAD)
                        return false;
                connection->in_checked = buffer_size(&connection->in);
        }

        if (connection_read(connection))
                return true;
        if (buffer_size(&connection->in) == 0)
                buffer_done(&connection->in);
        return false;
}

/* The answer is sent and the connection kept: it waits for the next request. */
static void connection_next(Connection *connection) {
        Proxy *proxy = connection->proxy;

        connection->exchange = exchange_free(connection->exchange);
        connection->used = true;
        buffer_consume(&connection->in, connection->in_used);
        buffer_done(&connection->out);
        buffer_done(&connection->tail);
        connection->in_used = 0;
        connection->in_checked = 0;
        connection->state = CONNECTION_HEAD;

        if (buffer_size(&connection->in) > 0)
                timer_set(&proxy->loop, &connection->timer, proxy->sites->config->header_usec);
        else {
                timer_set(&proxy->loop, &connection->timer, proxy->sites->config->keep_usec);
                list_append(&proxy->idle, &connection->idle);
        }
}

static bool connection_finish(Connection *connection) {
        int r = connection_flush(connection);

        if (r == -EAGAIN)
                return false;
        if (r < 0) {
                connection_close(connection);
                return false;
        }
        if (connection->keep) {
                connection_next(connection);
                return true;
        }

        if (shutdown(connection->source.fd, SHUT_WR) < 0) {
                connection_close(connection);
                return false;
        }
        connection->state = CONNECTION_LINGER;
        connection->exchange = exchange_free(connection->exchange);
        timer_set(&connection->proxy->loop, &connection->timer, CONNECTION_LINGER_USEC);
        return true;
}

static bool connection_linger(Connection *connection) {
        for (unsigned int i = 0; connection->readable; i++) {
                ssize_t n;

                if (i == CONNECTION_TURN_MAX) {
                        loop_defer(&connection->proxy->loop, &connection->deferred);
                        return false;
                }

                n = fd_recv(connection->source.fd, connection->proxy->scratch, PROXY_SCRATCH_SIZE);
                if (n == -EAGAIN)
                        connection->readable = false;
                else if (n <= 0)
                        connection_close(connection);
                if (connection->state == CONNECTION_CLOSED)
                        break;
        }
        return false;
}

static bool connection_step(Connection *connection) {
        switch (connection->state) {
        case CONNECTION_HEAD:
                return connection_read_head(connection);
        case CONNECTION_BODY:
                return receive_run(connection->exchange);
        case CONNECTION_RELAY:
                return relay_run(connection->exchange);
        case CONNECTION_SENDING:
                return connection_finish(connection);
        case CONNECTION_LINGER:
                return connection_linger(connection);
        case CONNECTION_CLOSED:
        default:
                return false;
        }
}

void connection_run(Connection *connection) {
        unsigned int n = 0;

        while (connection_step(connection))
                /* requests that were sent ahead never make it wait */
                if (connection->state == CONNECTION_HEAD && ++n == CONNECTION_TURN_MAX) {
                        loop_defer(&connection->proxy->loop, &connection->deferred);
                        return;
                }
}

void connection_describe(Connection *connection) {
        struct sockaddr_storage local = {};
        socklen_t size = sizeof(local);

        if (connection->knows_local)
                return;

        (void)getsockname(connection->source.fd, (struct sockaddr *)&local, &size);
        connection->local = address_of_socket(&local);
        connection->knows_local = true;
}

void connection_part(Connection *connection, uint64_t fresh_usec, uint64_t kept_usec) {
        connection->keep = false;
        if (connection->state == CONNECTION_HEAD && buffer_size(&connection->in) == 0)
                timer_set(&connection->proxy->loop,
                          &connection->timer,
                          connection->used ? kept_usec : fresh_usec);
}

void connection_close_if_idle(Connection *connection) {
        if (connection->state != CONNECTION_HEAD || buffer_size(&connection->in) > 0)
                return;

        connection->readable = true;
        connection_run(connection);
        if (connection->state == CONNECTION_HEAD && buffer_size(&connection->in) == 0 &&
            list_is_empty(&connection->deferred.link))
                connection_close(connection);
}
