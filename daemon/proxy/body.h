/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A request body, spooled: in memory up to a bound, then in a nameless file
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "util/buffer.h"

typedef struct Body Body;

struct Body {
        Buffer memory;
        int fd; /* -EBADF: still in memory */
        uint64_t size;
        size_t memory_max;
};

void body_init(Body *body, size_t memory_max);
void body_done(Body *body);

/* @directory: where the file is made. 0; -ENOSPC, -EDQUOT, -EFBIG: no room for it; other -errno. */
int body_append(Body *body, const void *data, size_t size, const char *directory);

/* Bytes read, at least one where offset < size; or -errno. */
ssize_t body_read(const Body *body, uint64_t offset, void *buffer, size_t size);
