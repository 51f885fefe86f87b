/* SPDX-License-Identifier: MIT */
/*
 * When a script is about to wait
 *
 * The functions of the C library that a script waits in, itself or by an
 * extension, are called through linkage tables, so definitions in the program
 * take their place (binding.c). Each tells, where somebody wants to know, and then
 * calls the library's own. Only the thread that asked is told: libcurl looks up
 * names in another one. A script that computes instead is noticed at the tick of
 * timer.c. One that waits in what is not here, in the kernel for a file's disk for
 * example, is not noticed (worker/release.c).
 */

#include "sapi/internal.h"

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The library's own function of that name, looked up once. */
#define NEXT(name)                                                    \
        ({                                                            \
                static __typeof__(&name) next_;                       \
                if (!next_)                                           \
                        next_ = (__typeof__(&name))embed_next(#name); \
                next_;                                                \
        })

static _Thread_local void (*volatile blocking_function)(void);

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

/* Reading from @fd would wait. */
static void blocking_look(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int saved = errno;

        if (blocking_function && ppoll(&p, 1, &(struct timespec){}, NULL) == 0)
                embed_tell_blocking();
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

ZEND_API int pselect(int n_fds,
                     fd_set *reads,
                     fd_set *writes,
                     fd_set *excepts,
                     const struct timespec *timeout,
                     const sigset_t *mask) {
        embed_tell_blocking();
        return NEXT(pselect)(n_fds, reads, writes, excepts, timeout, mask);
}

ZEND_API int epoll_wait(int epoll, struct epoll_event *events, int n_max, int timeout) {
        embed_tell_blocking();
        return NEXT(epoll_wait)(epoll, events, n_max, timeout);
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

ZEND_API pid_t wait3(int *ret_status, int options, struct rusage *ret_usage) {
        embed_tell_blocking();
        return NEXT(wait3)(ret_status, options, ret_usage);
}

ZEND_API pid_t wait4(pid_t pid, int *ret_status, int options, struct rusage *ret_usage) {
        embed_tell_blocking();
        return NEXT(wait4)(pid, ret_status, options, ret_usage);
}

ZEND_API int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict ret) {
        embed_tell_blocking();
        return NEXT(sigwaitinfo)(set, ret);
}

ZEND_API int sigtimedwait(const sigset_t *restrict set,
                          siginfo_t *restrict ret,
                          const struct timespec *restrict timeout) {
        embed_tell_blocking();
        return NEXT(sigtimedwait)(set, ret, timeout);
}

ZEND_API int gethostbyname_r(const char *restrict name,
                             struct hostent *restrict buffer,
                             char *restrict text,
                             size_t size,
                             struct hostent **restrict ret,
                             int *restrict ret_error) {
        embed_tell_blocking();
        return NEXT(gethostbyname_r)(name, buffer, text, size, ret, ret_error);
}

ZEND_API int semop(int id, struct sembuf *operations, size_t n_operations) {
        embed_tell_blocking();
        return NEXT(semop)(id, operations, n_operations);
}

ZEND_API ssize_t msgrcv(int id, void *message, size_t size, long type, int flags) {
        embed_tell_blocking();
        return NEXT(msgrcv)(id, message, size, type, flags);
}

/* The connection would be closed with the program that is replaced. */
ZEND_API int execve(const char *path, char *const *arguments, char *const *environment) {
        embed_tell_blocking();
        return NEXT(execve)(path, arguments, environment);
}

ZEND_API ssize_t read(int fd, void *data, size_t size) {
        blocking_look(fd);
        return NEXT(read)(fd, data, size);
}

ZEND_API ssize_t recv(int fd, void *data, size_t size, int flags) {
        blocking_look(fd);
        return NEXT(recv)(fd, data, size, flags);
}

ZEND_API ssize_t recvfrom(int fd,
                          void *restrict data,
                          size_t size,
                          int flags,
                          struct sockaddr *restrict address,
                          socklen_t *restrict address_size) {
        blocking_look(fd);
        return NEXT(recvfrom)(fd, data, size, flags, address, address_size);
}

ZEND_API ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
        blocking_look(fd);
        return NEXT(recvmsg)(fd, message, flags);
}

ZEND_API int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict size) {
        blocking_look(fd);
        return NEXT(accept)(fd, address, size);
}
