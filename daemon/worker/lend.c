/* SPDX-License-Identifier: MIT */
/*
 * A request over its time
 *
 * The manager sends SIGRTMIN. PHP is told to end the script; but one that waits
 * in the kernel, or runs one long function, does not notice and will be killed.
 * A signal handler runs in those too, so it lends the connection to the manager,
 * who can then answer 504 for a worker that is no more. A worker that ends the
 * request after all takes it back.
 */

#include <errno.h>
#include <signal.h>
#include "sapi/sapi.h"
#include "util/fd.h"
#include "worker/run.h"

static Worker *lend_worker; /* the only one of this process */

/* In the signal handler: sendmsg(2) is async-signal-safe, and fd_send_message() does no more. */
static void lend_connection(Worker *worker) {
        WorkerMessage message = { .type = WORKER_LEND, .request_id = worker->intake.server.id };

        if (!worker->running || worker->lent || worker->intake.fd < 0)
                return;

        /* or the manager, whose channel is full, closes the connection instead of answering */
        if (fd_send_message(worker->channel, &message, sizeof(message), &worker->intake.fd, 1) == 0)
                worker->lent = 1;
}

static bool lend_is_cancelled(const Worker *worker) {
        return worker->running &&
               atomic_load(&worker->slot->cancelled) == atomic_load(&worker->slot->request_number);
}

static void lend_on_signal(int signo) {
        bool cancelled = lend_is_cancelled(lend_worker);
        int saved = errno;

        release_now(lend_worker);
        if (cancelled || lend_worker->answered_usec == 0) { /* what goes on after its answer has no limit */
                sapi_interrupt(cancelled);
                lend_connection(lend_worker);
        }
        errno = saved;
}

void lend_start(Worker *worker) {
        struct sigaction action = { .sa_handler = lend_on_signal, .sa_flags = SA_RESTART };

        lend_worker = worker;
        (void)sigaction(SIGRTMIN, &action, NULL); /* cannot fail for a valid signal */
}

/* The request can be found by its id already: whoever has ended it since then came before we listened. */
void lend_begin(Worker *worker) {
        sapi_interrupt_begin();
        worker->running = 1;
        if (lend_is_cancelled(worker))
                lend_on_signal(SIGRTMIN);
}

void lend_end(Worker *worker) {
        WorkerMessage message = { .type = WORKER_LEND_OVER };

        worker->running = 0; /* first: a signal from here on lends nothing */
        if (!worker->lent)
                return;

        worker->lent = 0;
        (void)channel_send(worker->channel, &message, sizeof(message), NULL, 0); /* or the manager is gone */
}
