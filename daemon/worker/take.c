/* SPDX-License-Identifier: MIT */
/*
 * Where a worker's connections come from and where they go: the queue that all
 * share, the listeners, the manager
 *
 * Both have their turn: under a load of kept connections there is always something
 * in the queue, and new ones would wait until the manager looks (pool/watch.c). So
 * every second one is a new one while they come. To ask in vain costs two
 * microseconds (accept(2) makes the file first), hence QUEUE_TURNS.
 */

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "worker/run.h"

#define QUEUE_TURNS 4U /* takes from the queue between vain looks at the listeners */

LogLimit worker_log_limit = LOG_LIMIT(30 * USEC_PER_SEC, 5);

/* PHP has so many files open that no connection can come any more: the next worker has its limit for itself. */
static void worker_is_out_of_files(Worker *worker) {
        if (!worker->stopping && log_limit_below(&worker_log_limit))
                log_error(
                        "No descriptor is left for a connection (LimitNOFILE= of the unit), the worker is replaced");
        worker_retire(worker, WORKER_EXIT_FILES);
}

void worker_park(Worker *worker) {
        WorkerMessage message = { .type = WORKER_PARK_KEPT, .since_usec = worker->intake.since_usec };
        int fds[2] = { worker->intake.fd, -EBADF };
        int r;

        /* a new connection is about to speak: the manager treats it as one whose request has begun */
        if (worker->intake.fresh || !intake_is_quiet(&worker->intake))
                message.type = WORKER_PARK_PARTIAL;

        r = intake_pack(&worker->intake, &fds[1]);
        if (r >= 0)
                r = channel_send(worker->channel, &message, sizeof(message), fds, fds[1] >= 0 ? 2 : 1);
        if (r < 0 && r != -EPIPE && r != -ECONNRESET && log_limit_below(&worker_log_limit))
                log_warning_errno(r, "Failed to hand a connection to the manager, closing it: %m");

        /* the descriptor's epoll entry belongs to the open file, which lives on in the manager */
        if (worker->held_watched)
                (void)epoll_ctl(worker->epoll, EPOLL_CTL_DEL, worker->intake.fd, NULL); /* it was added */
        worker->held_watched = false;
        intake_close(&worker->intake);
}

void worker_drop(Worker *worker) {
        worker->held_watched = false; /* closing the last descriptor takes it out of the epoll */
        intake_close(&worker->intake);
}

bool worker_take_queued(Worker *worker) {
        int fds[2] = { -EBADF, -EBADF };
        size_t n_fds = ELEMENTSOF(fds);
        QueueMessage message;
        uint64_t now;
        ssize_t n;

        n = fd_recv_message(worker->setup->queue, &message, sizeof(message), fds, &n_fds);
        if (n != sizeof(message) || n_fds == 0) {
                if (n == 0)
                        worker->stopping = true; /* the manager is gone */
                if (n == sizeof(message))        /* and that connection is lost (unix(7), MSG_CTRUNC) */
                        worker_is_out_of_files(worker);
                return false;
        }

        if (worker->intake.fd >= 0)
                worker_park(worker);

        if (intake_attach_take_fds(&worker->intake,
                                   fds[0],
                                   n_fds > 1 ? fds[1] : -EBADF,
                                   message.since_usec) < 0) {
                fd_close(fds[0]);
                if (n_fds > 1)
                        fd_close(fds[1]);
                return false;
        }

        atomic_fetch_sub(&scoreboard_head(worker->setup->board)->queued, 1);
        now = clock_now_usec();
        if (worker->queue_turns > 0)
                worker->queue_turns--;
        worker->waited_usec = now > message.since_usec ? now - message.since_usec : 0;
        worker->held_spoke = true;
        worker->coming_usec = 0;
        return true;
}

bool worker_accept(Worker *worker) {
        for (size_t i = 0; i < worker->setup->n_listeners; i++) {
                int fd = accept4(worker->setup->listeners[i], NULL, NULL, SOCK_CLOEXEC);

                if (fd >= 0) {
                        if (worker->intake.fd >= 0)
                                worker_park(worker);
                        intake_attach_take_fd(&worker->intake, fd, clock_now_usec());
                        worker->queue_turns = 1;
                        worker->waited_usec = 0; /* in our queue; how long in the kernel's nobody can tell */
                        worker->held_spoke = true; /* most clients write at once */
                        worker->coming_usec = 0;
                        return true;
                }

                /* what is not the listener's own trouble concerns one connection that is gone (accept(2)) */
                if (errno == EMFILE)
                        worker_is_out_of_files(worker);
                else if (errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                        struct timespec pause = { .tv_nsec = 10000000 };

                        if (log_limit_below(&worker_log_limit))
                                log_error_errno(-errno, "Failed to accept a connection: %m");
                        (void)nanosleep(&pause, NULL); /* only to not spin */
                }
        }

        return false;
}

bool worker_take_waiting(Worker *worker) {
        if (worker->queue_turns == 0) {
                if (worker_accept(worker))
                        return true;
                worker->queue_turns = QUEUE_TURNS;
        }

        return worker_take_queued(worker);
}
