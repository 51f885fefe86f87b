/* SPDX-License-Identifier: MIT */
/*
 * A pool that stops, while somebody still waits in its queue
 *
 * Workers that are told to go empty the queue first. But those that run a request
 * may take long, and those that were idle have gone when an upload becomes whole
 * that had begun before: then another worker is started for it.
 */

#include "pool/manager.h"
#include "util/clock.h"

/* A worker that empties the queue before it goes, now or soon; one that runs a request may take long. */
static bool stop_has_server(const Manager *manager) {
        LIST_FOREACH (l, &manager->workers) {
                const ScoreboardSlot *slot =
                        scoreboard_slot(&manager->board, list_entry(l, PoolWorker, link)->slot);
                uint32_t state = atomic_load(&slot->state);

                if (state != WORKER_BUSY && state != WORKER_FINISHED &&
                    atomic_load(&slot->stop) != WORKER_STOP_LEAVE)
                        return true;
        }
        return false;
}

void stop_serve_rest(Manager *manager) {
        WorkerCount count;

        if (queue_length(&manager->queue) == 0 || !manager->current || stop_has_server(manager))
                return;
        if (manager_is_failing(manager) || manager->current->state == GENERATION_DEAD) {
                if (list_is_empty(&manager->workers))
                        (void)queue_expire(&manager->queue, UINT64_MAX); /* none will come */
                return;
        }

        manager_count_workers(manager, clock_now_usec(), &count);
        if (count.n_all + count.n_draining >= manager->current->config->workers_max ||
            generation_fork(manager->current) < 0)
                return;

        /* born stopping: it empties the queue and goes */
        pool_worker_stop(list_entry(manager->workers.previous, PoolWorker, link));
}
