/* SPDX-License-Identifier: MIT */
/*
 * The slowest requests of the last minutes
 *
 * Each worker keeps the slowest request of the present window in its slot; the
 * manager collects them, turns the window and keeps the slowest of all until
 * they are too old. So looking costs nothing where requests are served. What a
 * worker kept when it went, and the request that died with it, count as well.
 */

#include <stdio.h>
#include <string.h>
#include "pool/manager.h"
#include "util/clock.h"

#define KEEP_USEC (15 * 60 * USEC_PER_SEC)

static void slowest_drop_old(Manager *manager, uint64_t now_wall_usec) {
        size_t n = 0;

        for (size_t i = 0; i < manager->n_slowest; i++)
                if (now_wall_usec - MIN2(manager->slowest[i].end_wall_usec, now_wall_usec) < KEEP_USEC)
                        manager->slowest[n++] = manager->slowest[i];
        manager->n_slowest = n;
}

/* Into its place; the shortest falls out. */
static void slowest_add(Manager *manager, const Slowest *one) {
        size_t i = manager->n_slowest;

        if (i == MANAGER_SLOWEST_MAX && manager->slowest[i - 1].duration_usec >= one->duration_usec)
                return;
        if (i == MANAGER_SLOWEST_MAX)
                i--;
        else
                manager->n_slowest++;

        for (; i > 0 && manager->slowest[i - 1].duration_usec < one->duration_usec; i--)
                manager->slowest[i] = manager->slowest[i - 1];
        manager->slowest[i] = *one;
}

void slowest_take(Manager *manager, const PoolWorker *worker) {
        uint32_t window = atomic_load(&scoreboard_head(&manager->board)->window);
        ScoreboardSlowest copy;
        Slowest one;

        if (!scoreboard_copy_slowest(&manager->board, worker->slot, window, &copy))
                return;

        one = (Slowest){
                .duration_usec = copy.duration_usec,
                .end_wall_usec = MIN2(copy.end_wall_usec, clock_wall_usec()), /* a worker says it */
                .status = copy.status > 999 ? 0 : (int)copy.status,
        };
        memcpy(one.id, copy.id, sizeof(one.id));
        memcpy(one.method, copy.method, sizeof(one.method));
        memcpy(one.uri, copy.uri, sizeof(one.uri));
        memcpy(one.script, copy.script, sizeof(one.script));
        slowest_add(manager, &one);
}

void slowest_add_cut(Manager *manager, const ScoreboardCopy *copy) {
        uint64_t now = clock_now_usec();
        Slowest one = {
                .duration_usec = now - MIN2(copy->state_usec, now),
                .end_wall_usec = clock_wall_usec(),
        };

        (void)snprintf(one.id, sizeof(one.id), "%s", copy->id);
        (void)snprintf(one.method, sizeof(one.method), "%s", copy->method);
        (void)snprintf(one.uri, sizeof(one.uri), "%s", copy->uri);
        (void)snprintf(one.script, sizeof(one.script), "%s", copy->script);
        slowest_add(manager, &one);
}

void slowest_collect(Manager *manager) {
        ScoreboardHead *head = scoreboard_head(&manager->board);
        uint32_t window = atomic_load(&head->window);

        slowest_drop_old(manager, clock_wall_usec());
        LIST_FOREACH (l, &manager->workers)
                slowest_take(manager, list_entry(l, PoolWorker, link));

        atomic_store(&head->window,
                     window + 1 > window ? window + 1 : 1); /* never 0: that of an empty slot */
}
