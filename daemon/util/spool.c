/* SPDX-License-Identifier: MIT */
/*
 * Bytes that may grow large, in memory up to a bound, then in a file
 *
 * The file has no name (O_TMPFILE): it is gone with its descriptor, whatever
 * ends the program.
 */

#include <string.h>
#include <unistd.h>
#include "util/fd.h"
#include "util/spool.h"

void spool_init(Spool *spool, size_t memory_max) {
        *spool = (Spool){ .fd = -EBADF, .memory_max = memory_max };
        buffer_init(&spool->memory, memory_max);
}

void spool_done(Spool *spool) {
        buffer_done(&spool->memory);
        spool->fd = fd_close(spool->fd);
        spool->size = 0;
}

static int spool_move_to_file(Spool *spool, const char *directory) {
        _cleanup_(fd_closep) int fd = -EBADF;
        int r;

        fd = fd_open_spool(directory);
        if (fd < 0)
                return fd;

        r = fd_write_all(fd, buffer_data(&spool->memory), buffer_size(&spool->memory));
        if (r < 0)
                return r;

        buffer_done(&spool->memory);
        spool->fd = TAKE_FD(fd);
        return 0;
}

int spool_append(Spool *spool, const void *data, size_t size, const char *directory) {
        int r;

        if (spool->fd < 0 && size > spool->memory_max - buffer_size(&spool->memory)) {
                r = spool_move_to_file(spool, directory);
                if (r < 0)
                        return r;
        }

        if (spool->fd >= 0)
                r = fd_write_all(spool->fd, data, size);
        else
                r = buffer_append(&spool->memory, data, size);
        if (r < 0)
                return r;

        spool->size += size;
        return 0;
}

ssize_t spool_read(const Spool *spool, uint64_t offset, void *buffer, size_t size) {
        ssize_t n;

        size = (size_t)MIN2((uint64_t)size, spool->size - offset);
        if (spool->fd < 0) {
                memcpy(buffer, buffer_data(&spool->memory) + offset, size);
                return (ssize_t)size;
        }

        do
                n = pread(spool->fd, buffer, size, (off_t)offset);
        while (n < 0 && errno == EINTR);

        if (n < 0)
                return -errno;
        return n == 0 && size > 0 ? -EIO : n; /* the file cannot have become shorter */
}
