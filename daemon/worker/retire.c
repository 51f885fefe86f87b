/* SPDX-License-Identifier: MIT */
/*
 * When a worker goes by itself: after its share of requests, with too much
 * memory, of age, or because PHP gave up. Shares and ages differ from worker to
 * worker by up to an eighth, so that workers that started together do not all go
 * together.
 */

#include "util/clock.h"
#include "util/process.h"
#include "worker/run.h"

#define JITTER_PART     8U
#define MEMORY_INTERVAL 32U /* requests between two looks at /proc, which take three calls each */

/* A number between 0 and @max that is another one for each slot. */
static uint64_t retire_jitter(uint32_t slot, uint64_t max) {
        return slot * UINT64_C(2654435761) % (max + 1); /* the golden ratio spreads neighbours */
}

void worker_plan_retirement(Worker *worker) {
        const PoolConfig *config = worker->setup->config;
        uint64_t max = config->max_requests, age = config->max_age_usec;

        worker->requests_left = max > 0 ? max + retire_jitter(worker->number, max / JITTER_PART) : 0;
        worker->age_max_usec = USEC_INFINITY;
        if (age != USEC_INFINITY)
                worker->age_max_usec =
                        clock_now_usec() + age + retire_jitter(worker->number, age / JITTER_PART);
}

void worker_retire(Worker *worker, WorkerExit why) {
        if (worker->stopping)
                return;

        worker->stopping = true;
        atomic_store(&worker->slot->exit, (uint32_t)why);
}

/* Looks only when a request took a good part of it, and now and then. */
static bool retire_is_fat(const Worker *worker, uint64_t n_requests) {
        uint64_t max = worker->setup->config->max_memory;

        if (max == 0 || (worker->memory_peak < max / 4 && n_requests % MEMORY_INTERVAL != 0))
                return false;

        return process_resident_bytes() > max;
}

void worker_consider_retirement(Worker *worker, uint64_t n_requests) {
        if (worker->requests_left > 0 && --worker->requests_left == 0)
                worker_retire(worker, WORKER_EXIT_REQUESTS);
        if (worker->age_max_usec != USEC_INFINITY && clock_now_usec() >= worker->age_max_usec)
                worker_retire(worker, WORKER_EXIT_AGE);
        if (retire_is_fat(worker, n_requests))
                worker_retire(worker, WORKER_EXIT_MEMORY);
}
