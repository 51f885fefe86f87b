/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a FcgiClient made of its input, as text, a line per event
 *
 *     out Status: 200...
 *     err PHP message...
 *     end 0 0
 *
 * Slices of one stream that follow each other are one line, so the text does
 * not depend on how the input was cut.
 */

#include "fcgi/client.h"
#include "test.h"

typedef struct ClientTrace ClientTrace;

struct ClientTrace {
        FcgiClient client;
        Buffer text;
        FcgiClientEventType last;
        bool over;
};

static inline void client_trace_init(ClientTrace *trace, uint16_t id) {
        *trace = (ClientTrace){ .text = BUFFER_NULL(64U << 20) };
        fcgi_client_init(&trace->client, id);
}

static inline void client_trace_done(ClientTrace *trace) {
        buffer_done(&trace->text);
}

static inline void client_trace_put(ClientTrace *trace, const void *data, size_t size) {
        test_int(buffer_append(&trace->text, data, size), 0);
}

static inline bool client_event_is_slice(FcgiClientEventType type) {
        return type == FCGI_CLIENT_STDOUT || type == FCGI_CLIENT_STDERR;
}

static inline void client_trace_event(ClientTrace *trace, const FcgiClientEvent *event) {
        bool slice = client_event_is_slice(event->type);

        if (client_event_is_slice(trace->last) && event->type != trace->last)
                client_trace_put(trace, "\n", 1);
        if (slice && event->type != trace->last)
                client_trace_put(trace, event->type == FCGI_CLIENT_STDOUT ? "out " : "err ", 4);

        if (slice)
                client_trace_put(trace, event->data, event->size);
        else if (event->type == FCGI_CLIENT_END)
                test_int(buffer_appendf(&trace->text,
                                        "end %u %u\n",
                                        event->app_status,
                                        event->protocol_status),
                         0);
        else
                test_int(buffer_appendf(&trace->text, "%s\n", event->error), 0);
        trace->last = event->type;
        trace->over = event->type == FCGI_CLIENT_VIOLATION;
}

static inline void client_trace_feed(ClientTrace *trace, const uint8_t *data, size_t size) {
        while (!trace->over) {
                FcgiClientEvent event;
                size_t used;

                test_int(fcgi_client_feed(&trace->client, data, size, &used, &event), 0);
                test_true(used <= size);
                if (event.type == FCGI_CLIENT_NEED_MORE) {
                        test_int(used, size);
                        break;
                }

                if (client_event_is_slice(event.type)) {
                        test_true(event.size > 0);
                        test_true(event.data >= data && event.data + event.size == data + used);
                }
                if (event.type != FCGI_CLIENT_VIOLATION)
                        test_true(used > 0);
                /* After its end a request has no more events but one. */
                if (trace->last == FCGI_CLIENT_END)
                        test_true(event.type == FCGI_CLIENT_VIOLATION && used == 0);

                data += used;
                size -= used;
                client_trace_event(trace, &event);
        }
}

/* After the last feed. NUL-terminated, owned by @trace. */
static inline const char *client_trace_text(ClientTrace *trace) {
        if (client_event_is_slice(trace->last))
                client_trace_put(trace, "\n", 1);
        client_trace_put(trace, "", 1);
        return (const char *)buffer_data(&trace->text);
}
