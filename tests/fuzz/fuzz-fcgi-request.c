/* SPDX-License-Identifier: MIT */
/*
 * Parameters of any number and size, encoded by the client's side and decoded
 * by the server's, are the parameters again
 *
 * The input is sizes: a byte for a name, three for a value, up to 128 KiB. So a
 * few bytes reach past every limit of a record.
 */

#include "fcgi/client.h"
#include "fcgi/server.h"
#include "fuzz/fuzz.h"
#include "fuzz/pieces.h"
#include "test.h"

enum {
        PAIRS_MAX = 32,
        PAIRS_SIZE_MAX = 400 * 1024,
        VALUE_SIZE_MAX = 128 * 1024,
};

/*
 * Bytes that differ from place to place, so that one too many or too few shows.
 * Each pair begins at another place.
 */
static const uint8_t *pattern(size_t offset) {
        static uint8_t bytes[VALUE_SIZE_MAX + 1024];

        if (bytes[1] == 0)
                for (size_t i = 0; i < sizeof(bytes); i++)
                        bytes[i] = (uint8_t)(i * 7 + (i >> 8));
        return bytes + offset;
}

static void make_pairs(Pairs *pairs, const uint8_t *data, size_t size) {
        for (size_t i = 0; i + 4 <= MIN2(size, PAIRS_MAX * 4); i += 4) {
                size_t value_size = (size_t)(data[i + 1] & 1) << 16 | (size_t)data[i + 2] << 8 | data[i + 3];

                if (pairs_add(pairs, pattern(i), data[i], pattern(i + 256), value_size) < 0)
                        break;
        }
}

static void check_pairs(const Pairs *a, const Pairs *b) {
        test_int(a->n_entries, b->n_entries);
        for (size_t i = 0; i < a->n_entries; i++) {
                Pair x = pairs_at(a, i), y = pairs_at(b, i);

                test_bytes(x.name, x.name_size, y.name, y.name_size);
                test_bytes(x.value, x.value_size, y.value, y.value_size);
        }
}

static FcgiEventType feed(FcgiServer *server, const uint8_t **data, size_t *size) {
        FcgiEvent event;
        size_t used;

        test_int(fcgi_server_feed(server, *data, *size, &used, &event), 0);
        *data += used;
        *size -= used;
        return event.type;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Buffer buffer = BUFFER_NULL(4U << 20);
        const uint8_t *wire;
        FcgiServer server;
        size_t wire_size;
        Pairs pairs;

        pairs_init(&pairs, PAIRS_MAX, PAIRS_SIZE_MAX);
        make_pairs(&pairs, data, size);

        fcgi_server_init(&server, PAIRS_MAX, PAIRS_SIZE_MAX);
        test_int(fcgi_client_encode_request(&buffer, 258, true, &pairs), 0);
        test_int(fcgi_client_encode_stdin_end(&buffer, 258), 0);
        wire = buffer_data(&buffer);
        wire_size = buffer_size(&buffer);

        test_int(feed(&server, &wire, &wire_size), FCGI_EVENT_PARAMS);
        test_int(server.id, 258);
        test_true(server.keep_conn);
        check_pairs(&server.params, &pairs);
        test_int(feed(&server, &wire, &wire_size), FCGI_EVENT_STDIN_END);
        test_int(wire_size, 0);

        fcgi_server_done(&server);
        buffer_done(&buffer);
        pairs_done(&pairs);
        return 0;
}
