/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a FcgiServer made of its input, as text, a line per event
 *
 *     params 1 keep A=1 B=
 *     stdin hello
 *     end
 *     reply 0103...
 *     idle
 *
 * Slices of stdin that follow each other are one line, so the text does not
 * depend on how the input was cut. All that the header promises of every feed
 * is checked on the way.
 */

#include "fcgi/server.h"
#include "test.h"

enum {
        TRACE_PARAMS_MAX = 64,
        TRACE_PARAMS_SIZE_MAX = 256 * 1024,
};

typedef struct ServerTrace ServerTrace;

struct ServerTrace {
        FcgiServer server;
        Buffer text;
        bool in_stdin;
        bool over;
        bool restart; /* replace the decoder by a fresh one wherever it is idle */
};

static inline void server_trace_init(ServerTrace *trace) {
        *trace = (ServerTrace){ .text = BUFFER_NULL(64U << 20) };
        fcgi_server_init(&trace->server, TRACE_PARAMS_MAX, TRACE_PARAMS_SIZE_MAX);
}

static inline void server_trace_done(ServerTrace *trace) {
        fcgi_server_done(&trace->server);
        buffer_done(&trace->text);
}

static inline void server_trace_put(ServerTrace *trace, const void *data, size_t size) {
        test_int(buffer_append(&trace->text, data, size), 0);
}

static inline void server_trace_line(ServerTrace *trace, const char *text) {
        if (trace->in_stdin)
                server_trace_put(trace, "\n", 1);
        trace->in_stdin = false;
        server_trace_put(trace, text, strlen(text));
}

static inline void server_trace_params(ServerTrace *trace) {
        const Pairs *params = &trace->server.params;

        test_true(trace->server.state == FCGI_SERVER_BODY);
        test_true(trace->server.id != 0);
        test_true(params->n_entries <= TRACE_PARAMS_MAX);
        test_true(buffer_size(&params->bytes) <= TRACE_PARAMS_SIZE_MAX);

        server_trace_line(trace, "params ");
        test_int(buffer_appendf(&trace->text,
                                "%d %s",
                                trace->server.id,
                                trace->server.keep_conn ? "keep" : "close"),
                 0);
        for (size_t i = 0; i < params->n_entries; i++) {
                Pair pair = pairs_at(params, i);

                server_trace_put(trace, " ", 1);
                server_trace_put(trace, pair.name, pair.name_size);
                server_trace_put(trace, "=", 1);
                server_trace_put(trace, pair.value, pair.value_size);
        }
        server_trace_put(trace, "\n", 1);
}

static inline void server_trace_reply(ServerTrace *trace, const FcgiEvent *event) {
        FcgiRecord record;

        /* One whole record. */
        test_true(event->size >= FCGI_HEADER_SIZE);
        fcgi_record_decode(&record, event->data);
        test_int(record.version, 1);
        test_int(record.content_size + record.padding_size + FCGI_HEADER_SIZE, event->size);

        server_trace_line(trace, "reply ");
        for (size_t i = 0; i < event->size; i++)
                test_int(buffer_appendf(&trace->text, "%02x", event->data[i]), 0);
        server_trace_put(trace, "\n", 1);
}

static inline void server_trace_stdin(ServerTrace *trace, const FcgiEvent *event) {
        test_true(trace->server.state == FCGI_SERVER_BODY);
        test_true(event->size > 0);
        if (!trace->in_stdin)
                server_trace_line(trace, "stdin ");
        trace->in_stdin = true;
        server_trace_put(trace, event->data, event->size);
}

static inline void
server_trace_whole(ServerTrace *trace, const char *text, const uint8_t *data, size_t size) {
        FcgiEvent event;
        size_t used;

        server_trace_line(trace, text);
        test_true(trace->server.state == FCGI_SERVER_WHOLE);

        /* Not a byte of what follows is touched. */
        test_int(fcgi_server_feed(&trace->server, data, size, &used, &event), 0);
        test_int(event.type, FCGI_EVENT_NEED_MORE);
        test_int(used, 0);
        fcgi_server_next(&trace->server);
        test_true(trace->server.state == FCGI_SERVER_IDLE);
}

static inline void
server_trace_event(ServerTrace *trace, const FcgiEvent *event, const uint8_t *data, size_t size) {
        switch (event->type) {
        case FCGI_EVENT_PARAMS:
                server_trace_params(trace);
                break;
        case FCGI_EVENT_STDIN:
                server_trace_stdin(trace, event);
                break;
        case FCGI_EVENT_STDIN_END:
                server_trace_whole(trace, "end\n", data, size);
                break;
        case FCGI_EVENT_ABORT:
                server_trace_whole(trace, "abort\n", data, size);
                break;
        case FCGI_EVENT_REPLY:
                server_trace_reply(trace, event);
                break;
        case FCGI_EVENT_CLOSE:
                server_trace_line(trace, "close\n");
                trace->over = true;
                break;
        case FCGI_EVENT_VIOLATION:
                server_trace_line(trace, event->error);
                server_trace_put(trace, "\n", 1);
                test_true(trace->server.state == FCGI_SERVER_BROKEN);
                trace->over = true;
                break;
        case FCGI_EVENT_NEED_MORE:
        case _FCGI_EVENT_TYPE_MAX:
                test_fail("event %d", (int)event->type);
        }
}

static inline void server_trace_feed(ServerTrace *trace, const uint8_t *data, size_t size) {
        while (!trace->over) {
                FcgiEvent event;
                size_t used;

                test_int(fcgi_server_feed(&trace->server, data, size, &used, &event), 0);
                test_true(used <= size);
                if (event.type == FCGI_EVENT_NEED_MORE) {
                        test_int(used, size);
                        break;
                }

                /* Slices are of the input; all but the last word cost the peer a byte. */
                if (event.type == FCGI_EVENT_STDIN)
                        test_true(event.data >= data && event.data + event.size == data + used);
                if (event.type != FCGI_EVENT_CLOSE && event.type != FCGI_EVENT_VIOLATION)
                        test_true(used > 0);

                data += used;
                size -= used;
                server_trace_event(trace, &event, data, size);
        }

        if (trace->restart && !trace->over && trace->server.state == FCGI_SERVER_IDLE)
                fcgi_server_restart(&trace->server);
}

/* After the last feed: what the peer left behind. NUL-terminated, owned by @trace. */
static inline const char *server_trace_text(ServerTrace *trace) {
        static const char *const states[] = {
                [FCGI_SERVER_IDLE] = "idle\n",
                [FCGI_SERVER_HEAD] = "head\n",
                [FCGI_SERVER_BODY] = "body\n",
        };

        if (!trace->over) {
                test_true((size_t)trace->server.state < ELEMENTSOF(states));
                server_trace_line(trace, states[trace->server.state]);
        }
        server_trace_put(trace, "", 1);
        return (const char *)buffer_data(&trace->text);
}
