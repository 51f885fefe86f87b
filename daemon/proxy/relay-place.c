/* SPDX-License-Identifier: MIT */
/*
 * A request's place at its pool
 *
 * While the pool has no place, cannot take more, or is not there because its
 * socket is just being restarted, the request waits in its queue; who cannot be
 * served in time gets 503. A pool that nobody has started is given a moment
 * once, and from then on refused at once until it answers.
 *
 * A request is sent a second time only where the first cannot have been run:
 * the connection broke with EPIPE or ECONNRESET before one byte of an answer.
 * On a unix socket that means the pool closed with the request not read whole
 * (unix(7): a close with unread bytes resets the peer), and a pool runs
 * nothing it has not read whole. A plain end of the stream after the whole
 * request was taken is a worker that died running it: 502. Over the network none
 * of this is known, so only a GET or HEAD on a kept connection is sent again.
 */

#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/params.h"
#include "proxy/proxy.h"
#include "proxy/relay-place.h"
#include "util/clock.h"

#define RELAY_PAUSE_USEC  (20 * USEC_PER_MSEC)
#define RELAY_ABSENT_USEC (2 * USEC_PER_SEC) /* about what a restart of a socket unit takes */
#define RELAY_RETRIES_MAX 2U /* one for a kept connection, one for a restart in that instant */

static void relay_on_ready(void *user) {
        connection_run(((Exchange *)user)->connection);
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
                .document_root = exchange->target->document_root,
                .script_name = exchange->target->script,
                .script_filename = exchange->target->filename,
                .path_info = exchange->target->path_info,
                .client = &exchange->client,
                .server = &connection->local,
                .https = exchange->https,
                .trusted = connection->trusted,
                .trusted_kind = (HttpForwardedKind)exchange->sites->config->trusted_header,
                .body_size = exchange->body.size,
        };

        r = params_fill(pairs, &input);
        if (r < 0)
                return r;
        return fcgi_client_encode_request(&relay->outgoing, 1, /* keep_conn= */ true, pairs);
}

bool relay_place_wait(Exchange *exchange, bool again) {
        Relay *relay = &exchange->relay;
        Connection *connection = exchange->connection;
        uint64_t waited = connection->proxy->loop.now_usec - relay->begin_usec;
        uint64_t max = exchange->site->config->queue_usec;

        if (waited >= max) {
                counter_add(&connection->proxy->counters->n_timed_out, 1);
                return relay_fail(exchange, 503, 0, "no worker was free in time (timeouts.queue)");
        }

        if (again && relay->waiting.lane)
                queue_put_back(&relay->upstream->queue, &relay->waiting);
        else
                queue_add(&relay->upstream->queue,
                          &relay->waiting,
                          client_hash(connection->proxy->hash_seed, &exchange->client));
        timer_set(&connection->proxy->loop, &relay->timer, max == USEC_INFINITY ? max : max - waited);
        return false;
}

/* What was on the way to the pool is as if it had never been sent. */
static void relay_rewind(Relay *relay) {
        relay->connection = upstream_connection_close(relay->connection);
        buffer_clear(&relay->outgoing);
        relay->body_sent = 0;
        relay->stdin_ended = false;
        relay->send_broken = false;
}

bool relay_place_lost(Exchange *exchange, int error) {
        Relay *relay = &exchange->relay;
        Upstream *upstream = relay->upstream;
        uint64_t now = exchange->connection->proxy->loop.now_usec;

        relay_rewind(relay);
        if (error == -EAGAIN) {
                upstream_pause(upstream, RELAY_PAUSE_USEC);
                return relay_place_wait(exchange, true);
        }
        if (error == -ENOENT || error == -ECONNREFUSED) {
                if (upstream->absent_usec == 0)
                        upstream->absent_usec = now;
                if (now - upstream->absent_usec < RELAY_ABSENT_USEC) {
                        upstream_pause(upstream, RELAY_PAUSE_USEC);
                        return relay_place_wait(exchange, true);
                }
        }
        return relay_fail(exchange, 503, error, "cannot connect to the pool");
}

static bool relay_connect(Exchange *exchange, bool called) {
        Relay *relay = &exchange->relay;
        int r;

        if (!called && upstream_is_full(relay->upstream))
                return relay_place_wait(exchange, false);

        r = upstream_acquire(relay->upstream, exchange, relay_on_ready, &relay->connection);
        if (r < 0)
                return relay_place_lost(exchange, r);

        r = relay_encode(exchange);
        if (r < 0)
                return relay_fail(exchange, 500, r, "the request's parameters are too large");
        relay_arm(exchange);
        return true;
}

static void relay_on_turn(QueueEntry *entry) {
        Exchange *exchange = list_entry(entry, Exchange, relay.waiting);
        Connection *connection = exchange->connection;

        (void)relay_connect(exchange, true); /* the exchange may be gone */
        connection_run(connection);
}

/* A request over the network may have been run although the connection was reset. */
static bool relay_may_repeat(const Exchange *exchange) {
        HttpSlice method = exchange->request.method;

        return exchange->relay.upstream->address.ss_family == AF_UNIX ||
               (exchange->relay.connection->kept &&
                (http_slice_is(method, "GET") || http_slice_is(method, "HEAD")));
}

bool relay_place_retry(Exchange *exchange, int error) {
        if (!relay_may_repeat(exchange) || exchange->relay.n_retries++ >= RELAY_RETRIES_MAX)
                return relay_fail(exchange,
                                  502,
                                  error,
                                  "the pool closed the connection before it read the request");

        /* the pool closes all that it has kept at once, and we may hear of this one first */
        if (exchange->relay.connection->kept)
                upstream_close_idle(exchange->relay.upstream);
        counter_add(&exchange->connection->proxy->counters->n_retried, 1);
        relay_rewind(&exchange->relay);
        return relay_connect(exchange, true);
}

bool relay_place_find(Exchange *exchange) {
        return relay_connect(exchange, false);
}

void relay_place_init(Relay *relay) {
        relay->waiting.on_turn = relay_on_turn;
        list_init(&relay->waiting.link);
}
