/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The whole of the unit-test framework: checks that print both values, and
 * copies of inputs that end at an unreadable page.
 */

#undef NDEBUG
#include <assert.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define test_fail(...)                                          \
        do {                                                    \
                fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
                fprintf(stderr, __VA_ARGS__);                   \
                fputc('\n', stderr);                            \
                abort();                                        \
        } while (0)

#define test_true(x)                                   \
        do {                                           \
                if (!(x))                              \
                        test_fail("not true: %s", #x); \
        } while (0)

#define test_int(a, b)                                                          \
        do {                                                                    \
                long long a_ = (long long)(a), b_ = (long long)(b);             \
                if (a_ != b_)                                                   \
                        test_fail("%s is %lld, not %lld (%s)", #a, a_, b_, #b); \
        } while (0)

#define test_string(a, b)                                                              \
        do {                                                                           \
                const char *a_ = (a), *b_ = (b);                                       \
                if (!a_ || strcmp(a_, b_) != 0)                                        \
                        test_fail("%s is '%s', not '%s'", #a, a_ ? a_ : "(null)", b_); \
        } while (0)

#define test_bytes(a, a_n, b, b_n)                                                                   \
        do {                                                                                         \
                size_t a_n_ = (a_n), b_n_ = (b_n);                                                   \
                if (a_n_ != b_n_ || (a_n_ > 0 && memcmp((a), (b), a_n_) != 0))                       \
                        test_fail("%s (%zu bytes) differs from %s (%zu bytes)", #a, a_n_, #b, b_n_); \
        } while (0)

/*
 * A copy of @size bytes whose end touches a page that may not be read: any
 * read past the end crashes, with and without a sanitizer. Free it with
 * guard_free(). Works for size 0.
 */
static inline uint8_t *guard_copy(const void *data, size_t size) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page * page;
        uint8_t *map = mmap(NULL, pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        assert(map != MAP_FAILED);
        assert(mprotect(map + pages, page, PROT_NONE) == 0);
        if (size > 0)
                memcpy(map + pages - size, data, size);
        return map + pages - size;
}

static inline void guard_free(uint8_t *data, size_t size) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page * page;

        assert(munmap(data + size - pages, pages + page) == 0);
}

/* Prints its name, so that a failing run says where it stood. */
#define test_run(f)                 \
        do {                        \
                printf("%s\n", #f); \
                fflush(stdout);     \
                f();                \
        } while (0)
