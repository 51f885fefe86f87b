/* SPDX-License-Identifier: MIT */
/*
 * How fast an older generation leaves
 *
 * Under load the new workers get requests as the old ones become fewer: the
 * kernel wakes those first that have waited first. A pool that nobody asks
 * anything changes at once.
 */

#include "pool/handover.h"
#include "pool/manager.h"
#include "util/clock.h"

#define QUIET_USEC (100 * USEC_PER_MSEC)
#define STEP_USEC  (10 * USEC_PER_MSEC)

uint64_t handover_stay(const HandoverView *view) {
        uint64_t gone;

        if (view->elapsed_usec >= HANDOVER_USEC || view->quiet_usec >= QUIET_USEC)
                return 0;

        gone = view->n_old * view->elapsed_usec / HANDOVER_USEC;
        if (gone < view->n_warm)
                gone = view->n_warm;
        return gone < view->n_old ? view->n_old - gone : 0;
}

/* An older worker that can still take requests. */
static bool manager_is_old(const Manager *manager, const PoolWorker *worker) {
        return !worker->draining && worker->generation != manager->current &&
               worker->generation != manager->next;
}

static void manager_view_handover(const Manager *manager, uint64_t now_usec, HandoverView *ret) {
        *ret = (HandoverView){ .quiet_usec = UINT64_MAX };

        LIST_FOREACH (l, &manager->workers) {
                const PoolWorker *worker = list_entry(l, PoolWorker, link);
                const ScoreboardSlot *slot = scoreboard_slot(&manager->board, worker->slot);
                uint64_t since = atomic_load(&slot->state_usec);

                if (worker->generation == manager->current)
                        ret->n_warm += atomic_load(&slot->n_requests) > 0;
                else if (manager_is_old(manager, worker)) {
                        ret->n_old++;
                        ret->quiet_usec = atomic_load(&slot->state) != WORKER_IDLE || since > now_usec
                                                  ? 0
                                                  : MIN2(ret->quiet_usec, now_usec - since);
                }
        }
}

/* Those first that run nothing. */
static void manager_stop_old(Manager *manager, uint64_t n) {
        for (int idle = 1; idle >= 0; idle--)
                LIST_FOREACH (l, &manager->workers) {
                        PoolWorker *worker = list_entry(l, PoolWorker, link);
                        const ScoreboardSlot *slot = scoreboard_slot(&manager->board, worker->slot);

                        if (n == 0)
                                return;
                        if (!manager_is_old(manager, worker) ||
                            (idle && atomic_load(&slot->state) != WORKER_IDLE))
                                continue;
                        pool_worker_stop(worker);
                        n--;
                }
}

static int manager_on_handover(sd_event_source *source, uint64_t usec, void *userdata) {
        manager_advance(userdata);
        return 0;
}

static void manager_watch_handover(Manager *manager) {
        if (!manager->handover_source && sd_event_add_time_relative(manager->event,
                                                                    &manager->handover_source,
                                                                    CLOCK_MONOTONIC,
                                                                    0,
                                                                    /* accuracy= */ USEC_PER_MSEC,
                                                                    manager_on_handover,
                                                                    manager) < 0)
                return; /* whoever goes or comes brings us back here */

        (void)sd_event_source_set_time_relative(manager->handover_source, STEP_USEC);
        (void)sd_event_source_set_enabled(manager->handover_source, SD_EVENT_ONESHOT);
}

static void manager_drain_old(Manager *manager) {
        LIST_FOREACH_SAFE (l, &manager->generations) {
                Generation *generation = list_entry(l, Generation, link);

                if (generation == manager->current || generation == manager->next)
                        continue;
                generation_drain(generation);
        }
}

bool manager_hand_over(Manager *manager) {
        uint64_t now = clock_now_usec(), n_left, stay;
        HandoverView view;

        manager_view_handover(manager, now, &view);
        n_left = view.n_old;
        if (manager->handover_number != manager->current->number) {
                manager->handover_number = manager->current->number;
                manager->handover_usec = now;
                manager->handover_n_old = n_left;
        }
        view.n_old = manager->handover_n_old;
        view.elapsed_usec = now - manager->handover_usec;

        stay = handover_stay(&view);
        if (stay == 0 || n_left == 0) {
                manager_drain_old(manager);
                return true;
        }

        manager_stop_old(manager, n_left > stay ? n_left - stay : 0);
        manager_watch_handover(manager);
        return false;
}
