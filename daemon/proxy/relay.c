/* SPDX-License-Identifier: MIT */
/*
 * A request on its way through a pool
 *
 * It is sent when it is whole, so a pool's worker never waits for a client's
 * bytes. The answer is passed on as it comes: what one read gave is one write
 * to the client, so a script's flush() is seen at once. What the client does
 * not take is kept for it (send.c), and the worker is free for others; when
 * there is no room left, reading from the pool stops and its buffers fill up.
 */

#include "proxy/exchange.h"
#include "proxy/internal.h"
#include "proxy/proxy.h"
#include "proxy/relay-batch.h"
#include "proxy/relay-place.h"
#include "proxy/trouble.h"
#include "util/clock.h"

#define RELAY_GRACE_USEC   (5 * USEC_PER_SEC)
#define RELAY_STDIN_SIZE   32768U
#define RELAY_OUTGOING_MAX (2U * 1024U * 1024U) /* parameters, and two records of the body */
#define RELAY_OUTGOING_LOW 65536U
#define RELAY_TURN_MAX     16U /* reads, before others have their turn */

static void relay_on_timer(Timer *timer);

void relay_init(Relay *relay, Exchange *exchange) {
        *relay = (Relay){};
        relay_place_init(relay);
        timer_init(&relay->timer, relay_on_timer);
        buffer_init(&relay->outgoing, RELAY_OUTGOING_MAX);
        buffer_init(&relay->head, exchange->sites->config->response_head_max + PROXY_SCRATCH_SIZE);
}

void relay_done(Relay *relay) {
        timer_unset(&relay->timer);
        queue_remove(&relay->waiting);
        relay->connection = upstream_connection_close(relay->connection);
        buffer_done(&relay->outgoing);
        buffer_done(&relay->head);
}

bool relay_fail(Exchange *exchange, unsigned int status, int error, const char *why) {
        Relay *relay = &exchange->relay;

        relay->connection = upstream_connection_close(relay->connection);
        timer_unset(&relay->timer);
        queue_remove(&relay->waiting);
        trouble_log(exchange, status, relay->upstream->name, error, why);

        if (exchange->answer.begun) {
                connection_close(exchange->connection); /* the client sees that it is not whole */
                return false;
        }

        exchange_reject(exchange, status, NULL);
        return true;
}

/* The longest a pool may be silent: it keeps its own deadlines, this one is for a pool that does not. */
static uint64_t relay_patience(const Exchange *exchange) {
        const SiteConfig *site = exchange->site->config;

        if (site->request_usec == USEC_INFINITY || site->kill_usec == USEC_INFINITY ||
            site->queue_usec == USEC_INFINITY)
                return USEC_INFINITY;
        return site->request_usec + site->kill_usec + site->queue_usec + RELAY_GRACE_USEC;
}

void relay_arm(Exchange *exchange) {
        const UpstreamConnection *connection = exchange->relay.connection;

        timer_set(&exchange->connection->proxy->loop,
                  &exchange->relay.timer,
                  connection->connecting ? exchange->site->config->queue_usec : relay_patience(exchange));
}

static void relay_on_timer(Timer *timer) {
        Exchange *exchange = list_entry(timer, Exchange, relay.timer);
        Connection *connection = exchange->connection;

        if (exchange->relay.connection) {
                if (connection->blocked)
                        relay_arm(exchange); /* it is the client who makes us wait */
                else
                        (void)relay_fail(exchange,
                                         504,
                                         0,
                                         "no answer in time"); /* the exchange may be gone */
        } else if (exchange->relay.waiting.queue) {
                queue_remove(&exchange->relay.waiting);
                (void)relay_place_wait(exchange, true);
        }
        connection_run(connection);
}

void relay_begin(Exchange *exchange, Upstream *upstream) {
        exchange->relay.upstream = upstream;
        exchange->relay.begin_usec = exchange->connection->proxy->loop.now_usec;
        exchange->connection->state = CONNECTION_RELAY;
        timer_unset(&exchange->connection->timer);
}

/* Puts more of the body into outgoing. */
static int relay_fill(Exchange *exchange) {
        Relay *relay = &exchange->relay;

        while (!relay->stdin_ended && buffer_size(&relay->outgoing) < RELAY_OUTGOING_LOW) {
                uint64_t left = exchange->body.size - relay->body_sent;
                size_t size = (size_t)MIN2(left, (uint64_t)RELAY_STDIN_SIZE);
                ssize_t n;
                uint8_t *p;
                int r;

                if (left == 0) {
                        relay->stdin_ended = true;
                        return fcgi_client_encode_stdin_end(&relay->outgoing, 1);
                }

                r = buffer_reserve(&relay->outgoing, FCGI_HEADER_SIZE + size, &p);
                if (r < 0)
                        return r;
                n = spool_read(&exchange->body, relay->body_sent, p + FCGI_HEADER_SIZE, size);
                if (n < 0)
                        return (int)n;
                fcgi_record_encode(p, FCGI_STDIN, 1, (size_t)n, 0);
                buffer_commit(&relay->outgoing, FCGI_HEADER_SIZE + (size_t)n);
                relay->body_sent += (uint64_t)n;
        }

        return 0;
}

