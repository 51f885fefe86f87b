/* SPDX-License-Identifier: MIT */
/*
 * A request body, spooled
 *
 * The whole body is here before a pool hears of the request, so a slow client
 * costs a descriptor and no worker, a chunked body gets a real CONTENT_LENGTH,
 * and a request can be sent again when a kept connection turns out closed.
 * The file has no name (O_TMPFILE): it is gone with its descriptor, whatever
 * ends the proxy.
 */

#include <string.h>
#include <unistd.h>
#include "proxy/body.h"
#include "util/fd.h"

void body_init(Body *body, size_t memory_max) {
        *body = (Body){ .fd = -EBADF, .memory_max = memory_max };
        buffer_init(&body->memory, memory_max);
}

void body_done(Body *body) {
        buffer_done(&body->memory);
        body->fd = fd_close(body->fd);
        body->size = 0;
}

static int body_move_to_file(Body *body, const char *directory) {
        _cleanup_(fd_closep) int fd = -EBADF;
        int r;

        fd = fd_open_spool(directory);
        if (fd < 0)
                return fd;

        r = fd_write_all(fd, buffer_data(&body->memory), buffer_size(&body->memory));
        if (r < 0)
                return r;

        buffer_done(&body->memory);
        body->fd = TAKE_FD(fd);
        return 0;
}

int body_append(Body *body, const void *data, size_t size, const char *directory) {
        int r;

        if (body->fd < 0 && size > body->memory_max - buffer_size(&body->memory)) {
                r = body_move_to_file(body, directory);
                if (r < 0)
                        return r;
        }

        if (body->fd >= 0)
                r = fd_write_all(body->fd, data, size);
        else
                r = buffer_append(&body->memory, data, size);
        if (r < 0)
                return r;

        body->size += size;
        return 0;
}

ssize_t body_read(const Body *body, uint64_t offset, void *buffer, size_t size) {
        ssize_t n;

        size = (size_t)MIN2((uint64_t)size, body->size - offset);
        if (body->fd < 0) {
                memcpy(buffer, buffer_data(&body->memory) + offset, size);
                return (ssize_t)size;
        }

        do
                n = pread(body->fd, buffer, size, (off_t)offset);
        while (n < 0 && errno == EINTR);

        if (n < 0)
                return -errno;
        return n == 0 && size > 0 ? -EIO : n; /* the file cannot have become shorter */
}
