/* SPDX-License-Identifier: MIT */
/*
 * A worker
 *
 * It holds at most one connection and runs at most one request. The next
 * connection comes from the queue that all workers share (what the manager
 * accepted or gave back) or from the listeners, by turns (take.c). While it holds a
 * connection that says nothing it still waits for both, if nobody else would;
 * as soon as somebody else wants something, or after a short silence, the silent
 * one goes to the manager with whatever was read of it. So no connection ever
 * holds a worker; only a running request does (wait.c).
 *
 * A worker ends when its channel does, when its slot says stop, when it has
 * served its share, or when PHP has bailed out.
 */

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "ipc/intake.h"
#include "sapi/sapi.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"
#include "worker/answer.h"
#include "worker/run.h"
#include "worker/worker.h"

#define LATE_USEC    (50 * USEC_PER_MSEC) /* in the queue: then it is worth a call to see who is still there */
#define CHUNK_SIZE   65536U
#define RECEIVES_MAX 16U /* at a time: whoever sends as fast as we read has no worker for itself (wait.c) */
#define PARAMS_MAX   1000U /* pairs; a request has some forty */

typedef enum WorkerRead {
        WORKER_READ_WHOLE, /* a request is there */
        WORKER_READ_WAIT,  /* more has to come */
        WORKER_READ_DROPPED,
} WorkerRead;

static void worker_set_state(Worker *worker, WorkerState state) {
        atomic_store(&worker->slot->state_usec, clock_now_usec());
        atomic_store(&worker->slot->state, (uint32_t)state);
}

static void worker_after_request(Worker *worker, bool keep) {
        uint64_t n = atomic_load(&worker->slot->n_requests) + 1;

        atomic_store(&worker->slot->n_requests, n);
        worker_consider_retirement(worker, n);

        if (worker->intake.fd < 0) /* parked or closed when the answer went out early */
                worker_drop(worker);
        else if (!keep || intake_next(&worker->intake) < 0)
                worker_drop(worker);
        else {
                worker->intake.since_usec = clock_now_usec();
                worker->waited_usec = 0;
                worker->held_spoke =
                        !intake_is_quiet(&worker->intake); /* bytes of the next request came with this one */
        }
}

/* The client of a request that has waited went away meanwhile: it is not run. */
static bool worker_is_too_late(const Worker *worker) {
        return worker->waited_usec >= LATE_USEC && intake_is_abandoned(&worker->intake);
}

void worker_begin(Worker *worker) {
        ScoreboardHead *head = scoreboard_head(worker->setup->board);

        worker_set_state(worker, WORKER_BUSY);
        if (scoreboard_clear_idle(worker->setup->board, worker->number) && atomic_load(&head->awake) == 0) {
                uint64_t one = 1;

                /* nobody is left for the next one: the manager has to know. It can only fail when full of wakes */
                (void)!write(worker->setup->wake, &one, sizeof(one));
        }
}

void worker_be_idle(Worker *worker) {
        worker_set_state(worker, WORKER_IDLE);
        worker_tell_holding(worker);
        scoreboard_set_idle(worker->setup->board, worker->number);
}

void worker_end(Worker *worker, bool keep) {
        lend_end(worker);
        worker_after_request(worker, keep);
        if (!worker->stopping)
                worker_be_idle(worker);
}

/* Answers without running anything, and takes what still comes. */
static void worker_reject(Worker *worker, int status, const char *reason, const char *text) {
        if (log_limit_below(&worker_log_limit))
                log_notice("Answered %d: %s", status, text);
        worker_refuse(worker, status, reason, text);
        intake_drain(&worker->intake);
}

/* What comes in on the held connection. */
static WorkerRead worker_read(Worker *worker) {
        int r = intake_read(&worker->intake);

        switch (r) {
        case 0:
                if (!worker_is_too_late(worker))
                        return WORKER_READ_WHOLE;
                atomic_fetch_add(&worker->slot->n_refused, 1);
                break;
        case INTAKE_E_WAIT:
                worker->held_spoke = false;
                return WORKER_READ_WAIT;
        case INTAKE_E_TOO_LARGE:
                worker_reject(worker,
                              413,
                              "Content Too Large",
                              "The request body is larger than limits.body.\n");
                break;
        case INTAKE_E_PARAMS_TOO_LARGE:
                worker_reject(worker,
                              431,
                              "Request Header Fields Too Large",
                              "The request parameters are larger than limits.params, or more than 1000.\n");
                break;
        case INTAKE_E_CLOSED:
                break;
        default:
                atomic_fetch_add(&worker->slot->n_refused, 1);
                if (log_limit_below(&worker_log_limit))
                        log_notice("Closing a FastCGI connection: %s",
                                   r < 0 ? strerror(-r) : worker->intake.error);
                break;
        }

        worker_drop(worker);
        return WORKER_READ_DROPPED;
}

WorkerStop worker_stop_wanted(const Worker *worker) {
        return (WorkerStop)atomic_load(&worker->slot->stop);
}

/*
 * Asked to go with the pool. What the manager has queued by now was accepted and
 * can wait for no successor: it is served first. What is queued later is somebody
 * else's, or a worker's that is born for it.
 */
