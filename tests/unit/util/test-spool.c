/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include "test.h"
#include "util/fd.h"
#include "util/spool.h"

static void check(Spool *spool, const uint8_t *data, size_t size) {
        uint8_t piece[7];

        test_int(spool->size, size);
        for (size_t offset = 0; offset < size;) {
                ssize_t n = spool_read(spool, offset, piece, sizeof(piece));

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
                Spool spool;

                spool_init(&spool, 16);
                for (size_t i = 0; i < sizeof(data); i += step) {
                        size_t n = MIN2(step, sizeof(data) - i);

                        test_int(spool_append(&spool, data + i, n, "/tmp"), 0);
                        test_int(spool.fd >= 0, i + n > 16);
                        check(&spool, data, i + n);
                }
                spool_done(&spool);
                test_true(spool.fd < 0);
        }
}

static void test_no_room_is_said(void) {
        Spool spool;

        spool_init(&spool, 4);
        test_int(spool_append(&spool, "123", 3, "/nonexistent"), 0);
        test_int(spool_append(&spool, "45", 2, "/nonexistent"), -ENOENT);
        test_int(spool.size, 3);
        spool.fd = open("/dev/full", O_RDWR | O_CLOEXEC);
        test_int(spool_append(&spool, "45", 2, "/tmp"), -ENOSPC);
        spool_done(&spool);
}

int main(void) {
        test_run(test_it_moves_to_a_file_exactly_when_memory_is_full);
        test_run(test_no_room_is_said);
        return 0;
}
