/* SPDX-License-Identifier: MIT */
/*
 * Other programs
 *
 * systemctl waits for PID 1, journalctl for the disk: both have a deadline here,
 * and what they write is bounded, so that our own program always ends.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ctl/child.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/fd.h"

int child_become(const char *const *argv) {
        (void)execvp(argv[0], (char *const *)argv); /* execvp(3) changes none of them */
        return -errno;
}

int child_wait(pid_t pid) {
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;

        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* In the child; @failure takes the errno of what goes wrong before the program runs. */
static _Noreturn void child_enter(const char *const *argv, int output, bool with_errors, int failure) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), error;

        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
            dup2(with_errors ? output : null, STDERR_FILENO) < 0 ||
            setenv("LC_ALL", "C", /* overwrite= */ 1) < 0)
                error = errno;
        else
                error = -child_become(argv);

        (void)fd_write_all(failure, &error, sizeof(error));
        _exit(127);
}

/* 0: it has closed its output; bytes beyond the limit are read, and dropped. */
static int child_read(int fd, uint64_t deadline_usec, Buffer *buffer) {
        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                uint64_t now = clock_now_usec();
                char bytes[16384];
                ssize_t n;

                if (now >= deadline_usec)
                        return -ETIMEDOUT;
                if (poll(&p, 1, (int)((deadline_usec - now) / USEC_PER_MSEC) + 1) <= 0)
                        continue;
                n = read(fd, bytes, sizeof(bytes));
                if (n == 0)
                        return 0;
                if (n < 0)
                        return errno == EINTR ? 0 : -errno;
                if (buffer_append(buffer, bytes, MIN2((size_t)n, buffer->limit - buffer_size(buffer))) < 0)
                        return -ENOMEM;
        }
}

static int child_collect(pid_t pid, int output, int failure, uint64_t timeout_usec, Buffer *buffer) {
        int error, r, status;

        r = child_read(output, clock_now_usec() + timeout_usec, buffer);
        if (r < 0)
                (void)kill(pid, SIGKILL); /* our own child, not waited for yet */
        status = child_wait(pid);
        if (r < 0)
                return r;

        return read(failure, &error, sizeof(error)) == sizeof(error) ? -error : status;
}

int child_run(const char *const *argv, uint64_t timeout_usec, bool with_errors, char **ret_output) {
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL(CHILD_OUTPUT_MAX);
        int output[2], failure[2], status;
        pid_t pid;

        if (pipe2(output, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(failure, O_CLOEXEC) < 0) {
                status = -errno;
                fd_close(output[0]);
                fd_close(output[1]);
                return status;
        }

        pid = fork();
        if (pid == 0)
                child_enter(argv, output[1], with_errors, failure[1]);
        status = pid < 0 ? -errno : 0;
        fd_close(output[1]);
        fd_close(failure[1]);
        if (pid > 0)
                status = child_collect(pid, output[0], failure[0], timeout_usec, &buffer);
        fd_close(output[0]);
        fd_close(failure[0]);

        if (status >= 0 && ret_output) {
                if (buffer_append(&buffer, "", 1) <
                    0) /* the limit may be reached: then the last byte goes */
                        buffer.data[buffer.end - 1] = '\0';
                *ret_output = strdup((const char *)buffer_data(&buffer) ?: "");
                if (!*ret_output)
                        return -ENOMEM;
        }
        return status;
}
