/* SPDX-License-Identifier: MIT */
/*
 * What one read from the pool has given
 *
 * The records are taken apart in place: the batch holds slices of the read
 * buffer, which become one piece of the client's answer. Only the response
 * head is collected, since it may come in any number of records. It is passed
 * on together with the rest of its batch, when it is known whether the body
 * ended with it.
 */

#include "proxy/exchange.h"
#include "proxy/proxy.h"
#include "proxy/relay-batch.h"
#include "proxy/trouble.h"

/* 0: the head is complete, or needs more; positive status: broken. */
static unsigned int relay_batch_parse_head(Exchange *exchange, RelayBatch *batch, const char **reterr) {
        Relay *relay = &exchange->relay;
        Proxy *proxy = exchange->connection->proxy;
        size_t max = exchange->sites->config->response_head_max;

        for (;;) {
                const char *data = (const char *)buffer_data(&relay->head);
                size_t size = buffer_size(&relay->head);
                int r;

                r = http_response_parse(&proxy->response, data, size, relay->head_checked, max);
                if (r == HTTP_RESPONSE_E_INCOMPLETE) {
                        relay->head_checked = size;
                        return 0;
                }
                if (r != 0) {
                        *reterr = r == HTTP_RESPONSE_E_TOO_LARGE ? "the response head is too large"
                                                                 : proxy->response.error;
                        return 502;
                }

                relay->head_checked = 0;
                if (proxy->response.status < 200) { /* an interim answer: the real one follows */
                        if (proxy->response.status == 103)
                                answer_interim(exchange, &proxy->response);
                        buffer_consume(&relay->head, proxy->response.head_size);
                        continue;
                }

                relay->head_complete = true;
                relay->internal = exchange->site->config->n_internal > 0 &&
                                  (proxy->response.accel_redirect.data || proxy->response.sendfile.data);
                relay->unbuffered = proxy->response.buffering_no || proxy->response.event_stream;
                if (size > proxy->response.head_size)
                        batch->slices[batch->n_slices++] = (struct iovec){
                                (void *)(data + proxy->response.head_size),
                                size - proxy->response.head_size,
                        };
                batch->size = size - proxy->response.head_size;
                return 0;
        }
}

bool relay_batch_pass(Exchange *exchange, RelayBatch *batch) {
        if (exchange->relay.head_complete && !exchange->relay.internal) {
                if (!exchange->answer.begun)
                        answer_response(exchange,
                                        &exchange->connection->proxy->response,
                                        batch->ended,
                                        batch->size);
                answer_body(exchange, batch->slices, batch->n_slices);
        }

        batch->n_slices = 0;
        batch->size = 0;
        return !batch->ended || exchange->relay.internal || answer_end(exchange);
}

static unsigned int relay_batch_take_stdout(Exchange *exchange,
                                            RelayBatch *batch,
                                            const FcgiClientEvent *event,
                                            const char **reterr) {
        Relay *relay = &exchange->relay;

        if (!relay->head_complete) {
                if (buffer_append(&relay->head, event->data, event->size) < 0) {
                        *reterr = "the response head is too large";
                        return 502;
                }
                return relay_batch_parse_head(exchange, batch, reterr);
        }

        if (batch->n_slices == RELAY_SLICES_MAX)
                (void)relay_batch_pass(exchange, batch);
        batch->slices[batch->n_slices++] = (struct iovec){ (void *)event->data, event->size };
        batch->size += event->size;
        return 0;
}

static unsigned int
relay_batch_take_end(Exchange *exchange, const FcgiClientEvent *event, const char **reterr) {
        if (event->protocol_status == FCGI_OVERLOADED) {
                *reterr = "the pool is overloaded";
                return 503;
        }
        if (event->protocol_status != FCGI_REQUEST_COMPLETE)
                *reterr = "the pool refused the request";
        else if (!exchange->relay.head_complete)
                *reterr = "the script ended without a complete response head";
        else
                return 0;
        return 502;
}

unsigned int relay_batch_decode(Exchange *exchange,
                                const uint8_t *data,
                                size_t size,
                                RelayBatch *batch,
                                size_t *ret_used,
                                const char **reterr) {
        size_t used = 0;

        while (!batch->ended) {
                FcgiClientEvent event;
                unsigned int status = 0;
                size_t n;

                if (fcgi_client_feed(&exchange->relay.connection->client,
                                     data + used,
                                     size - used,
                                     &n,
                                     &event) < 0) {
                        *reterr = "no memory";
                        return 502;
                }
                used += n;

                switch (event.type) {
                case FCGI_CLIENT_NEED_MORE:
                        *ret_used = used;
                        return 0;
                case FCGI_CLIENT_STDOUT:
                        status = relay_batch_take_stdout(exchange, batch, &event, reterr);
                        break;
                case FCGI_CLIENT_STDERR:
                        trouble_log_stderr(exchange, event.data, event.size);
                        break;
                case FCGI_CLIENT_END:
                        batch->ended = true;
                        status = relay_batch_take_end(exchange, &event, reterr);
                        break;
                case FCGI_CLIENT_VIOLATION:
                case _FCGI_CLIENT_EVENT_TYPE_MAX:
                default:
                        *reterr = event.error;
                        return 502;
                }
                if (status != 0)
                        return status;
        }

        *ret_used = used;
        return 0;
}
