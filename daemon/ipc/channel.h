/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What manager, template and workers say to each other: fixed messages on
 * SOCK_SEQPACKET pairs, descriptors beside them (SCM_RIGHTS)
 *
 *   manager --- template channel --- template     one per generation
 *   manager --- worker channel ----- worker       one per worker
 *   manager --- queue -------------> all workers  one per pool; each message reaches one worker
 *
 * A worker ends when its channel does: the manager closes (or dies), the
 * worker finishes its request and goes. The manager takes every message for
 * hostile: sizes, types, slots and the number of descriptors are checked.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Descriptors that the template finds at exec: fixed numbers, listeners from the last one on. */
enum {
        TEMPLATE_FD_CHANNEL = 3,
        TEMPLATE_FD_SCOREBOARD = 4,
        TEMPLATE_FD_QUEUE = 5,
        TEMPLATE_FD_WAKE = 6,   /* eventfd: "nobody is idle" */
        TEMPLATE_FD_CONFIG = 7, /* memfd: the configuration in force, as php-poold --dump-config writes it */
        TEMPLATE_FD_LISTENERS = 8,
};

typedef enum TemplateMessageType {
        /* to the template */
        TEMPLATE_FORK = 1, /* slot; descriptor: the worker's end of its channel */
        TEMPLATE_TRACE,    /* slot, pid: what does it execute? */
        TEMPLATE_PROFILE,  /* status: for how many milliseconds; slot: samples a second */

        /* from the template */
        TEMPLATE_READY,    /* text: PHP's version */
        TEMPLATE_STARTED,  /* slot, pid; descriptor: pidfd */
        TEMPLATE_EXITED,   /* slot, pid, status as of waitpid(2) */
        TEMPLATE_FAILED,   /* slot, status = errno: the fork did not work */
        TEMPLATE_TRACED,   /* a TemplateTrace: slot, pid, status = number of frames or -errno */
        TEMPLATE_PROFILED, /* status = number of samples or -errno; descriptor: a file of folded stacks */
} TemplateMessageType;

typedef struct TemplateMessage TemplateMessage;

struct TemplateMessage {
        uint32_t type;
        uint32_t slot;
        int32_t pid;
        int32_t status;
        char text[48]; /* NUL-terminated */
};

typedef struct TemplateTrace TemplateTrace;

/* Sent up to the end of its text. */
struct TemplateTrace {
        TemplateMessage head;
        char frames[8192]; /* ipc/trace.h */
};

typedef enum WorkerMessageType {
        WORKER_PARK_KEPT = 1, /* descriptor: a connection between two requests */
        WORKER_PARK_PARTIAL, /* descriptors: a connection, and the bytes read of a request that is not whole */
        WORKER_LEND, /* request_id; descriptor: its connection, to be answered if the worker has to be killed */
        WORKER_LEND_OVER, /* the request has ended: close it */
        WORKER_READY,     /* the resident script has booted */
        WORKER_CLEAN,     /* lifetime_sec: sessions that nobody has written for so long have ended */
} WorkerMessageType;

typedef struct WorkerMessage WorkerMessage;

struct WorkerMessage {
        uint32_t type;
        uint32_t request_id; /* FastCGI's */
        union {
                uint64_t
                        since_usec; /* CLOCK_MONOTONIC: when the connection, or its unfinished request, began */
                uint64_t lifetime_sec;
        };
};

typedef struct QueueMessage QueueMessage;

/* Descriptors: a connection, and possibly bytes that were read from it (they come first). */
struct QueueMessage {
        uint64_t since_usec; /* CLOCK_MONOTONIC: when it began to wait */
};

/* A connected SOCK_SEQPACKET pair, close-on-exec. */
int channel_pair(int *ret_a, int *ret_b);

/* As fd_send_message() (util/fd.h), but waits while the peer's queue is full. */
int channel_send(int fd, const void *data, size_t size, const int *fds, size_t n_fds);

/* Messages of @size bytes that wait unread at this end. */
ssize_t channel_waiting(int fd, size_t size);
