/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Growable byte buffer with a read cursor and a hard limit
 *
 * Bytes are appended at the end and consumed at the front. The readable bytes
 * are always contiguous: buffer_data(), buffer_size(). Nothing is allocated
 * before the first append.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "util/cleanup.h"

typedef struct Buffer Buffer;

struct Buffer {
        uint8_t *data;    /* owned */
        size_t start;     /* first unread byte */
        size_t end;       /* one past the last byte */
        size_t allocated; /* bytes at data */
        size_t limit;     /* most unread bytes it will ever hold */
};

#define BUFFER_NULL(l) \
        { .limit = (l) }

void buffer_init(Buffer *buffer, size_t limit);
void buffer_done(Buffer *buffer); /* frees; usable again with the same limit */

/*
 * Makes room for @size more bytes behind the readable ones and returns where
 * to write them; buffer_commit() then says how many were written.
 * -ENOBUFS: the limit would be passed. -ENOMEM.
 */
int buffer_reserve(Buffer *buffer, size_t size, uint8_t **ret);
void buffer_commit(Buffer *buffer, size_t size);

int buffer_append(Buffer *buffer, const void *data, size_t size);
int buffer_appendf(Buffer *buffer, const char *format, ...) _printf_(2, 3);
void buffer_consume(Buffer *buffer, size_t size);
void buffer_clear(Buffer *buffer); /* forgets the bytes, keeps the memory */

static inline const uint8_t *buffer_data(const Buffer *buffer) {
        /* NULL + 0 is undefined in C (C17 6.5.6) */
        return buffer->data ? buffer->data + buffer->start : NULL;
}

static inline size_t buffer_size(const Buffer *buffer) {
        return buffer->end - buffer->start;
}
