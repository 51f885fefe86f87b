/* SPDX-License-Identifier: MIT */
/*
 * Logging of the programs
 *
 * systemd sets JOURNAL_STREAM when it has connected stderr to the journal
 * (systemd.exec(5)); then entries go to journald natively, with fields. Else
 * they are lines on stderr, which is what a person who tries a program by hand
 * wants. The choice is made once, in log_open().
 *
 * An error without fields of its own may be the last word of its program.
 * journald learns the unit of a native entry from /proc, where a process that
 * has ended is no more, and `systemctl status` would not show it. So these go
 * through stderr: that stream belongs to the unit, whoever has written into it.
 * Last words that have a MESSAGE_ID cannot (a stream has no fields): they are sent
 * natively, and the program stays until journald has taken them. So does a worker
 * with what PHP has said (log_flush()).
 */

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"

#define LOG_FIELDS_MAX  16U
#define LOG_MESSAGE_MAX 4096U

/* Looks, 5 ms apart, whether journald has taken the last words; then it reads /proc. */
#define LAST_LOOKS_MAX 200
#define LAST_WAIT_NSEC 5000000

static struct {
        const char *name;
        const char *pool;
        int max_level;
        bool to_journal;
        pid_t natively_pid; /* who has written to journald natively; another one: a process it was forked from */
} log_target = { .name = "php-pool", .max_level = LOG_INFO };

