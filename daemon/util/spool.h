/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bytes that may grow large: in memory up to a bound, then in a nameless file
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "util/buffer.h"

typedef struct Spool Spool;

struct Spool {
        Buffer memory;
        int fd; /* -EBADF: still in memory */
        uint64_t size;
        size_t memory_max;
};

void spool_init(Spool *spool, size_t memory_max);
void spool_done(Spool *spool);

/* @directory: where the file is made. 0; -ENOSPC, -EDQUOT, -EFBIG: no room for it; other -errno. */
int spool_append(Spool *spool, const void *data, size_t size, const char *directory);

/* Bytes read, at least one where offset < size; or -errno. */
ssize_t spool_read(const Spool *spool, uint64_t offset, void *buffer, size_t size);
