/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include "proxy/body.h"
#include "test.h"
#include "util/fd.h"

static void check(Body *body, const uint8_t *data, size_t size) {
        uint8_t piece[7];

        test_int(body->size, size);
        for (size_t offset = 0; offset < size;) {
                ssize_t n = body_read(body, offset, piece, sizeof(piece));

                test_true(n > 0);
                test_bytes(piece, (size_t)n, data + offset, (size_t)n);
                offset += (size_t)n;
        }
}

static void test_it_moves_to_a_file_exactly_when_memory_is_full(void) {
        uint8_t data[40];

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (uint8_t)i;

        for (size_t step = 1; step <= sizeof(data); step++) {
                Body body;

                body_init(&body, 16);
                for (size_t i = 0; i < sizeof(data); i += step) {
                        size_t n = MIN2(step, sizeof(data) - i);

                        test_int(body_append(&body, data + i, n, "/tmp"), 0);
                        test_int(body.fd >= 0, i + n > 16);
                        check(&body, data, i + n);
                }
                body_done(&body);
                test_true(body.fd < 0);
        }
}

static void test_no_room_is_said(void) {
        Body body;

        body_init(&body, 4);
        test_int(body_append(&body, "123", 3, "/nonexistent"), 0);
        test_int(body_append(&body, "45", 2, "/nonexistent"), -ENOENT);
        test_int(body.size, 3);
        body.fd = open("/dev/full", O_RDWR | O_CLOEXEC);
        test_int(body_append(&body, "45", 2, "/tmp"), -ENOSPC);
        body_done(&body);
}

int main(void) {
        test_run(test_it_moves_to_a_file_exactly_when_memory_is_full);
        test_run(test_no_room_is_said);
        return 0;
}
