/* SPDX-License-Identifier: MIT */
/*
 * Resident scripts boot
 *
 * A worker with a resident script serves from the moment that the script asks
 * for its first request. Before, it is starting, for BOOT_USEC at most; a script
 * that ends then has failed.
 *
 * A generation that is to take over boots its workers while the old one serves:
 * one first, which finds out whether the script works and fills opcache, then as
 * many as are needed so that the change is not felt; on half of the processors at
 * a time, because a framework's boot takes as long as hundreds of requests. When
 * they are there it takes over. If no worker boots in BOOT_FAILURES_MAX tries it
 * never does.
 *
 * The first generation, and one whose predecessor has died, have nobody who
 * serves meanwhile: they take over at once, and requests wait in the queue.
 */

#include <inttypes.h>
#include <signal.h>
#include "pool/manager.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"

#define BOOT_USEC         (120 * USEC_PER_SEC)
#define SETTLED_USEC      (10 * USEC_PER_SEC) /* the longest back-off */
#define BOOT_FAILURES_MAX 3U

bool pool_worker_serves(const PoolWorker *worker) {
        return worker->pid > 0 && (worker->booted || !worker->generation->config->resident);
}

void pool_worker_on_booted(PoolWorker *worker) {
        if (worker->booted)
                return;

        worker->booted = true;
        worker->booted_usec = clock_now_usec();
        manager_advance(worker->manager);
}

/* Since its first request, which loads what all need. */
uint64_t boot_growth(const ScoreboardCopy *copy) {
        if (copy->n_requests < 2 || copy->memory_kept < copy->memory_first)
                return 0;
        return (copy->memory_kept - copy->memory_first) * UINT64_C(1000) / (copy->n_requests - 1);
}

void boot_log_end(const PoolWorker *worker, const ScoreboardCopy *copy) {
        if (!worker->booted)
                return;

        log_info("Worker %" PRIu32 " ends (%s): %" PRIu64 " requests since a boot of %" PRIu64
                 " ms, %" PRIu64 " kB kept, growing by %" PRIu64 " bytes per 1000 requests",
                 worker->slot,
                 copy->exit == WORKER_EXIT_NONE ? "told to" : worker_exit_to_string(copy->exit),
                 copy->n_requests,
                 copy->boot_usec / USEC_PER_MSEC,
                 copy->memory_kept / 1024,
                 boot_growth(copy));
}

static size_t boot_count_booted(const Generation *generation) {
        size_t n = 0;

        LIST_FOREACH (l, &generation->manager->workers) {
                const PoolWorker *worker = list_entry(l, PoolWorker, link);

                n += worker->generation == generation && pool_worker_serves(worker);
        }

        return n;
}

bool manager_is_failing(const Manager *manager) {
        return manager->scaler.failures >= BOOT_FAILURES_MAX && manager->current &&
               boot_count_booted(manager->current) == 0;
}

void boot_give_up(PoolWorker *worker) {
        if (!worker->generation->config->resident || worker->booted || worker->pidfd < 0)
                return;

        worker->boot_is_over = true;
        (void)pidfd_signal(worker->pidfd, SIGTERM); /* or it is gone */
}

BootOutcome boot_next(Manager *manager) {
        Generation *next = manager->next;
        size_t n_booted, n_wanted;

        if (!next->config->resident)
                return BOOT_DONE;

        if (next->n_wanted == 0)
                next->n_wanted = MAX2(manager_count_wanted(manager, next->config), UINT64_C(1));
        if (!manager->current || manager->current->state == GENERATION_DEAD)
                return BOOT_DONE;

        n_booted = boot_count_booted(next);
        if (next->n_failures >= BOOT_FAILURES_MAX)
                return n_booted > 0 ? BOOT_DONE : BOOT_FAILED;
        if (n_booted >= next->n_wanted)
                return BOOT_DONE;

        n_wanted = n_booted == 0 ? 1 : MIN2(next->n_wanted, n_booted + process_half_cpus());
        if (next->n_workers < n_wanted)
                manager_ask_for_time(BOOT_USEC); /* this comes on top of the start of PHP */
        while (next->n_workers < n_wanted)
                if (generation_fork(next) < 0) {
                        next->n_failures++; /* no descriptor, no memory: waiting would not help */
                        return n_booted > 0 ? BOOT_DONE : BOOT_FAILED;
                }

        return BOOT_PENDING;
}

uint64_t boot_on_early_death(PoolWorker *worker) {
        Manager *manager = worker->manager;

        if (worker->generation != manager->current && manager->state != MANAGER_STOPPING) {
                worker->generation->n_failures++;
                return 0;
        }

        return scaler_on_early_death(&manager->scaler, clock_now_usec());
}

static void boot_check_worker(PoolWorker *worker, uint64_t now_usec) {
        const char *script = worker->generation->config->resident;

        if (!script || worker->booted || worker->boot_is_over || worker->pidfd < 0 ||
            now_usec < worker->started_usec + BOOT_USEC)
                return;

        worker->boot_is_over = true;
        manager_complain(
                worker->manager,
                "The resident script '%s' did not call PhpPool\\handle_request() within %llu seconds",
                script,
                (unsigned long long)(BOOT_USEC / USEC_PER_SEC));
        (void)pidfd_signal(worker->pidfd, SIGKILL); /* or it is gone */
}

/* A worker has lived long enough, or taken a request: all is well again. */
static bool boot_is_settled(const PoolWorker *worker, uint64_t now_usec) {
        const ScoreboardSlot *slot = scoreboard_slot(&worker->manager->board, worker->slot);
        uint64_t since = worker->booted ? worker->booted_usec : worker->started_usec;

        if (worker->generation != worker->manager->current || !pool_worker_serves(worker))
                return false;
        return atomic_load(&slot->n_requests) > 0 || now_usec >= since + SETTLED_USEC;
}

void boot_on_second(Manager *manager, uint64_t now_usec) {
        /* the first generation: each of its boots has an end, and after BOOT_FAILURES_MAX they count as failed */
        if (manager->state == MANAGER_STARTING && manager->current && manager->current->config->resident)
                manager_ask_for_time(USEC_PER_SEC);

        LIST_FOREACH (l, &manager->workers) {
                PoolWorker *worker = list_entry(l, PoolWorker, link);

                boot_check_worker(worker, now_usec);
                if (manager->scaler.failures > 0 && boot_is_settled(worker, now_usec))
                        scaler_on_success(&manager->scaler);
        }
}
