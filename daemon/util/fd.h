/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * File descriptors. -EBADF stands for "none".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "util/cleanup.h"

/* Closes if there is one; gives -EBADF. Keeps errno. */
int fd_close(int fd);

static inline void fd_closep(int *fd) {
        fd_close(*fd);
}

int fd_set_nonblock(int fd, bool nonblock);
int fd_set_cloexec(int fd, bool cloexec);

/* A connection that another process may have set to wait on close(2) until its peer has read (SO_LINGER): it does not. */
int fd_close_connection(int fd);

#define FD_MESSAGE_MAX 8U

/*
 * One message on a SOCK_SEQPACKET socket, with up to FD_MESSAGE_MAX
 * descriptors (SCM_RIGHTS, unix(7)). The descriptors sent are NOT consumed.
 *
 * fd_send_message: 0 or -errno (-EAGAIN: the peer's queue is full).
 * fd_recv_message: the size of the message, 0 at the end of the stream, or
 *   -errno; -EMSGSIZE: the message did not fit (it is lost, its descriptors
 *   closed). Received descriptors are close-on-exec; *n_fds holds the room in
 *   @fds before and their number after. Where some found no place, because we
 *   have as many open as we may or more were sent than anybody should, there
 *   are none: half of what belongs together is worse than nothing.
 */
int fd_send_message(int fd, const void *data, size_t size, const int *fds, size_t n_fds);
ssize_t fd_recv_message(int fd, void *data, size_t size, int *fds, size_t *n_fds);

/*
 * A nameless file for bytes that may grow large: O_TMPFILE in @directory, or
 * a memfd where @directory is NULL. Close-on-exec. A descriptor or -errno.
 */
int fd_open_spool(const char *directory);

/* recv(2) and send(2) of a stream, again after a signal; the peer's end is no signal. A number of bytes or -errno. */
ssize_t fd_recv(int fd, void *data, size_t size);
ssize_t fd_send(int fd, const void *data, size_t size, int flags);

/* Writes all of it (blocking or regular descriptors). 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t size);

/*
 * Reads a regular file whole, @max bytes at most. The result has a NUL
 * behind it that @ret_size does not count.
 * -EFBIG: larger than @max. -ENOTTY: not a regular file.
 */
int fd_read_file(const char *path, size_t max, char **ret, size_t *ret_size);
