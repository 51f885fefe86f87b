/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Checks of the server's events for an input, however the input is cut
 */

#include "unit/fcgi/server-trace.h"
#include "unit/fcgi/wire.h"

static inline void server_trace_piece(ServerTrace *trace, const uint8_t *data, size_t size) {
        uint8_t *bytes = guard_copy(data, size);

        server_trace_feed(trace, bytes, size);
        guard_free(bytes, size);
}

/* The input in two pieces; then whole, if @split is 0. */
static inline void check_split(const Buffer *wire, size_t split, const char *expected) {
        ServerTrace trace;

        server_trace_init(&trace);
        server_trace_piece(&trace, buffer_data(wire), split);
        server_trace_piece(&trace, buffer_data(wire) + split, buffer_size(wire) - split);
        test_string(server_trace_text(&trace), expected);
        server_trace_done(&trace);
}

static inline void check_trickled(const Buffer *wire, const char *expected) {
        ServerTrace trace;

        server_trace_init(&trace);
        trace.restart = true;
        for (size_t i = 0; i < buffer_size(wire); i++)
                server_trace_piece(&trace, buffer_data(wire) + i, 1);
        test_string(server_trace_text(&trace), expected);
        server_trace_done(&trace);
}

/* Every way of cutting the input gives the same events. Frees @wire. */
static inline void check(Buffer *wire, const char *expected) {
        for (size_t split = 0; split <= buffer_size(wire); split++)
                check_split(wire, split, expected);
        check_trickled(wire, expected);
        buffer_done(wire);
}

/* For inputs too long for every cut. */
static inline void check_some(Buffer *wire, const char *expected) {
        size_t size = buffer_size(wire);

        for (size_t split = 0; split < 40; split++) {
                check_split(wire, split, expected);
                check_split(wire, size / 2 + split, expected);
                check_split(wire, size - split, expected);
        }
        buffer_done(wire);
}

/* Two parameters in wire form. */
#define PARAMS_AB  \
        "\x01\x01" \
        "Aa"       \
        "\x01\x02" \
        "Bbb"
