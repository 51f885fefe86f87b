/* SPDX-License-Identifier: MIT */
/*
 * A request on its way through a pool
 *
 * It is sent when it is whole, so a pool's worker never waits for a client's
 * bytes. The answer is passed on as it comes: what one read gave is one write
 * to the client, so a script's flush() is seen at once. When the client does
 * not take it, reading from the pool stops at a bound, and the pool's own
 * buffers fill up.
 *
 * A request is sent a second time only where the first cannot have been run:
 * the connection broke with EPIPE or ECONNRESET before one byte of an answer.
 * On a unix socket that means the pool closed with the request not read whole
 * (unix(7): a close with unread bytes resets the peer), and a pool runs
 * nothing it has not read whole. A plain end of the stream after the whole
 * request was taken is a worker that died running it: 502.
 */

#include "proxy/exchange.h"
#include "proxy/params.h"
#include "proxy/proxy.h"
#include "proxy/relay-batch.h"
#include "proxy/trouble.h"
#include "util/clock.h"

#define RELAY_BACKLOG_USEC (20 * USEC_PER_MSEC)
#define RELAY_GRACE_USEC   (5 * USEC_PER_SEC)
#define RELAY_RETRIES_MAX  2U             /* one for a kept connection, one for a restart in that instant */
#define RELAY_CLIENT_HIGH  (256U * 1024U) /* bytes the client has not taken */
#define RELAY_STDIN_SIZE   32768U
#define RELAY_OUTGOING_MAX (2U * 1024U * 1024U) /* parameters, and two records of the body */
#define RELAY_OUTGOING_LOW 65536U
#define RELAY_TURN_MAX     16U /* reads, before others have their turn */

static void relay_on_timer(Timer *timer);

void relay_init(Relay *relay, Exchange *exchange) {
        *relay = (Relay){};
        timer_init(&relay->timer, relay_on_timer);
        buffer_init(&relay->outgoing, RELAY_OUTGOING_MAX);
        buffer_init(&relay->head, exchange->sites->config->response_head_max + PROXY_SCRATCH_SIZE);
}

void relay_done(Relay *relay) {
        timer_unset(&relay->timer);
        relay->connection = upstream_connection_close(relay->connection);
        buffer_done(&relay->outgoing);
        buffer_done(&relay->head);
}

static bool relay_fail(Exchange *exchange, unsigned int status, int error, const char *why) {
        Relay *relay = &exchange->relay;

        relay->connection = upstream_connection_close(relay->connection);
        timer_unset(&relay->timer);
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

static void relay_arm(Exchange *exchange) {
        timer_set(&exchange->connection->proxy->loop, &exchange->relay.timer, relay_patience(exchange));
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
        }
        connection_run(connection);
}

static void relay_on_ready(void *user) {
        connection_run(((Exchange *)user)->connection);
}

void relay_begin(Exchange *exchange, Upstream *upstream) {
        exchange->relay.upstream = upstream;
        exchange->relay.begin_usec = exchange->connection->proxy->loop.now_usec;
        exchange->connection->state = CONNECTION_RELAY;
        timer_unset(&exchange->connection->timer);
}

static int relay_encode(Exchange *exchange) {
        Relay *relay = &exchange->relay;
        Connection *connection = exchange->connection;
        Pairs *pairs = &connection->proxy->pairs;
        ParamsInput input;
        int r;

        connection_describe(connection);
        input = (ParamsInput){
                .request = &exchange->request,
                .request_id = exchange->id,
                .document_root = exchange->document_root,
                .script_name = exchange->route.script,
                .path_info = exchange->route.path_info,
                .remote_address = connection->remote_address,
                .server_address = connection->server_address,
                .remote_port = connection->remote_port,
                .server_port = connection->server_port,
                .body_size = exchange->body.size,
        };

        r = params_fill(pairs, &input);
        if (r < 0)
                return r;
        return fcgi_client_encode_request(&relay->outgoing, 1, /* keep_conn= */ true, pairs);
}

static bool relay_connect(Exchange *exchange) {
        Relay *relay = &exchange->relay;
        Loop *loop = &exchange->connection->proxy->loop;
        int r;

        r = upstream_acquire(relay->upstream, exchange, relay_on_ready, &relay->connection);
        switch (r) {
        case 0:
                break;
        case -EAGAIN:
                if (loop->now_usec - relay->begin_usec >= exchange->site->config->queue_usec)
                        return relay_fail(exchange, 503, 0, "the pool's backlog is full");
                timer_set(loop, &relay->timer, RELAY_BACKLOG_USEC);
                return false;
        case -ENOENT:
        case -ECONNREFUSED:
        case -EMFILE:
        case -ENFILE:
        case -ENOMEM:
                return relay_fail(exchange, 503, r, "cannot connect to the pool");
        default:
                return relay_fail(exchange, 502, r, "cannot connect to the pool");
        }

        r = relay_encode(exchange);
        if (r < 0)
                return relay_fail(exchange, 500, r, "the request's parameters are too large");
        relay_arm(exchange);
        return true;
}

/* Sends it again, on another connection. */
static bool relay_retry(Exchange *exchange, int error) {
        Relay *relay = &exchange->relay;

        if (relay->n_retries++ >= RELAY_RETRIES_MAX)
                return relay_fail(exchange,
                                  502,
                                  error,
                                  "the pool closed the connection before it read the request");

        relay->connection = upstream_connection_close(relay->connection);
        buffer_clear(&relay->outgoing);
        relay->body_sent = 0;
        relay->stdin_ended = false;
        relay->send_broken = false;
        return true;
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
                n = body_read(&exchange->body, relay->body_sent, p + FCGI_HEADER_SIZE, size);
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
                ssize_t n;
                int r;

                r = relay_fill(exchange);
                if (r < 0)
                        return r;
                if (buffer_size(&relay->outgoing) == 0)
                        return 0;

                n = upstream_connection_send(connection,
                                             buffer_data(&relay->outgoing),
                                             buffer_size(&relay->outgoing));
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
        if (relay->head_complete)
                buffer_done(&relay->head);
        if (batch.ended)
                return relay_finish(exchange,
                                    used == size && relay->stdin_ended &&
                                            buffer_size(&relay->outgoing) == 0);

        relay_arm(exchange);
        return true;
}

/* The stream is over before the answer is. */
static bool relay_take_close(Exchange *exchange, int error) {
        Relay *relay = &exchange->relay;

        if (!relay->any_byte && (relay->send_broken || error == -ECONNRESET || error == -EPIPE))
                return relay_retry(exchange, error);
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
        int r;

        if (connection->hung_up) {
                connection_close(connection);
                return false;
        }
        if (!relay->connection)
                return relay_connect(exchange);

        r = relay_send(exchange);
        if (r < 0)
                return relay_fail(exchange, 502, r, "the request cannot be sent to the pool");

        for (unsigned int i = 0;; i++) {
                if (buffer_size(&connection->out) > 0) {
                        r = connection_flush(connection);
                        if (r < 0 && r != -EAGAIN) {
                                connection_close(connection);
                                return false;
                        }
                }
                if (!relay->connection->readable || buffer_size(&connection->out) >= RELAY_CLIENT_HIGH)
                        return false;
                if (i == RELAY_TURN_MAX) {
                        loop_defer(&connection->proxy->loop, &connection->deferred);
                        return false;
                }
                if (!relay_receive(exchange))
                        return false;
                if (connection->state != CONNECTION_RELAY || !relay->connection)
                        return true;
        }
}
