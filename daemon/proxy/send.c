/* SPDX-License-Identifier: MIT */
/*
 * What a connection sends: the buffer, then the file behind it
 *
 * The head of a file's answer waits in the kernel for the first bytes of the
 * file (MSG_MORE), so a small file is one segment.
 */

#include <sys/sendfile.h>
#include <sys/socket.h>
#include "proxy/connection.h"
#include "proxy/proxy.h"
#include "util/fd.h"

#define SEND_FILE_SIZE (1024U * 1024U)
#define SEND_TURN_MAX  16U /* of such pieces, before others have their turn */

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
                connection->file_left -= (uint64_t)n;
        }

        connection->file_fd = fd_close(connection->file_fd);
        return 0;
}

static int connection_send(Connection *connection) {
        while (buffer_size(&connection->out) > 0) {
                int flags = MSG_NOSIGNAL | (connection->file_left > 0 ? MSG_MORE : 0);
                size_t size = buffer_size(&connection->out);
                ssize_t n = send(connection->source.fd, buffer_data(&connection->out), size, flags);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        connection->writable = errno == EAGAIN ? false : connection->writable;
                        return -errno;
                }
                buffer_consume(&connection->out, (size_t)n);
        }

        return connection_send_file(connection);
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

        if (!connection->blocked || buffer_size(&connection->out) + connection->file_left < before)
                timer_set(&connection->proxy->loop,
                          &connection->timer,
                          connection->proxy->sites->config->send_usec);
        connection->blocked = true;
        return -EAGAIN;
}
