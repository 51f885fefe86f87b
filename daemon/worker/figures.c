/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ipc/channel.h"
#include "ipc/scoreboard.h"
#include "util/clock.h"
#include "worker/figures.h"

static const WorkerSetup *figures_setup;

void figures_set_setup(const WorkerSetup *setup) {
        figures_setup = setup;
}

/* php-fpm's words for what a worker does. */
static const char *figures_state(WorkerState state) {
        switch (state) {
        case WORKER_BUSY:
                return "Running";
        case WORKER_FINISHED:
                return "Finishing";
        case WORKER_NONE:
        case WORKER_STARTING:
        case WORKER_IDLE:
        case WORKER_DRAINING:
        case _WORKER_STATE_MAX:
                break;
        }

        return "Idle";
}

static void figures_worker(const ScoreboardCopy *copy, uint64_t now, SapiWorkerStatus *ret) {
        bool busy = copy->state == WORKER_BUSY || copy->state == WORKER_FINISHED;
        uint64_t duration = MAX2(copy->duration_usec, 1);

        *ret = (SapiWorkerStatus){
                .pid = (int)copy->pid,
                .busy = busy,
                .state = figures_state(copy->state),
                .n_requests = copy->n_requests,
                .age_usec = now > copy->start_usec ? now - copy->start_usec : 0,
                .state_usec = now > copy->state_usec ? now - copy->state_usec : 0,
                .memory = copy->memory,
                .body_size = copy->body_size,
                .cpu_percent = 100.0 * (double)copy->cpu_usec / (double)duration,
        };
        memcpy(ret->method, copy->method, sizeof(ret->method));
        memcpy(ret->uri, copy->uri, sizeof(ret->uri));
        memcpy(ret->script, copy->script, sizeof(ret->script));
        memcpy(ret->user, copy->user, sizeof(ret->user));
}

int figures_get(SapiPoolStatus *ret) {
        const Scoreboard *board = figures_setup->board;
        const ScoreboardHead *head = scoreboard_head(board);
        uint64_t now = clock_now_usec();
        ssize_t queued = channel_waiting(figures_setup->queue, sizeof(QueueMessage));
        SapiPoolStatus status = {
                .start_usec = atomic_load(&head->start_wall_usec),
                .n_requests = atomic_load(&head->n_requests_gone),
                .n_queued = queued > 0 ? (uint64_t)queued : 0,
                .n_queued_most = atomic_load(&head->n_queued_most),
                .n_queued_max = figures_setup->config->connections_max,
                .n_slow = atomic_load(&head->n_slow),
                .n_busy_most = atomic_load(&head->n_busy_most),
                .n_max_reached = atomic_load(&head->n_max_reached),
        };

        status.workers = calloc(board->n_slots, sizeof(SapiWorkerStatus));
        if (!status.workers)
                return -ENOMEM;

        for (size_t i = 0; i < board->n_slots; i++) {
                SapiWorkerStatus *worker = &status.workers[status.n_workers];
                ScoreboardCopy copy;

                if (atomic_load(&scoreboard_slot(board, i)->state) == WORKER_NONE)
                        continue;
                scoreboard_copy(board, i, &copy);
                if (copy.pid == 0)
                        continue;
                figures_worker(&copy, now, worker);
                status.n_requests += worker->n_requests;
                status.n_idle += worker->busy ? 0 : 1;
                status.n_busy += worker->busy ? 1 : 0;
                status.n_workers++;
        }

        *ret = status;
        return 0;
}
