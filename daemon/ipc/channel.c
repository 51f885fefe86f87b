/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "ipc/channel.h"
#include "util/fd.h"

int channel_pair(int *ret_a, int *ret_b) {
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;

        *ret_a = fds[0];
        *ret_b = fds[1];
        return 0;
}

int channel_send(int fd, const void *data, size_t size, const int *fds, size_t n_fds) {
        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLOUT };
                int r;

                r = fd_send_message(fd, data, size, fds, n_fds);
                if (r != -EAGAIN)
                        return r;
                if (poll(&p, 1, /* timeout= */ -1) < 0 && errno != EINTR)
                        return -errno;
        }
}

ssize_t channel_waiting(int fd, size_t size) {
        int bytes = 0;

        /* unix(7): for SOCK_SEQPACKET it counts the bytes of all waiting messages */
        if (ioctl(fd, SIOCINQ, &bytes) < 0)
                return -errno;

        return (ssize_t)((size_t)bytes / size);
}
