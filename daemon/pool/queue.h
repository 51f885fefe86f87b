/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The queue that all workers of a pool share: connections that wait for a
 * worker, oldest first
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/list.h"

typedef struct Queue Queue;

struct Queue {
        int send_fd; /* owned */
        int recv_fd; /* owned; the workers have it too */
        List rest;   /* QueueEntry.link: what does not fit into the kernel's part, oldest first */
        size_t n_rest;
        size_t n_kernel; /* messages in the kernel's part, at most: workers take them without telling us */
        bool broken;     /* a worker has shut it down */
        uint64_t n_refused; /* for waiting too long, ever */
        uint64_t n_dropped; /* because there were too many, ever */
};

#define QUEUE_NULL \
        { .send_fd = -EBADF, .recv_fd = -EBADF }

int queue_init(Queue *queue);
void queue_done(Queue *queue);
/* What a hostile worker may have set on the end that all share is set right. */
void queue_mend(Queue *queue);

/*
 * Puts a connection at the end. Both descriptors are consumed whatever happens;
 * @spool may be -EBADF. -EAGAIN: @n_max wait already, the connection got
 * FCGI_OVERLOADED.
 */
int queue_push_take_fds(Queue *queue, int fd, int spool, uint64_t since_usec, size_t n_max);

/* Gives the workers more of what waits, where they have taken some. Call it while queue_length() is not 0. */
void queue_refill(Queue *queue);

/* How many wait. */
size_t queue_length(Queue *queue);

/* Refuses those that have waited since before @deadline_usec. Gives how many. */
size_t queue_expire(Queue *queue, uint64_t deadline_usec);
