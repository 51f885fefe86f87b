/* SPDX-License-Identifier: MIT */
/*
 * The body of a request, from the client into the spool
 *
 * With Content-Length never more is read than belongs to it. A chunked body
 * ends where its coding says, so one read may take the beginning of the next
 * request too; those bytes go behind the head in connection->in. When that
 * moves the buffer the head is parsed again, which gives the same slices at
 * their new place.
 */

#include <string.h>
#include "proxy/client.h"
#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "proxy/receive.h"
#include "proxy/trouble.h"
#include "util/fd.h"

#define RECEIVE_TURN_MAX     16U   /* reads, before others have their turn */
#define RECEIVE_PROGRESS_MIN 4096U /* bytes in each timeouts.body */

/* @size bytes of the body, as sent. What was used of them; less only at the body's end or a refusal. */
static size_t receive_take(Exchange *exchange, const uint8_t *data, size_t size) {
        Connection *connection = exchange->connection;
        uint64_t max = exchange->site->config->body_max;
        size_t used = 0;

        while (connection->state == CONNECTION_BODY && !exchange->body_whole && used < size) {
                HttpChunkedEvent event = { .type = HTTP_CHUNKED_DATA,
                                           .data = data + used,
                                           .size = size - used };
                size_t n = size - used;
                int r;

                if (exchange->request.body == HTTP_BODY_CHUNKED)
                        http_chunked_feed(&exchange->chunked, data + used, size - used, &n, &event);
                else
                        n = event.size =
                                (size_t)MIN2((uint64_t)n,
                                             exchange->request.content_length - exchange->body.size);
                used += n;

                if (event.type == HTTP_CHUNKED_VIOLATION)
                        exchange_reject(exchange, 400, event.error);
                else if (event.type == HTTP_CHUNKED_END)
                        exchange->body_whole = true;
                else if (event.type == HTTP_CHUNKED_DATA) {
                        if (max > 0 && event.size > max - exchange->body.size) {
                                exchange_reject(exchange, 413, "the body is larger than limits.body");
                                break;
                        }
                        r = spool_append(&exchange->body,
                                         event.data,
                                         event.size,
                                         connection->proxy->spool_dir);
                        if (r < 0) {
                                unsigned int status =
                                        r == -ENOSPC || r == -EDQUOT || r == -EFBIG ? 507 : 500;

                                trouble_log(exchange,
                                            status,
                                            exchange->site->config->name,
                                            r,
                                            "cannot keep the body");
                                exchange_reject(exchange, status, NULL);
                        } else if (exchange->request.body == HTTP_BODY_LENGTH)
                                exchange->body_whole =
                                        exchange->body.size == exchange->request.content_length;
                }
        }

        return used;
}

/* Bytes behind a chunked body: the next request, kept behind this one. */
static int receive_keep_surplus(Exchange *exchange, const uint8_t *data, size_t size) {
        Connection *connection = exchange->connection;
        const uint8_t *before = buffer_data(&connection->in);
        int r;

        r = buffer_append(&connection->in, data, size);
        if (r < 0)
                return r;

        if (buffer_data(&connection->in) != before) {
                r = http_request_parse(&exchange->request,
                                       (const char *)buffer_data(&connection->in),
                                       exchange->request.head_size,
                                       0,
                                       exchange->sites->config->head_max);
                client_identify(exchange);
        }
        return r == 0 ? 0 : -EINVAL;
}

/* True: bytes have come. */
static bool receive_read(Exchange *exchange) {
        Connection *connection = exchange->connection;
        uint8_t *scratch = connection->proxy->scratch;
        size_t size = PROXY_SCRATCH_SIZE, used;
        ssize_t n;

        if (exchange->request.body == HTTP_BODY_LENGTH)
                size = (size_t)MIN2((uint64_t)size, exchange->request.content_length - exchange->body.size);

        n = fd_recv(connection->source.fd, scratch, size);
        if (n == -EAGAIN) {
                connection->readable = false;
                return false;
        }
        if (n <= 0) {
                connection_close(connection);
                return false;
        }

        if (exchange->request.body == HTTP_BODY_CHUNKED && (size_t)n < size && !connection->hung_up)
                connection->readable = false;
        /* a trickle is as good as silence */
        exchange->body_progress += (size_t)n;
        if (exchange->body_progress >= RECEIVE_PROGRESS_MIN) {
                exchange->body_progress = 0;
                timer_set(&connection->proxy->loop, &connection->timer, exchange->sites->config->body_usec);
        }

        used = receive_take(exchange, scratch, (size_t)n);
        if (used < (size_t)n && exchange->body_whole &&
            receive_keep_surplus(exchange, scratch + used, (size_t)n - used) < 0)
                connection_close(connection);
        return true;
}

bool receive_run(Exchange *exchange) {
        Connection *connection = exchange->connection;
        size_t left = buffer_size(&connection->in) - connection->in_used;

        if (left > 0)
                connection->in_used +=
                        receive_take(exchange, buffer_data(&connection->in) + connection->in_used, left);

        for (unsigned int i = 0; connection->state == CONNECTION_BODY && !exchange->body_whole; i++) {
                if (!connection->readable)
                        return false;
                if (i == RECEIVE_TURN_MAX) {
                        loop_defer(&connection->proxy->loop, &connection->deferred);
                        return false;
                }
                if (!receive_read(exchange))
                        return false;
        }

        if (connection->state == CONNECTION_BODY)
                exchange_to_pool(exchange);
        return connection->state != CONNECTION_CLOSED;
}
