/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Ownership helpers. An object is declared with _cleanup_(x_freep) where it is
 * made and handed on with TAKE_PTR() in the last line, so that every early
 * return frees what was built so far.
 */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN2(a, b)    ((a) < (b) ? (a) : (b))
#define MAX2(a, b)    ((a) > (b) ? (a) : (b))

/* Gives the pointer and leaves NULL behind. */
#define TAKE_PTR(ptr)                               \
        ({                                          \
                __typeof__(ptr) *take_p_ = &(ptr);  \
                __typeof__(ptr) take_v_ = *take_p_; \
                *take_p_ = NULL;                    \
                take_v_;                            \
        })

/* Gives the descriptor and leaves -EBADF behind. */
#define TAKE_FD(fd)                     \
        ({                              \
                int *take_p_ = &(fd);   \
                int take_v_ = *take_p_; \
                *take_p_ = -EBADF;      \
                take_v_;                \
        })

/* Makes x_freep() for _cleanup_ out of a destructor that accepts NULL. */
#define DEFINE_CLEANUP(type, func)            \
        static inline void func##p(type *p) { \
                if (*p)                       \
                        func(*p);             \
        }                                     \
        struct cleanup_semicolon_

static inline void freep(void *p) {
        free(*(void **)p);
}
