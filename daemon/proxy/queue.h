/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who waits for a place at a pool
 */

#include <stdint.h>
#include "util/list.h"

typedef struct Queue Queue;
typedef struct QueueEntry QueueEntry;
typedef struct QueueLane QueueLane;

enum {
        QUEUE_N_LANES = 64,
};

/* Embedded in what waits. */
struct QueueEntry {
        List link;
        Queue *queue;    /* NULL: it does not wait */
        QueueLane *lane; /* where it waited last */
        void (*on_turn)(QueueEntry *entry);
};

struct QueueLane {
        List entries;
        List turn; /* in Queue.turns while it has entries */
};

struct Queue {
        QueueLane lanes[QUEUE_N_LANES];
        List turns;
        uint64_t n;
};

void queue_init(Queue *queue);

/* At the end of the lane of @client, any number that stands for it. */
void queue_add(Queue *queue, QueueEntry *entry, uint64_t client);
/* It did not get what it was called for: it is the next again. */
void queue_put_back(Queue *queue, QueueEntry *entry);
/* The next, which waits no longer; NULL: nobody waits. */
QueueEntry *queue_take(Queue *queue);
void queue_remove(QueueEntry *entry); /* legal at any time */
