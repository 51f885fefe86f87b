/* SPDX-License-Identifier: MIT */
/*
 * opcache's read lock, kept from one request to the next
 *
 * A request that uses opcache's memory holds a read lock on one byte of a file,
 * so that opcache restarts only when nobody does (fcntl(2) F_SETLK; byte 1 is for
 * readers, byte 0 for who writes). Taking and releasing it are two of the six
 * system calls of a small request. A worker with a request after the other needs
 * neither: the lock that PHP has released stays with the kernel, "owed", and is
 * there when PHP asks again. To opcache it looks as if one long request ran. The
 * debt is paid
 *
 *   - before PHP does anything else to that file: whoever finds a restart pending
 *     takes the write lock first, and so makes way for it;
 *   - when it is REST_USEC old, before the worker waits (sapi_rest()): what it gets
 *     meanwhile may not reach PHP.
 *
 * opcache calls fcntl() through its linkage table, so the definition in the
 * program takes the place of the C library's (binding.c). The file is known by its
 * name; where opcache has another all calls go through.
 */

#include "sapi/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "util/clock.h"

#define READER_BYTE 1
#define REST_USEC   (50 * USEC_PER_MSEC)

typedef int (*FcntlFunction)(int fd, int command, ...);

static struct {
        int fd;              /* -1: not seen yet */
        int refused;         /* the last one that was looked at in vain */
        bool held;           /* the kernel has our read lock */
        bool owed;           /* and PHP has released it */
        bool writing;        /* PHP has the write lock */
        uint64_t since_usec; /* it is owed */
} lock = { .fd = -1, .refused = -1 };

static int lock_call(int fd, int command, void *argument) {
        static FcntlFunction next;

        if (!next)
                next = (FcntlFunction)embed_next("fcntl64");
        return next(fd, command, argument);
}

/* Locks are a process's own. */
static void lock_on_fork(void) {
        lock.held = lock.owed = lock.writing = false;
}

/* Whether it is the file of opcache. It has no name any more, but /proc tells the former one. */
static void lock_know(int fd) {
        char path[32], target[PATH_MAX];
        int saved = errno;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        n = readlink(path, target, sizeof(target) - 1);
        target[MAX2(n, 0)] = '\0';
        if ((strstr(target, "/.ZendSem.") || strstr(target, "/memfd:opcache_lock")) &&
            pthread_atfork(NULL, NULL, lock_on_fork) == 0)
                lock.fd = fd;
        else
                lock.refused = fd;
        errno = saved;
}

static bool lock_reads(const struct flock *range) {
        return range->l_type == F_RDLCK && range->l_whence == SEEK_SET && range->l_start == READER_BYTE &&
               range->l_len == 1;
}

static bool lock_ends_all(const struct flock *range) {
        return range->l_type == F_UNLCK && range->l_whence == SEEK_SET && range->l_start == 0 &&
               range->l_len == 0;
}

void embed_opcache_unlock(void) {
        struct flock range = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = READER_BYTE, .l_len = 1 };

        if (!lock.owed)
                return;

        lock.owed = lock.held = false;
        (void)lock_call(lock.fd, F_SETLK, &range); /* cannot fail: it is ours */
}

int sapi_rest(void) {
        uint64_t age;

        if (!lock.owed)
                return -1;

        age = clock_now_usec() - lock.since_usec;
        if (age < REST_USEC)
                return (int)((REST_USEC - age + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
        embed_opcache_unlock();
        return -1;
}

/* Any command on the file of opcache. */
static int lock_on_command(int command, struct flock *range) {
        int r;

        if (command == F_SETLK && lock_reads(range) && lock.held) {
                lock.owed = false;
                return 0;
        }
        if (command == F_SETLK && lock_ends_all(range) && lock.held && !lock.writing) {
                lock.owed = true;
                lock.since_usec = clock_now_usec();
                return 0;
        }

        embed_opcache_unlock();
        r = lock_call(lock.fd, command, range);
        if (command == F_GETLK || r < 0)
                return r;

        if (range->l_type == F_WRLCK)
                lock.writing = true;
        else if (lock_reads(range))
                lock.held = true;
        else if (range->l_type == F_UNLCK) {
                if (range->l_start == 0)
                        lock.writing = false;
                if (range->l_start + range->l_len > READER_BYTE || range->l_len == 0)
                        lock.held = false;
        }
        return r;
}

static int lock_fcntl(int fd, int command, ...) {
        void *argument;
        va_list list;

        va_start(list, command);
        argument = va_arg(list, void *); /* where there is none, or a number, it is passed on as it came */
        va_end(list);

        if (command == F_SETLK && lock.fd < 0 && fd != lock.refused && lock_reads(argument))
                lock_know(fd);
        if ((command != F_SETLK && command != F_SETLKW && command != F_GETLK) || lock.fd < 0 ||
            fd != lock.fd)
                return lock_call(fd, command, argument);
        return lock_on_command(command, argument);
}

/* <fcntl.h> would turn the one name into the other; these are the names that the linker sees. */
ZEND_API int lock_fcntl_plain(int fd, int command, ...) __asm__("fcntl")
        __attribute__((alias("lock_fcntl")));
ZEND_API int lock_fcntl_large(int fd, int command, ...) __asm__("fcntl64")
        __attribute__((alias("lock_fcntl")));
