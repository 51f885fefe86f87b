/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/fd.h"

int fd_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                (void)close(fd); /* Linux has freed the descriptor whatever close(2) says */
                errno = saved;
        }

        return -EBADF;
}

static int fd_change_flag(int fd, int get, int set, int flag, bool on) {
        int flags = fcntl(fd, get), wanted;

        if (flags < 0)
                return -errno;

        wanted = on ? flags | flag : flags & ~flag;
        if (wanted != flags && fcntl(fd, set, wanted) < 0)
                return -errno;
        return 0;
}

int fd_close_connection(int fd) {
        if (fd >= 0)
                (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){}, sizeof(struct linger));
        return fd_close(fd);
}

int fd_set_nonblock(int fd, bool nonblock) {
        return fd_change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, nonblock);
}

int fd_set_cloexec(int fd, bool cloexec) {
        return fd_change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, cloexec);
}

int fd_send_message(int fd, const void *data, size_t size, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr align;
                uint8_t bytes[CMSG_SPACE(sizeof(int) * FD_MESSAGE_MAX)];
        } control = {};
        struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        assert(n_fds <= FD_MESSAGE_MAX);

        if (n_fds > 0) {
                struct cmsghdr *cmsg = &control.align;

                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                cmsg->cmsg_level = SOL_SOCKET;
                cmsg->cmsg_type = SCM_RIGHTS;
                cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
                memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
        }

        do
                n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);

        return n < 0 ? -errno : 0;
}

/* Takes what descriptors came; what does not fit in @fds is closed. */
static size_t fd_take_rights(struct msghdr *message, int *fds, size_t n_max) {
        size_t n = 0;

        for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg; cmsg = CMSG_NXTHDR(message, cmsg)) {
                size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
                        continue;

                for (size_t i = 0; i < count; i++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
                        if (n < n_max)
                                fds[n++] = fd;
                        else
                                fd_close_connection(fd);
                }
        }

        return n;
}

#define CONTROL_OTHERS_SIZE 512U /* credentials and a label */

ssize_t fd_recv_message(int fd, void *data, size_t size, int *fds, size_t *n_fds) {
        union {
                struct cmsghdr align;
                /* who shares the socket may have asked for credentials, which come first (unix(7)) */
                uint8_t bytes[CMSG_SPACE(sizeof(int) * FD_MESSAGE_MAX) + CONTROL_OTHERS_SIZE];
        } control;
        struct iovec iov = { .iov_base = data, .iov_len = size };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        size_t n_max = n_fds ? *n_fds : 0, n_taken;
        ssize_t n;

        do
                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        n_taken = fd_take_rights(&message, fds, n_max);
        if (n == 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
                while (n_taken > 0) {
                        n_taken--;
                        fds[n_taken] = fd_close_connection(fds[n_taken]);
                }
        if (message.msg_flags & MSG_TRUNC)
                return -EMSGSIZE;

        if (n_fds)
                *n_fds = n_taken;
        return n;
}

int fd_open_spool(const char *directory) {
        int fd;

        if (directory)
                fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
        else
                fd = memfd_create("php-pool-spool", MFD_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

ssize_t fd_recv(int fd, void *data, size_t size) {
        ssize_t n;

        do
                n = recv(fd, data, size, 0);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

ssize_t fd_send(int fd, const void *data, size_t size, int flags) {
        ssize_t n;

        do
                n = send(fd, data, size, flags | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

int fd_write_all(int fd, const void *data, size_t size) {
        const uint8_t *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0) /* no file of ours, but what another process calls one may do that for ever */
                        return -EIO;
                p += n;
                size -= (size_t)n;
        }

        return 0;
}

int fd_read_file(const char *path, size_t max, char **ret, size_t *ret_size) {
        _cleanup_(fd_closep) int fd = -EBADF;
        _cleanup_(freep) char *text = NULL;
        struct stat st;
        size_t size = 0;

        /* O_NONBLOCK: a FIFO must not make us wait for its writer */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOTTY;

        text = malloc(max + 1);
        if (!text)
                return -ENOMEM;

        for (;;) {
                ssize_t n = read(fd, text + size, max + 1 - size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        break;
                size += (size_t)n;
                if (size > max)
                        return -EFBIG;
        }

        text[size] = '\0';
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}