void log_open(const char *name) {
        const char *stream = getenv("JOURNAL_STREAM");
        uint64_t device, inode;
        struct stat st;

        log_target.name = name;
        log_target.to_journal = stream && sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
                                fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_set_pool(const char *pool) {
        log_target.pool = pool;
}

void log_set_max_level(int level) {
        log_target.max_level = level;
}

static void log_to_journal(int level, const char *message, const char *const *fields) {
        _cleanup_(freep) char *text = NULL;
        char priority[sizeof("PRIORITY=7")], pool[128];
        struct iovec iov[3 + LOG_FIELDS_MAX];
        int n = 0;

        if (asprintf(&text, "MESSAGE=%s", message) < 0) {
                text = NULL;
                return;
        }
        iov[n++] = (struct iovec){ text, strlen(text) };

        (void)snprintf(priority, sizeof(priority), "PRIORITY=%d", level & 7);
        iov[n++] = (struct iovec){ priority, strlen(priority) };

        if (log_target.pool) {
                (void)snprintf(pool, sizeof(pool), "PHP_POOL=%s", log_target.pool);
                iov[n++] = (struct iovec){ pool, strlen(pool) };
        }

        for (size_t i = 0; fields && fields[i] && i < LOG_FIELDS_MAX; i++)
                iov[n++] = (struct iovec){ (void *)fields[i], strlen(fields[i]) };

        (void)sd_journal_sendv(iov, n); /* a log that cannot be written has nobody to tell */
        log_target.natively_pid = getpid();
}

void log_entry(int level, const char *message, const char *const *fields) {
        if (level > log_target.max_level)
                return;

        if (log_target.to_journal)
                log_to_journal(level, message, fields);
        else
                (void)fprintf(stderr, "%s: %s\n", log_target.name, message);
}

int log_full(int level,
             int error,
             const char *const *fields,
             const char *file,
             int line,
             const char *func,
             const char *format,
             ...) {
        char message[LOG_MESSAGE_MAX], code[3][256];
        const char *list[LOG_FIELDS_MAX + 1] = {};
        va_list args;
        size_t n = 0;

        if (level > log_target.max_level)
                return error;

        errno = error < 0 ? -error : error;
        va_start(args, format);
        (void)vsnprintf(message, sizeof(message), format, args);
        va_end(args);

        if (level <= LOG_ERR && !fields && log_target.to_journal) {
                (void)fprintf(stderr, "<%d>%s\n", level & 7, message); /* sd-daemon(3) */
                return error;
        }

        (void)snprintf(code[0], sizeof(code[0]), "CODE_FILE=%s", file);
        (void)snprintf(code[1], sizeof(code[1]), "CODE_LINE=%d", line);
        (void)snprintf(code[2], sizeof(code[2]), "CODE_FUNC=%s", func);
        for (; n < ELEMENTSOF(code); n++)
                list[n] = code[n];
        for (size_t i = 0; fields && fields[i] && n < LOG_FIELDS_MAX; i++)
                list[n++] = fields[i];

        log_entry(level, message, list);
        return error;
}

void log_fields_add(LogFields *fields, const char *format, ...) {
        va_list args;

        if (fields->n_items >= ELEMENTSOF(fields->items) - 1)
                return;

        va_start(args, format);
        if (vasprintf(&fields->items[fields->n_items], format, args) < 0)
                fields->items[fields->n_items] = NULL;
        else
                fields->n_items++;
        va_end(args);
}

void log_fields_done(LogFields *fields) {
        while (fields->n_items > 0)
                free(fields->items[--fields->n_items]);
}

void log_last_words(const char *format, ...) {
        char message[LOG_MESSAGE_MAX];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(message, sizeof(message), format, args);
        va_end(args);

        log_error("%s", message);
        (void)sd_notifyf(/* unset_environment= */ 0, "STATUS=%s", message); /* or nobody listens */
}

/* Sends, waits until the datagram is taken from its queue, and a little longer: by then all before it are as well. */
static bool log_send_and_wait(const char *text, size_t size) {
        static const struct sockaddr_un address = {
                .sun_family = AF_UNIX,
                .sun_path = "/run/systemd/journal/socket",
        };
        _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct timespec pause = { .tv_nsec = LAST_WAIT_NSEC };
        int unread = 1;

        int i = 0;

        if (fd < 0)
                return false;
        while (sendto(fd,
                      text,
                      size,
                      MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&address,
                      sizeof(address)) < 0) {
                if (errno != EAGAIN || ++i == LAST_LOOKS_MAX)
                        return false;
                (void)nanosleep(&pause, NULL); /* its queue is full: it is behind */
        }

        for (; i < LAST_LOOKS_MAX && unread > 0; i++) {
                (void)nanosleep(&pause, NULL);
                if (ioctl(fd, SIOCOUTQ, &unread) < 0) /* unix(7) */
                        return true;
        }
        (void)nanosleep(&pause, NULL);
        return true;
}

void log_flush(void) {
        if (!log_target.to_journal || log_target.natively_pid != getpid())
                return;

        log_target.natively_pid = 0;
        (void)log_send_and_wait("\n", 1); /* an end of an entry that has no fields, and so is none */
}

/* @message has one line, as its form here demands (https://systemd.io/JOURNAL_NATIVE_PROTOCOL). */
static bool log_send_last_words(const char *message_id, const char *message) {
        char text[LOG_MESSAGE_MAX + 256];
        int n;

        n = snprintf(text,
                     sizeof(text),
                     "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n%s%s%s%s\nMESSAGE=%s\n",
                     LOG_ERR,
                     log_target.name,
                     log_target.pool ? "PHP_POOL=" : "",
                     log_target.pool ?: "",
                     log_target.pool ? "\n" : "",
                     message_id,
                     message);
        return n >= 0 && (size_t)n < sizeof(text) && log_send_and_wait(text, (size_t)n);
}

void log_last_words_as(const char *message_id, const char *format, ...) {
        char message[LOG_MESSAGE_MAX];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(message, sizeof(message), format, args);
        va_end(args);
        for (char *p = message; *p; p++)
                if (*p == '\n')
                        *p = ' ';

        if (!log_target.to_journal || !log_send_last_words(message_id, message))
                log_error("%s", message);
        (void)sd_notifyf(/* unset_environment= */ 0, "STATUS=%s", message); /* or nobody listens */
}

bool log_limit_below(LogLimit *limit) {
        uint64_t now = clock_now_usec();

        if (now - limit->begin_usec >= limit->interval_usec) {
                if (limit->n_dropped > 0)
                        log_notice("%u similar messages were left out", limit->n_dropped);
                limit->begin_usec = now;
                limit->n_passed = 0;
                limit->n_dropped = 0;
        }

        if (limit->n_passed < limit->burst) {
                limit->n_passed++;
                return true;
        }

        limit->n_dropped++;
        return false;
}
