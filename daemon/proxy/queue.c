/* SPDX-License-Identifier: MIT */
/*
 * Who waits for a place at a pool
 *
 * Clients are spread over lanes by their address, and the lanes are served in
 * turns: who sends a thousand requests at once waits behind himself, others
 * behind one of his. Within a lane the order is that of arrival. Two clients
 * may share a lane; which ones do differs from process to process.
 */

#include <stddef.h>
#include "proxy/queue.h"

void queue_init(Queue *queue) {
        *queue = (Queue){};
        list_init(&queue->turns);
        for (size_t i = 0; i < QUEUE_N_LANES; i++) {
                list_init(&queue->lanes[i].entries);
                list_init(&queue->lanes[i].turn);
        }
}

void queue_add(Queue *queue, QueueEntry *entry, uint64_t client) {
        entry->queue = queue;
        entry->lane = &queue->lanes[client % QUEUE_N_LANES];
        if (list_is_empty(&entry->lane->entries))
                list_append(&queue->turns, &entry->lane->turn);
        list_append(&entry->lane->entries, &entry->link);
        queue->n++;
}

void queue_put_back(Queue *queue, QueueEntry *entry) {
        entry->queue = queue;
        list_append(entry->lane->entries.next, &entry->link);
        list_remove(&entry->lane->turn);
        list_append(queue->turns.next, &entry->lane->turn);
        queue->n++;
}

void queue_remove(QueueEntry *entry) {
        if (!entry->queue)
                return;

        list_remove(&entry->link);
        if (list_is_empty(&entry->lane->entries))
                list_remove(&entry->lane->turn);
        entry->queue->n--;
        entry->queue = NULL;
}

QueueEntry *queue_take(Queue *queue) {
        QueueEntry *entry;
        QueueLane *lane;

        if (queue->n == 0)
                return NULL;

        lane = list_entry(queue->turns.next, QueueLane, turn);
        entry = list_entry(lane->entries.next, QueueEntry, link);
        list_remove(&lane->turn);
        list_append(&queue->turns, &lane->turn);
        queue_remove(entry);
        return entry;
}
