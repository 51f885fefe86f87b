/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "test.h"
#include "util/fd.h"

static int n_open(void) {
        int n = 0;

        for (int fd = 0; fd < 256; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        n++;
        return n;
}

static void messages_carry_descriptors(void) {
        int pair[2], fds[2] = { -EBADF, -EBADF }, before;
        size_t n_fds = 2;
        char text[8];

        test_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        before = n_open();
        test_int(fd_send_message(pair[0], "hello", 5, (int[]){ 0, 1 }, 2), 0);
        test_int(fd_recv_message(pair[1], text, sizeof(text), fds, &n_fds), 5);
        test_int(n_fds, 2);
        test_int(n_open(), before + 2);
        test_int(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
        close(fds[0]);
        close(fds[1]);

        /* more than were asked for are closed; with a message that is too long all are */
        n_fds = 1;
        test_int(fd_send_message(pair[0], "hello", 5, (int[]){ 0, 1, 2 }, 3), 0);
        test_int(fd_recv_message(pair[1], text, sizeof(text), fds, &n_fds), 5);
        test_int(n_fds, 1);
        test_int(n_open(), before + 1);
        close(fds[0]);
        n_fds = 2;
        test_int(fd_send_message(pair[0], "much too long", 13, (int[]){ 0, 1 }, 2), 0);
        test_int(fd_recv_message(pair[1], text, sizeof(text), fds, &n_fds), -EMSGSIZE);
        test_int(n_open(), before);
        close(pair[0]);
        close(pair[1]);
}

/* A connection without the bytes that were read from it would go on in the middle of a request. */
static void half_of_the_descriptors_are_none(void) {
        int pair[2], fds[2] = { -EBADF, -EBADF }, before;
        struct rlimit limit, old;
        size_t n_fds = 2;
        char text[8];

        test_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        before = n_open();
        test_int(fd_send_message(pair[0], "hello", 5, (int[]){ 0, 1 }, 2), 0);

        test_int(getrlimit(RLIMIT_NOFILE, &old), 0);
        limit = old;
        limit.rlim_cur = (rlim_t)pair[1] + 2; /* one more finds a place */
        test_int(setrlimit(RLIMIT_NOFILE, &limit), 0);
        test_int(fd_recv_message(pair[1], text, sizeof(text), fds, &n_fds), 5);
        test_int(setrlimit(RLIMIT_NOFILE, &old), 0);
        test_int(n_fds, 0);
        test_int(n_open(), before);
        close(pair[0]);
        close(pair[1]);
}

/* It looks like the end of the stream, and who reads closes nothing then. */
static void nothing_with_descriptors_is_the_end_and_leaves_none(void) {
        int pair[2], fds[2] = { -EBADF, -EBADF }, before;
        size_t n_fds = 2;
        char text[8];

        test_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        before = n_open();
        test_int(fd_send_message(pair[0], "", 0, (int[]){ 0, 1 }, 2), 0);
        test_int(fd_recv_message(pair[1], text, sizeof(text), fds, &n_fds), 0);
        test_int(n_fds, 0);
        test_int(n_open(), before);
        close(pair[0]);
        close(pair[1]);
}

static void credentials_leave_room_for_descriptors(void) {
        int pair[2], fds[FD_MESSAGE_MAX], sent[FD_MESSAGE_MAX] = {};
        size_t n_fds = FD_MESSAGE_MAX;
        char text[8];

        test_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        test_int(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)), 0);
        test_int(fd_send_message(pair[0], "hello", 5, sent, FD_MESSAGE_MAX), 0);
        test_int(fd_recv_message(pair[1], text, sizeof(text), fds, &n_fds), 5);
        test_int(n_fds, FD_MESSAGE_MAX);
        for (size_t i = 0; i < n_fds; i++)
                close(fds[i]);
        close(pair[0]);
        close(pair[1]);
}

/* The memory of a process that has ended: a regular file, and write(2) gives 0. */
static void a_file_that_takes_nothing_is_no_file(void) {
        char path[64];
        pid_t child;
        int fd;

        child = fork();
        test_true(child >= 0);
        if (child == 0)
                for (;;)
                        pause();
        (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)child);
        fd = open(path, O_RDWR | O_CLOEXEC);
        test_true(fd >= 0);
        test_int(kill(child, SIGKILL), 0);
        test_int(waitpid(child, NULL, 0), child);

        alarm(5); /* or it would try for ever */
        test_int(fd_write_all(fd, "hello", 5), -EIO);
        alarm(0);
        close(fd);
}

static void whether_a_call_waits_can_be_changed(void) {
        int pair[2];

        test_int(pipe2(pair, O_CLOEXEC), 0);
        test_int(fd_set_nonblock(pair[0], true), 0);
        test_true(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
        test_int(fd_set_nonblock(pair[0], false), 0);
        test_true(!(fcntl(pair[0], F_GETFL) & O_NONBLOCK));
        close(pair[0]);
        close(pair[1]);
        test_int(fd_set_nonblock(pair[0], true), -EBADF);
}

int main(void) {
        test_run(messages_carry_descriptors);
        test_run(half_of_the_descriptors_are_none);
        test_run(nothing_with_descriptors_is_the_end_and_leaves_none);
        test_run(credentials_leave_room_for_descriptors);
        test_run(a_file_that_takes_nothing_is_no_file);
        test_run(whether_a_call_waits_can_be_changed);
        return 0;
}
