/* SPDX-License-Identifier: MIT */
/*
 * What a web server, or somebody who is none, may send to a pool
 *
 * However the bytes are cut, the events are the same. Where the decoder says
 * that it is idle, a fresh one can take its place. The promises of each single
 * feed are checked in server-trace.h.
 */

#include "fuzz/fuzz.h"
#include "fuzz/pieces.h"
#include "unit/fcgi/server-trace.h"

/* Below it, the bound for ignored records cannot be met; a fresh decoder would count anew. */
#define RESTART_SIZE_MAX (1000U * FCGI_HEADER_SIZE)

static void run_pieces(ServerTrace *trace, const uint8_t *data, size_t size, size_t piece_max) {
        Pieces pieces;
        uint8_t *piece;
        size_t n;

        trace->restart = size < RESTART_SIZE_MAX;
        pieces_init(&pieces, data, size, piece_max);
        while ((piece = pieces_next(&pieces, &n)))
                server_trace_feed(trace, piece, n);
}

/* A caller that gives up requests at odd moments: no event to compare, but nothing may break. */
static void run_impatient(const uint8_t *data, size_t size) {
        ServerTrace trace;
        Pieces pieces;
        uint8_t *piece;
        size_t n;

        server_trace_init(&trace);
        pieces_init(&pieces, data, size, 24);
        while ((piece = pieces_next(&pieces, &n))) {
                server_trace_feed(&trace, piece, n);
                if (n % 2 == 0)
                        fcgi_server_next(&trace.server);
        }
        server_trace_done(&trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const size_t pieces_max[] = { 1, 11, 300 };
        ServerTrace whole;

        server_trace_init(&whole);
        server_trace_feed(&whole, data, size);
        server_trace_text(&whole);

        for (size_t i = 0; i < ELEMENTSOF(pieces_max); i++) {
                ServerTrace cut;

                server_trace_init(&cut);
                run_pieces(&cut, data, size, pieces_max[i]);
                server_trace_text(&cut);
                test_bytes(buffer_data(&cut.text),
                           buffer_size(&cut.text),
                           buffer_data(&whole.text),
                           buffer_size(&whole.text));
                server_trace_done(&cut);
        }
        server_trace_done(&whole);

        run_impatient(data, size);
        return 0;
}
