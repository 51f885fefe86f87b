/* SPDX-License-Identifier: MIT */
/*
 * What a pool may send to the proxy
 *
 * However the bytes are cut, the events are the same. The promises of each
 * single feed are checked in client-trace.h.
 */

#include "fuzz/fuzz.h"
#include "fuzz/pieces.h"
#include "unit/fcgi/client-trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const size_t pieces_max[] = { 1, 11, 300 };
        ClientTrace whole;

        client_trace_init(&whole, 1);
        client_trace_feed(&whole, data, size);
        client_trace_text(&whole);

        for (size_t i = 0; i < ELEMENTSOF(pieces_max); i++) {
                ClientTrace cut;
                Pieces pieces;
                uint8_t *piece;
                size_t n;

                client_trace_init(&cut, 1);
                pieces_init(&pieces, data, size, pieces_max[i]);
                while ((piece = pieces_next(&pieces, &n)))
                        client_trace_feed(&cut, piece, n);
                client_trace_text(&cut);
                test_bytes(buffer_data(&cut.text),
                           buffer_size(&cut.text),
                           buffer_data(&whole.text),
                           buffer_size(&whole.text));
                client_trace_done(&cut);
        }
        client_trace_done(&whole);
        return 0;
}
