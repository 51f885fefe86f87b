/* SPDX-License-Identifier: MIT */
/*
 * The least that a socket-activated service can do: answers one connection with one
 * byte and ends. What a unit costs before anything of ours runs.
 */

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
        LISTEN_FD = 3, /* sd_listen_fds(3) */
};

int main(void) {
        int fd = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);

        return fd >= 0 && write(fd, "x", 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
