/* SPDX-License-Identifier: MIT */
/*
 * Chunked bodies: the outcome is the same however the bytes arrive, and what
 * was decoded, encoded again, decodes to the same.
 */

#include "fuzz/fuzz.h"
#include "http/chunked.h"
#include "test.h"
#include "util/buffer.h"

typedef struct Outcome Outcome;

struct Outcome {
        HttpChunkedEventType type;
        const char *error;
        size_t used;
        Buffer body;
};

static void decode(const uint8_t *data, size_t size, size_t step, Outcome *ret) {
        HttpChunkedEvent event = {};
        HttpChunked chunked;
        size_t used;

        *ret = (Outcome){ .body = BUFFER_NULL(SIZE_MAX / 2) };
        http_chunked_init(&chunked);
        for (size_t begin = 0; begin < size || begin == 0;) {
                size_t n = step < size - begin ? step : size - begin, done = 0;
                /* a copy of its own, so that a sanitizer sees its end */
                uint8_t *copy = malloc(n > 0 ? n : 1);

                test_true(copy);
                if (n > 0)
                        memcpy(copy, data + begin, n);
                do {
                        http_chunked_feed(&chunked, copy + done, n - done, &used, &event);
                        test_true(used <= n - done);
                        done += used;
                        if (event.type == HTTP_CHUNKED_DATA) {
                                test_true(event.size > 0 && event.data >= copy &&
                                          event.data + event.size == copy + done);
                                test_int(buffer_append(&ret->body, event.data, event.size), 0);
                        }
                } while (event.type == HTTP_CHUNKED_DATA);
                free(copy);
                ret->used += done;
                if (event.type != HTTP_CHUNKED_NEED_MORE)
                        break;
                test_int(done, n);
                if (size == 0)
                        break;
                begin += n;
        }
        ret->type = event.type;
        ret->error = event.error;
}

static void check_same(Outcome *a, Outcome *b) {
        test_int(a->type, b->type);
        test_int(a->used, b->used);
        test_true(a->error == b->error);
        test_int(buffer_size(&a->body), buffer_size(&b->body));
        if (buffer_size(&a->body) > 0)
                test_bytes(buffer_data(&a->body),
                           buffer_size(&a->body),
                           buffer_data(&b->body),
                           buffer_size(&b->body));
}

/* In chunks of growing size. */
static void encode(Buffer *buffer, const uint8_t *data, size_t size) {
        size_t n;

        for (size_t i = 0, want = 1; i < size; i += n, want = want * 2 + 1) {
                char header[HTTP_CHUNK_HEADER_MAX];

                n = want < size - i ? want : size - i;
                test_int(buffer_append(buffer, header, http_chunk_header_encode(header, n)), 0);
                test_int(buffer_append(buffer, data + i, n), 0);
                test_int(buffer_append(buffer, HTTP_CHUNK_TAIL, strlen(HTTP_CHUNK_TAIL)), 0);
        }
        test_int(buffer_append(buffer, HTTP_CHUNKED_LAST, strlen(HTTP_CHUNKED_LAST)), 0);
}

static void check_round_trip(Outcome *whole) {
        Buffer encoded = BUFFER_NULL(SIZE_MAX / 2);
        Outcome back;

        encode(&encoded, buffer_data(&whole->body), buffer_size(&whole->body));
        decode(buffer_data(&encoded), buffer_size(&encoded), 7, &back);
        whole->used = buffer_size(&encoded);
        check_same(whole, &back);
        buffer_done(&encoded);
        buffer_done(&back.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const size_t steps[] = { 1, 3, size / 2 + 1 };
        Outcome whole, other;

        decode(data, size, size > 0 ? size : 1, &whole);
        for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
                decode(data, size, steps[i], &other);
                check_same(&whole, &other);
                buffer_done(&other.body);
        }

        if (whole.type == HTTP_CHUNKED_END) {
                test_true(whole.used >= 5 && memcmp(data + whole.used - 2, "\r\n", 2) == 0);
                check_round_trip(&whole);
        }
        if (whole.type == HTTP_CHUNKED_VIOLATION)
                test_true(whole.error);
        buffer_done(&whole.body);
        return 0;
}
