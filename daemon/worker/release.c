/* SPDX-License-Identifier: MIT */
/*
 * When a kept connection is given away although its script goes on
 *
 * After fastcgi_finish_request() the connection must not wait for the script:
 * the front end may send the next request on it, and so may the script itself.
 * But frameworks call it at the end of every request and have microseconds left
 * to do (Symfony's Response::send(), which Laravel uses as well), and a turn
 * through the manager costs more than that. So the worker keeps the connection
 * while the script only computes, and gives it to the manager before it waits
 * for anything, or when it has computed for a tick. What waits unnoticed is
 * reminded by the manager, a second later or two. Where the last script went on for long after its answer, the next
 * one's connection is given away at once.
 */

#include <sys/epoll.h>
#include "sapi/sapi.h"
#include "util/clock.h"
#include "util/fd.h"
#include "worker/run.h"

#define LONG_USEC (2 * USEC_PER_MSEC)

static Worker *release_worker; /* the only one of this process */

/* Async-signal-safe. */
static void release_connection(Worker *worker, bool keep) {
        WorkerMessage message = { .type = WORKER_PARK_KEPT, .since_usec = clock_now_usec() };
        Intake *intake = &worker->intake;

        worker->release_due = 0;
        atomic_store(&worker->slot->keeps, 0);
        if (keep)
                (void)channel_send(worker->channel,
                                   &message,
                                   sizeof(message),
                                   &intake->fd,
                                   1); /* or it closes */
        if (worker->held_watched)
                (void)epoll_ctl(worker->epoll, EPOLL_CTL_DEL, intake->fd, NULL); /* it was added */
        worker->held_watched = false;
        intake->fd = fd_close(intake->fd);
}

static void release_due(void) {
        release_now(release_worker);
}

void release_now(Worker *worker) {
        if (worker->release_due)
                release_connection(worker, /* keep= */ true);
}

void release_begin(Worker *worker, bool keep) {
        worker->answered_usec = clock_now_usec();
        if (!keep || worker->goes_on) {
                release_connection(worker, keep);
                return;
        }

        release_worker = worker;
        atomic_store(&worker->slot->keeps, 1);
        worker->release_due = 1; /* from here on a signal may end both */
        sapi_on_block(release_due);
}

void release_end(Worker *worker) {
        if (worker->answered_usec == 0)
                return;

        sapi_on_block(NULL);
        atomic_store(&worker->slot->keeps, 0);
        worker->release_due = 0; /* from here on the connection is ours, or is gone */
        worker->goes_on = clock_now_usec() - worker->answered_usec >= LONG_USEC;
        worker->answered_usec = 0;
}