static int relay_send(Exchange *exchange) {
        Relay *relay = &exchange->relay;
        UpstreamConnection *connection = relay->connection;

        while (connection->writable && !relay->send_broken) {
                bool connecting;
                ssize_t n;
                int r;

                r = relay_fill(exchange);
                if (r < 0)
                        return r;
                if (buffer_size(&relay->outgoing) == 0)
                        return 0;

                connecting = connection->connecting;
                n = upstream_connection_send(connection,
                                             buffer_data(&relay->outgoing),
                                             buffer_size(&relay->outgoing));
                if (connecting && !connection->connecting)
                        relay_arm(exchange); /* now it is the script that is waited for */
                if (n > 0)
                        relay->upstream->absent_usec = 0;
                if (n == -EPIPE || n == -ECONNRESET) {
                        relay->send_broken = true;
                        connection->readable = true; /* it may have answered before it closed */
                } else if (n >= 0)
                        buffer_consume(&relay->outgoing, (size_t)n);
                else if (n != -EAGAIN)
                        return (int)n;
        }

        return 0;
}

/* The answer is complete. */
static bool relay_finish(Exchange *exchange, bool clean) {
        Relay *relay = &exchange->relay;

        timer_unset(&relay->timer);
        if (clean)
                upstream_connection_release(relay->connection);
        else
                upstream_connection_close(relay->connection);
        relay->connection = NULL;
        if (relay->internal)
                internal_answer(exchange);
        exchange->connection->state = CONNECTION_SENDING;
        return true;
}

static bool relay_take(Exchange *exchange, const uint8_t *data, size_t size) {
        Relay *relay = &exchange->relay;
        RelayBatch batch = { .n_slices = 0 };
        const char *error = NULL;
        unsigned int status;
        size_t used = 0;

        relay->any_byte = true;
        status = relay_batch_decode(exchange, data, size, &batch, &used, &error);
        if (status != 0)
                return relay_fail(exchange, status, 0, error);
        if (!relay_batch_pass(exchange, &batch))
                return relay_fail(exchange, 502, 0, "the body is shorter than its Content-Length");
        if (relay->head_complete && !relay->internal)
                buffer_done(&relay->head);
        if (batch.ended)
                return relay_finish(exchange,
                                    used == size && relay->stdin_ended &&
                                            buffer_size(&relay->outgoing) == 0);

        relay_arm(exchange);
        return true;
}

/*
 * The stream is over before the answer is. Over the network an end that crossed
 * the request on its way comes as an end, and only then as a reset.
 */
static bool relay_take_close(Exchange *exchange, int error) {
        Relay *relay = &exchange->relay;
        bool crossed =
                error == 0 && relay->connection->kept && relay->upstream->address.ss_family != AF_UNIX;

        if (!relay->any_byte && (relay->send_broken || error == -ECONNRESET || error == -EPIPE || crossed))
                return relay_place_retry(exchange, error);
        return relay_fail(exchange,
                          502,
                          error,
                          "the pool closed the connection before its answer was complete");
}

static bool relay_receive(Exchange *exchange) {
        Proxy *proxy = exchange->connection->proxy;
        ssize_t n;

        n = upstream_connection_receive(exchange->relay.connection, proxy->scratch, PROXY_SCRATCH_SIZE);
        if (n == -EAGAIN)
                return false;
        if (n <= 0)
                return relay_take_close(exchange, (int)n);
        return relay_take(exchange, proxy->scratch, (size_t)n);
}

bool relay_run(Exchange *exchange) {
        Relay *relay = &exchange->relay;
        Connection *connection = exchange->connection;
        const UpstreamConnection *upstream;
        int r;

        if (connection->hung_up) {
                connection_close(connection);
                return false;
        }
        if (relay->waiting.queue)
                return false;
        if (!relay->connection)
                return relay_place_find(exchange);

        r = relay_send(exchange);
        if (r < 0 && relay->connection->connecting) {
                return relay_place_lost(exchange, r);
        }
        if (r < 0)
                return relay_fail(exchange, 502, r, "the request cannot be sent to the pool");

        upstream = relay->connection;
        for (unsigned int i = 0;; i++) {
                if (buffer_size(&connection->out) + connection->file_left > 0) {
                        r = connection_flush(connection);
                        if (r < 0 && r != -EAGAIN) {
                                connection_close(connection);
                                return false;
                        }
                }
                if (!relay->connection->readable || !connection_has_room(connection, !relay->unbuffered))
                        return false;
                if (i == RELAY_TURN_MAX) {
                        loop_defer(&connection->proxy->loop, &connection->deferred);
                        return false;
                }
                if (!relay_receive(exchange))
                        return false;
                if (connection->state != CONNECTION_RELAY || relay->connection != upstream)
                        return true; /* perhaps to be sent again */
        }
}
