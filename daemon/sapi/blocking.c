/* SPDX-License-Identifier: MIT */
/*
 * When a script is about to wait
 *
 * The functions of the C library that a script waits in, itself or by an
 * extension, are called through linkage tables, so definitions in the program
 * take their place (ld.so(8): symbols are looked up in the program first). Each
 * tells, where somebody wants to know, and then calls the library's own. What
 * waits in read(2) is not seen: it has opened, forked or polled before, or reads
 * a file. A script that computes instead is noticed at the tick of timer.c.
 */

#include "sapi/internal.h"

#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The library's own function of that name, looked up once. */
#define NEXT(name)                                                          \
        ({                                                                  \
                static __typeof__(&name) next_;                             \
                if (!next_)                                                 \
                        next_ = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
                next_;                                                      \
        })

static void (*volatile blocking_function)(void);

void sapi_on_block(void (*function)(void)) {
        blocking_function = function;
}

void embed_tell_blocking(void) {
        void (*function)(void) = blocking_function;
        int saved = errno;

        if (!function)
                return;

        blocking_function = NULL;
        function();
        errno = saved;
}

ZEND_API unsigned int sleep(unsigned int seconds) {
        embed_tell_blocking();
        return NEXT(sleep)(seconds);
}

ZEND_API int usleep(useconds_t usec) {
        embed_tell_blocking();
        return NEXT(usleep)(usec);
}

ZEND_API int nanosleep(const struct timespec *duration, struct timespec *ret_left) {
        embed_tell_blocking();
        return NEXT(nanosleep)(duration, ret_left);
}

/* By its sibling, which needs no lookup: workers poll in signal handlers as well. */
ZEND_API int poll(struct pollfd *fds, nfds_t n_fds, int timeout) {
        struct timespec t = { .tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1000000L };

        if (timeout != 0)
                embed_tell_blocking();
        return ppoll(fds, n_fds, timeout < 0 ? NULL : &t, NULL);
}

ZEND_API int select(int n_fds, fd_set *reads, fd_set *writes, fd_set *excepts, struct timeval *timeout) {
        embed_tell_blocking();
        return NEXT(select)(n_fds, reads, writes, excepts, timeout);
}

ZEND_API int connect(int fd, const struct sockaddr *address, socklen_t size) {
        embed_tell_blocking();
        return NEXT(connect)(fd, address, size);
}

ZEND_API int getaddrinfo(const char *restrict node,
                         const char *restrict service,
                         const struct addrinfo *restrict hints,
                         struct addrinfo **restrict ret) {
        embed_tell_blocking();
        return NEXT(getaddrinfo)(node, service, hints, ret);
}

ZEND_API int flock(int fd, int operation) {
        embed_tell_blocking();
        return NEXT(flock)(fd, operation);
}

ZEND_API FILE *popen(const char *command, const char *mode) {
        embed_tell_blocking();
        return NEXT(popen)(command, mode);
}

ZEND_API pid_t fork(void) {
        embed_tell_blocking();
        return NEXT(fork)();
}

ZEND_API pid_t waitpid(pid_t pid, int *ret_status, int options) {
        embed_tell_blocking();
        return NEXT(waitpid)(pid, ret_status, options);
}
