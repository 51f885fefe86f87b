/* SPDX-License-Identifier: MIT */
/*
 * Growable byte buffer
 *
 * Consuming only moves the cursor. Space before the cursor is won back when
 * the buffer runs empty (then for free) or when an append would not fit behind
 * (then by one move), so a stream that is read as fast as it is written costs
 * no copies. The allocation doubles and never passes the limit.
 */

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include "util/buffer.h"

#define BUFFER_FIRST_ALLOCATION 512U

void buffer_init(Buffer *buffer, size_t limit) {
        *buffer = (Buffer)BUFFER_NULL(limit);
}

void buffer_done(Buffer *buffer) {
        free(buffer->data);
        *buffer = (Buffer)BUFFER_NULL(buffer->limit);
}

int buffer_reserve(Buffer *buffer, size_t size, uint8_t **ret) {
        size_t unread = buffer_size(buffer);

        if (size > buffer->limit - unread)
                return -ENOBUFS;

        if (buffer->allocated - buffer->end < size && buffer->start > 0) {
                memmove(buffer->data, buffer->data + buffer->start, unread);
                buffer->start = 0;
                buffer->end = unread;
        }

        if (buffer->allocated - buffer->end < size || !buffer->data) {
                size_t wanted = MAX2(buffer->allocated, BUFFER_FIRST_ALLOCATION);
                uint8_t *data;

                while (wanted < unread + size)
                        wanted *= 2;
                wanted = MAX2(MIN2(wanted, buffer->limit), 1);

                data = realloc(buffer->data, wanted);
                if (!data)
                        return -ENOMEM;
                buffer->data = data;
                buffer->allocated = wanted;
        }

        *ret = buffer->data + buffer->end;
        return 0;
}

void buffer_commit(Buffer *buffer, size_t size) {
        assert(size <= buffer->allocated - buffer->end);
        buffer->end += size;
}

int buffer_append(Buffer *buffer, const void *data, size_t size) {
        uint8_t *p;
        int r;

        if (size == 0)
                return 0;

        r = buffer_reserve(buffer, size, &p);
        if (r < 0)
                return r;

        memcpy(p, data, size);
        buffer_commit(buffer, size);
        return 0;
}

int buffer_appendf(Buffer *buffer, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
        if (n < 0)
                return -ENOMEM;

        return buffer_append(buffer, text, (size_t)n);
}

void buffer_consume(Buffer *buffer, size_t size) {
        assert(size <= buffer_size(buffer));
        buffer->start += size;
        if (buffer->start == buffer->end)
                buffer_clear(buffer);
}

void buffer_clear(Buffer *buffer) {
        buffer->start = 0;
        buffer->end = 0;
}