static bool worker_next_at_the_end(Worker *worker) {
        if (worker->broken || worker_stop_wanted(worker) != WORKER_STOP_LAST)
                return false;

        worker->stopping = true;
        if (worker->asked_to_go_usec == 0)
                worker->asked_to_go_usec = clock_now_usec();

        while (!worker->queue_is_younger && worker_take_queued(worker)) {
                worker->queue_is_younger = worker->intake.since_usec > worker->asked_to_go_usec;
                if (worker_read(worker) == WORKER_READ_WHOLE) /* what is not is parked */
                        return true;
        }

        return false;
}

/* What the manager queued has waited longest; but what is new and has spoken has just been waited for. */
static bool worker_lets_others_first(const Worker *worker) {
        if (atomic_load(&scoreboard_head(worker->setup->board)->queued) == 0)
                return false;
        if (worker->intake.fd < 0)
                return true;

        return !(worker->intake.fresh && worker->held_spoke && !worker->held_watched) &&
               !scoreboard_any_other_free(worker->setup->board, worker->number);
}

bool worker_next(Worker *worker) {
        while (!worker->stopping && worker_stop_wanted(worker) == WORKER_STOP_NOT) {
                if (worker_lets_others_first(worker))
                        (void)worker_take_waiting(worker);

                /* where others are idle the next connection wakes one of them: it would be gone when we look */
                if (worker->intake.fd < 0 && !worker->accept_failed &&
                    !scoreboard_any_other_idle(worker->setup->board, worker->number))
                        worker->accept_failed = !worker_accept(worker);

                if (worker->intake.fd >= 0 && worker->held_spoke) {
                        WorkerRead got = worker_read(worker);

                        if (got != WORKER_READ_WAIT)
                                worker->accept_failed = false;
                        if (got == WORKER_READ_WHOLE) {
                                /* a new generation may serve since we took it: it has newer code */
                                if (worker_stop_wanted(worker) == WORKER_STOP_LEAVE)
                                        break;
                                return true;
                        }
                        if (got == WORKER_READ_DROPPED)
                                continue;
                }

                worker_wait(worker);
                worker->accept_failed = true;
        }

        if (worker->intake.fd >= 0)
                worker_park(worker);
        return worker_next_at_the_end(worker);
}

static void worker_loop(Worker *worker) {
        while (worker_next(worker)) {
                worker_begin(worker);
                worker_end(worker, worker_run_request(worker));
        }
}

static int worker_open(Worker *worker) {
        int r;

        r = worker_open_wait(worker);
        if (r < 0)
                return r;
        r = access_init(&worker->access, worker->setup->config);
        if (r < 0)
                return r;

        return answer_init(&worker->answer,
                           (int)MIN2(worker->setup->config->body_usec / USEC_PER_MSEC, INT_MAX),
                           &worker->slot->answered);
}

static IntakeLimits worker_limits(const WorkerSetup *setup) {
        return (IntakeLimits){
                .n_params_max = PARAMS_MAX,
                .params_max = setup->config->params_max,
                .body_max = setup->config->body_max,
                .chunk_size = CHUNK_SIZE,
                .receives_max = RECEIVES_MAX,
                .memory_max = 2 * CHUNK_SIZE,
                .spool_directory = setup->spool_directory,
        };
}

int worker_main(const WorkerSetup *setup, uint32_t slot, int channel) {
        Worker worker = {
                .setup = setup,
                .slot = scoreboard_slot(setup->board, slot),
                .number = slot,
                .channel = channel,
                .pid = getpid(),
        };
        IntakeLimits limits = worker_limits(setup);
        int r, status = EXIT_SUCCESS;

        process_set_name("php-worker");
        /* the template is not dumpable and we inherit that; we may be looked at (DESIGN: backtraces from outside) */
        (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* cannot fail for 1 */
        lend_start(&worker);
        clean_start(&worker);
        child_start(&worker);
        worker_plan_retirement(&worker);

        intake_init(&worker.intake, &limits);
        r = worker_open(&worker);
        if (r < 0) {
                (void)log_error_errno(r, "Failed to set up a worker: %m");
                return EXIT_FAILURE;
        }

        scoreboard_set_holding(setup->board,
                               slot,
                               false); /* who had the slot before may have died with it */
        atomic_store(&worker.slot->pid, (uint32_t)worker.pid);
        atomic_store(&worker.slot->start_usec, clock_now_usec());
        if (setup->config->resident)
                status = worker_run_resident(&worker);
        else {
                worker_be_idle(&worker);
                worker_loop(&worker);
        }
        worker_set_state(&worker, WORKER_DRAINING);
        (void)scoreboard_clear_idle(setup->board, slot); /* who else is idle is the manager's to see */

        release_end(&worker);
        if (worker.intake.fd >= 0) /* PHP gave up in the midst of a resident script */
                worker_park(&worker);

        intake_done(&worker.intake);
        answer_done(&worker.answer);
        access_done(&worker.access);
        fd_close(worker.epoll);
        fd_close(worker.channel);
        if (!worker.broken)
                sapi_end_worker();
        log_flush();
        return status;
}
