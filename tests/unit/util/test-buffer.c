/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "util/buffer.h"

static void test_append_and_consume(void) {
        Buffer b = BUFFER_NULL(1 << 20);
        uint8_t expected = 0, seen = 0;

        for (int i = 0; i < 5000; i++) {
                uint8_t chunk[37];

                for (size_t k = 0; k < sizeof(chunk); k++)
                        chunk[k] = expected++;
                test_int(buffer_append(&b, chunk, sizeof(chunk)), 0);
                for (int k = 0; k < 31; k++) {
                        test_int(*buffer_data(&b), seen++);
                        buffer_consume(&b, 1);
                }
        }
        test_int(buffer_size(&b), 5000 * 6);
        buffer_done(&b);
        buffer_done(&b);
}

static void test_limit_is_hard(void) {
        Buffer b = BUFFER_NULL(1000);
        uint8_t bytes[1001] = {};

        test_int(buffer_append(&b, bytes, 1001), -ENOBUFS);
        test_int(buffer_append(&b, bytes, 1000), 0);
        test_int(buffer_append(&b, bytes, 1), -ENOBUFS);
        buffer_consume(&b, 400);
        test_int(buffer_append(&b, bytes, 400), 0);
        test_int(buffer_append(&b, bytes, 1), -ENOBUFS);
        test_int(buffer_append(&b, bytes, SIZE_MAX), -ENOBUFS);
        test_int(buffer_size(&b), 1000);
        buffer_done(&b);
}

static void test_appendf(void) {
        Buffer b = BUFFER_NULL(16);

        test_int(buffer_appendf(&b, "%d-%s", 42, "x"), 0);
        test_bytes(buffer_data(&b), buffer_size(&b), "42-x", 4);
        test_int(buffer_appendf(&b, "%20d", 1), -ENOBUFS);
        buffer_done(&b);
}

int main(void) {
        test_run(test_append_and_consume);
        test_run(test_limit_is_hard);
        test_run(test_appendf);
        return 0;
}
