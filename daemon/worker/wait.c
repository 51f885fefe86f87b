/* SPDX-License-Identifier: MIT */
/*
 * What a worker waits for
 *
 * For the queue, the listeners, its channel, and the connection that it holds.
 * Whatever else comes while it holds one makes it give that away, even when it
 * has just spoken: it costs a kept connection a turn through the queue, and
 * keeps many of them from starving others.
 *
 * The kernel wakes the worker that has waited there first, not one whose hands
 * are free. So as long as others are free, who holds a connection waits for that
 * alone, and only for HOLD_MSEC: the others may be gone by then. Else two kept
 * connections could chase each other through the queue, one worker and the
 * manager, while all others are idle. Then it waits for all, and after SILENT_MSEC
 * the manager waits for that connection: in a pool that is asked now and then, or
 * one of many behind one front, each request would take that turn if it came sooner.
 *
 * A new connection may be accepted before its client has come to write. It gets
 * FRESH_USEC for that, whoever else waits: through the manager it would come back
 * behind all of them. Where processors were few, one in four did. Once something
 * has come it gets COMING_USEC for the rest; from then on others have their turn.
 * Both count from the first wait, whatever comes meanwhile: a peer that sends a byte
 * each millisecond would keep a worker that the manager takes for idle.
 */

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include "sapi/sapi.h"
#include "util/clock.h"
#include "util/fd.h"
#include "worker/run.h"

#define HOLD_MSEC   5
#define FRESH_USEC  (2 * USEC_PER_MSEC)
#define COMING_USEC (10 * USEC_PER_MSEC)
#define SILENT_MSEC 50
#define EVENTS_MAX  8
#define TAG_CHANNEL UINT32_MAX
#define TAG_QUEUE   (UINT32_MAX - 1)
#define TAG_HELD    (UINT32_MAX - 2)

static int worker_watch(Worker *worker, int fd, uint32_t events, uint32_t tag) {
        struct epoll_event event = { .events = events, .data.u32 = tag };

        return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Something else wants our attention: what is held goes to the manager first. */
static void worker_on_others(Worker *worker, bool queue, bool listener) {
        if (worker->intake.fd >= 0)
                worker_park(worker);

        /* the queue has its turn before us, in worker_next() */
        if (listener && worker_accept(worker))
                return;
        if (queue)
                (void)worker_take_queued(worker); /* or another worker was faster: wait again */
}

void worker_tell_holding(Worker *worker) {
        bool holding = worker->intake.fd >= 0;

        if (holding != worker->is_holding)
                scoreboard_set_holding(worker->setup->board, worker->number, holding);
        worker->is_holding = holding;
}

/* Whatever else comes is for others, or can wait that long. False: nothing came. */
static bool worker_wait_for_held(Worker *worker, int msec) {
        struct pollfd p[] = {
                { .fd = worker->intake.fd, .events = POLLIN | POLLRDHUP },
                { .fd = worker->channel, .events = POLLIN | POLLRDHUP },
        };
        int n = poll(p, ELEMENTSOF(p), msec);

        if (p[1].revents)
                worker->stopping = true;
        if (p[0].revents)
                worker->held_spoke = true;
        return n != 0;
}

/*
 * A new connection: whoever else waits, for as long as it has. Then it is given up if
 * nothing has come, else waited for with all others. False: so it is.
 */
static bool worker_wait_for_fresh(Worker *worker) {
        bool quiet = intake_is_quiet(&worker->intake);
        uint64_t now = clock_now_usec(), end;

        if (worker->coming_usec == 0)
                worker->coming_usec = now;
        end = worker->coming_usec + (quiet ? FRESH_USEC : COMING_USEC);
        if (now < end &&
            worker_wait_for_held(worker, (int)((end - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC)))
                return true;
        if (quiet)
                worker_park(worker);
        return quiet;
}

/* False: it is not to be waited for alone. */
static bool worker_wait_alone(Worker *worker) {
        if (worker->intake.fresh)
                return worker_wait_for_fresh(worker);
        return scoreboard_any_other_free(worker->setup->board, worker->number) &&
               worker_wait_for_held(worker, HOLD_MSEC);
}

void worker_wait(Worker *worker) {
        struct epoll_event events[EVENTS_MAX];
        bool queue = false, listener = false;
        int msec = sapi_rest(), n;

        worker_tell_holding(worker);
        if (worker->is_holding && !worker->held_watched && worker_wait_alone(worker))
                return;

        if (worker->intake.fd >= 0 && !worker->held_watched) {
                if (worker_watch(worker, worker->intake.fd, EPOLLIN | EPOLLRDHUP, TAG_HELD) < 0) {
                        worker_park(worker);
                        return;
                }
                worker->held_watched = true;
        }

        if (worker->intake.fd >= 0)
                msec = SILENT_MSEC;
        n = epoll_wait(worker->epoll, events, EVENTS_MAX, msec);
        for (int i = 0; i < n; i++)
                switch (events[i].data.u32) {
                case TAG_CHANNEL:
                        worker->stopping = true;
                        break;
                case TAG_QUEUE:
                        queue = true;
                        break;
                case TAG_HELD:
                        worker->held_spoke = true;
                        break;
                default:
                        listener = true;
                        break;
                }

        if (worker->stopping) {
                /* they wake one worker for each connection: if that was us, nobody else knows of it */
                if (queue && worker_stop_wanted(worker) == WORKER_STOP_LEAVE)
                        (void)worker_take_queued(worker);
                if (listener)
                        (void)worker_accept(worker);
                return;
        }
        if (queue || listener)
                worker_on_others(worker, queue, listener);
        else if (n == 0 && worker->intake.fd >= 0)
                worker_park(worker);
}

int worker_open_wait(Worker *worker) {
        int r;

        worker->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (worker->epoll < 0)
                return -errno;

        r = worker_watch(worker, worker->channel, EPOLLIN | EPOLLRDHUP, TAG_CHANNEL);
        if (r >= 0)
                r = worker_watch(worker, worker->setup->queue, EPOLLIN | EPOLLEXCLUSIVE, TAG_QUEUE);
        for (size_t i = 0; r >= 0 && i < worker->setup->n_listeners; i++)
                r = worker_watch(worker, worker->setup->listeners[i], EPOLLIN | EPOLLEXCLUSIVE, (uint32_t)i);
        return r;
}
