/* SPDX-License-Identifier: MIT */
/*
 * What a connection sends: the buffer, then the file, then the tail
 *
 * The file is one that was asked for, or the spool: a nameless file for what
 * the client has not taken, so that a slow client holds a descriptor and some
 * disk space instead of a worker. Once bytes are in the spool all that follow
 * go there too, until the client has taken them all. When the disk is full, or
 * the spool as large as it may be, the last piece stays in the tail and nothing
 * more is taken from the pool for now.
 *
 * The head of a file's answer waits in the kernel for the first bytes of the
 * file (MSG_MORE), so a small file is one segment.
 */

#include <limits.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>
#include "proxy/connection.h"
#include "proxy/proxy.h"
#include "util/fd.h"

#define SEND_FILE_SIZE (1024U * 1024U)
#define SEND_TURN_MAX  16U /* of such pieces, before others have their turn */

/* Appends to the spool; what was written of a piece that did not fit is overwritten by the next. */
static bool connection_spool(Connection *connection, const uint8_t *data, size_t size) {
        uint64_t end = connection->file_offset + connection->file_left;

        if (end + size > connection->proxy->sites->config->response_file)
                return false;

        for (size_t done = 0; done < size;) {
                ssize_t n = pwrite(connection->spool_fd, data + done, size - done, (off_t)(end + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                done += (size_t)n;
        }
        connection->file_left += size;
        return true;
}

void connection_append(Connection *connection, const void *data, size_t size) {
        Buffer *buffer = &connection->out;

        if (connection->spool_fd >= 0) {
                if (buffer_size(&connection->tail) == 0 && connection_spool(connection, data, size))
                        return;
                buffer = &connection->tail;
        }
        if (buffer_append(buffer, data, size) < 0)
                connection->out_failed = true;
}

bool connection_has_room(Connection *connection, bool spool) {
        const Proxy *proxy = connection->proxy;

        if (buffer_size(&connection->out) < proxy->sites->config->response_memory &&
            connection->spool_fd < 0)
                return true;
        if (!spool || buffer_size(&connection->tail) > 0)
                return false;
        if (connection->spool_fd >= 0)
                return true;

        connection->spool_fd =
                proxy->sites->config->response_file > 0 ? fd_open_spool(proxy->spool_dir) : -EBADF;
        if (connection->spool_fd < 0) {
                connection->spool_fd = -EBADF;
                return false;
        }
        connection->file_fd = connection->spool_fd;
        connection->file_offset = 0;
        return true;
}

/* Sends a part of the file; 0: all of it is sent. */
static int connection_send_file(Connection *connection) {
        for (unsigned int i = 0; connection->file_left > 0; i++) {
                off_t offset = (off_t)connection->file_offset;
                ssize_t n;

                if (i == SEND_TURN_MAX) {
                        loop_defer(&connection->proxy->loop, &connection->deferred);
                        return -EAGAIN;
                }

                n = sendfile(connection->source.fd,
                             connection->file_fd,
                             &offset,
                             MIN2(connection->file_left, (uint64_t)SEND_FILE_SIZE));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        connection->writable = errno == EAGAIN ? false : connection->writable;
                        return -errno;
                }
                if (n == 0)
                        return -EIO; /* shorter than it was: the length that was promised cannot be kept */

                connection->file_offset += (uint64_t)n;
                connection->sent_bytes += (uint64_t)n;
                counter_add(&connection->proxy->counters->sent_bytes, (uint64_t)n);
                connection->file_left -= (uint64_t)n;
        }

        connection->file_fd = -EBADF;
        return 0;
}

/* Spool and buffer are empty: what is in the tail is the next. */
static void connection_leave_spool(Connection *connection) {
        Buffer tail = connection->tail;

        connection->spool_fd = fd_close(connection->spool_fd);
        connection->tail = connection->out;
        connection->out = tail;
        buffer_clear(&connection->tail);
}

static int connection_send_buffer(Connection *connection) {
        while (buffer_size(&connection->out) > 0) {
                ssize_t n = fd_send(connection->source.fd,
                                    buffer_data(&connection->out),
                                    buffer_size(&connection->out),
                                    connection->file_left > 0 ? MSG_MORE : 0);

                if (n < 0) {
                        connection->writable = n != -EAGAIN && connection->writable;
                        return (int)n;
                }
                buffer_consume(&connection->out, (size_t)n);
                connection->sent_bytes += (uint64_t)n;
                counter_add(&connection->proxy->counters->sent_bytes, (uint64_t)n);
        }

        return 0;
}

static int connection_send(Connection *connection) {
        int r;

        do {
                r = connection_send_buffer(connection);
                r = r ?: connection_send_file(connection);
                if (r == 0 && connection->spool_fd >= 0)
                        connection_leave_spool(connection);
        } while (r == 0 && buffer_size(&connection->out) > 0);
        return r;
}

int connection_flush(Connection *connection) {
        uint64_t before = buffer_size(&connection->out) + connection->file_left;
        int r = -EAGAIN;

        if (connection->out_failed)
                return -ENOBUFS;
        if (connection->writable)
                r = connection_send(connection);
        if (r == 0) {
                connection->blocked = false;
                return 0;
        }
        if (r != -EAGAIN)
                return r;

        if (!connection->blocked || buffer_size(&connection->out) + connection->file_left < before) {
                connection->unsent = INT_MAX;
                timer_set(&connection->proxy->loop,
                          &connection->timer,
                          connection->proxy->sites->config->send_usec);
        }
        connection->blocked = true;
        return -EAGAIN;
}
