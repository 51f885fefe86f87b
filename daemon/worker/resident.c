/* SPDX-License-Identifier: MIT */
/*
 * A worker with a resident script
 *
 * The script asks for requests (sapi/resident.c), and gets them from the same
 * places as any worker does. Until it asks for the first one the worker is
 * starting: nobody counts on it, and a script that ends before has failed.
 *
 * What the script does between an answer and its next question (Symfony's
 * terminate()) is like what an ordinary one does after fastcgi_finish_request():
 * the worker is not idle, and the connection does not wait for it (release.c).
 */

#include <stdlib.h>
#include <string.h>
#include "sapi/sapi.h"
#include "util/clock.h"
#include "util/log.h"
#include "worker/run.h"

typedef struct Resident Resident;

struct Resident {
        Worker *worker;
        Run run;
        bool asked;  /* for a request: the script has booted */
        bool behind; /* a request is answered, and the script does what it has to behind it */
};

static void resident_be_ready(Resident *resident) {
        Worker *worker = resident->worker;
        WorkerMessage message = { .type = WORKER_READY };

        resident->asked = true;
        atomic_store(&worker->slot->boot_usec, clock_now_usec() - atomic_load(&worker->slot->start_usec));
        worker_be_idle(worker);
        (void)channel_send(worker->channel, &message, sizeof(message), NULL, 0); /* or the manager is gone */
}

static void resident_leave(Resident *resident) {
        if (!resident->behind)
                return;

        resident->behind = false;
        release_end(resident->worker);
        worker_end(resident->worker, run_may_keep(&resident->run));
}

static SapiRequest *resident_next(void *userdata) {
        Resident *resident = userdata;
        Worker *worker = resident->worker;

        if (worker->is_child) /* forked behind a request: nothing here is its */
                return NULL;
        resident_leave(resident);
        if (!resident->asked)
                resident_be_ready(resident);

        while (worker_next(worker)) {
                worker_begin(worker);
                if (run_begin(&resident->run, worker))
                        return &resident->run.request;
                worker_end(worker, run_may_keep(&resident->run));
        }

        return NULL;
}

static void resident_done(void *userdata, SapiRequest *request) {
        Resident *resident = userdata;
        Worker *worker = resident->worker;
        uint64_t n = atomic_load(&worker->slot->n_requests);

        run_end(&resident->run);
        atomic_store(&worker->slot->memory_kept, request->memory_kept);
        if (n == 0) /* what the first request loads is not growth */
                atomic_store(&worker->slot->memory_first, request->memory_kept);

        resident->behind = true;
        lend_end(worker);
        worker->running = 1; /* an operator can still end what comes now */
        atomic_store(&worker->slot->state_usec, clock_now_usec()); /* what it was to be killed for is over */
        atomic_store(&worker->slot->state, WORKER_FINISHED);
        if (worker->intake.fd >= 0 && !intake_has_more(&worker->intake))
                release_begin(worker, run_may_keep(&resident->run));
}

int worker_run_resident(Worker *worker) {
        const PoolConfig *config = worker->setup->config;
        Resident context = { .worker = worker };
        SapiResident resident = {
                .script = config->resident_script,
                .docroot = config->docroot,
                .worker = worker->number,
                .userdata = &context,
                .next = resident_next,
                .done = resident_done,
        };

        sapi_run_resident(&resident);
        child_end(worker);
        resident_leave(&context);

        if (!resident.has_booted) {
                log_error(
                        "The resident script '%s' ended with status %d before it called PhpPool\\handle_request(); "
                        "what PHP said is above",
                        config->resident,
                        resident.exit_status);
                return EXIT_FAILURE;
        }

        worker->broken |= resident.gave_up;
        worker_retire(worker, resident.gave_up ? WORKER_EXIT_BAILOUT : WORKER_EXIT_SCRIPT);
        return EXIT_SUCCESS;
}
