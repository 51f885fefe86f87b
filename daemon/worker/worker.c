/* SPDX-License-Identifier: MIT */
/*
 * A worker
 *
 * It holds at most one connection and runs at most one request. Where the next
 * connection comes from, in this order: the queue that all workers share (what
 * the manager accepted or gave back), then the listeners. While it holds a
 * connection that says nothing it still waits for both, in one epoll; as soon
 * as somebody else wants something, or after HOLD_MSEC of silence, the silent
 * one goes to the manager with whatever was read of it. So no connection ever
 * holds a worker; only a running request does.
 *
 * Giving way at once, even when the held connection has just spoken, is what
 * keeps many kept connections from starving others: it costs them a turn
 * through the queue.
 *
 * A worker ends when its channel does, when its slot says stop, when it has
 * served its share, or when PHP has bailed out.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
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

#define HOLD_MSEC   5
#define EVENTS_MAX  8
#define CHUNK_SIZE  65536U
#define PARAMS_MAX  1000U /* pairs; a request has some forty */
#define TAG_CHANNEL UINT32_MAX
#define TAG_QUEUE   (UINT32_MAX - 1)
#define TAG_HELD    (UINT32_MAX - 2)

static LogLimit worker_log_limit = LOG_LIMIT(30 * USEC_PER_SEC, 1);

static void worker_set_state(Worker *worker, WorkerState state) {
        atomic_store(&worker->slot->state_usec, clock_now_usec());
        atomic_store(&worker->slot->state, (uint32_t)state);
}

static int worker_watch(Worker *worker, int fd, uint32_t events, uint32_t tag) {
        struct epoll_event event = { .events = events, .data.u32 = tag };

        return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Gives the held connection to the manager. It is gone from here in any case. */
static void worker_park(Worker *worker) {
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

static void worker_drop(Worker *worker) {
        worker->held_watched = false; /* closing the last descriptor takes it out of the epoll */
        intake_close(&worker->intake);
}

/* From the shared queue. True: the intake holds a connection. */
static bool worker_take_queued(Worker *worker) {
        int fds[2] = { -EBADF, -EBADF };
        size_t n_fds = ELEMENTSOF(fds);
        QueueMessage message;
        ssize_t n;

        n = fd_recv_message(worker->setup->queue, &message, sizeof(message), fds, &n_fds);
        if (n != sizeof(message) || n_fds == 0) {
                if (n == 0)
                        worker->stopping = true; /* the manager is gone */
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

        worker->held_spoke = true;
        return true;
}

static bool worker_accept(Worker *worker) {
        for (size_t i = 0; i < worker->setup->n_listeners; i++) {
                int fd = accept4(worker->setup->listeners[i], NULL, NULL, SOCK_CLOEXEC);

                if (fd >= 0) {
                        intake_attach_take_fd(&worker->intake, fd, clock_now_usec());
                        worker->held_spoke = true; /* most clients write at once */
                        return true;
                }

                /* what is not the listener's own trouble concerns one connection that is gone (accept(2)) */
                if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                        struct timespec pause = { .tv_nsec = 10000000 };

                        if (log_limit_below(&worker_log_limit))
                                log_error_errno(-errno, "Failed to accept a connection: %m");
                        (void)nanosleep(&pause, NULL); /* only to not spin */
                }
        }

        return false;
}

/* Something else wants our attention: what is held goes to the manager first. */
static void worker_on_others(Worker *worker, bool queue, bool listener) {
        if (worker->intake.fd >= 0)
                worker_park(worker);

        if (queue && worker_take_queued(worker))
                return;
        if (listener)
                (void)worker_accept(worker); /* another worker was faster: wait again */
}

/* Waits for the held connection, for others, or for the end. */
static void worker_wait(Worker *worker) {
        struct epoll_event events[EVENTS_MAX];
        bool queue = false, listener = false;
        int n;

        if (worker->intake.fd >= 0 && !worker->held_watched) {
                if (worker_watch(worker, worker->intake.fd, EPOLLIN | EPOLLRDHUP, TAG_HELD) < 0) {
                        worker_park(worker);
                        return;
                }
                worker->held_watched = true;
        }

        n = epoll_wait(worker->epoll, events, EVENTS_MAX, worker->intake.fd >= 0 ? HOLD_MSEC : -1);
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

        if (worker->stopping)
                return;
        if (queue || listener)
                worker_on_others(worker, queue, listener);
        else if (n == 0 && worker->intake.fd >= 0)
                worker_park(worker);
}

static void worker_after_request(Worker *worker, bool keep) {
        uint64_t n = atomic_load(&worker->slot->n_requests) + 1;

        atomic_store(&worker->slot->n_requests, n);
        if (worker->requests_left > 0 && --worker->requests_left == 0)
                worker->stopping = true;
        if (worker->setup->config->max_memory > 0 &&
            process_resident_bytes() > worker->setup->config->max_memory)
                worker->stopping = true;

        if (worker->intake.fd < 0) /* parked or closed when the answer went out early */
                worker_drop(worker);
        else if (!keep || intake_next(&worker->intake) < 0)
                worker_drop(worker);
        else {
                worker->intake.since_usec = clock_now_usec();
                worker->held_spoke =
                        !intake_is_quiet(&worker->intake); /* bytes of the next request came with this one */
        }
}

/* The request is whole: runs it. */
static void worker_serve(Worker *worker) {
        ScoreboardHead *head = scoreboard_head(worker->setup->board);
        bool keep;

        worker_set_state(worker, WORKER_BUSY);
        atomic_fetch_add(&worker->slot->request_number, 1);
        if (scoreboard_clear_idle(worker->setup->board, worker->number) && atomic_load(&head->awake) == 0) {
                uint64_t one = 1;

                /* nobody is left for the next one: the manager has to know. It can only fail when full of wakes */
                (void)!write(worker->setup->wake, &one, sizeof(one));
        }

        keep = worker_run_request(worker);
        worker_after_request(worker, keep);

        if (!worker->stopping) {
                worker_set_state(worker, WORKER_IDLE);
                scoreboard_set_idle(worker->setup->board, worker->number);
        }
}

/* The request that comes in on the held connection. False: nothing to do but wait. */
static bool worker_look(Worker *worker) {
        int r = intake_read(&worker->intake);

        switch (r) {
        case 0:
                worker_serve(worker);
                return true;
        case INTAKE_E_WAIT:
                worker->held_spoke = false;
                return false;
        case INTAKE_E_TOO_LARGE:
                worker_refuse(worker,
                              413,
                              "Content Too Large",
                              "The request body is larger than limits.body.\n");
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
        return true;
}

static void worker_loop(Worker *worker) {
        ScoreboardHead *head = scoreboard_head(worker->setup->board);

        while (!worker->stopping && atomic_load(&worker->slot->stop) == 0) {
                /* others first: what the manager queued has waited longest */
                if (atomic_load(&head->queued) != 0)
                        (void)worker_take_queued(worker);

                if (worker->intake.fd < 0 && !worker->accept_failed)
                        worker->accept_failed = !worker_accept(worker);

                if (worker->intake.fd >= 0 && worker->held_spoke && worker_look(worker)) {
                        worker->accept_failed = false;
                        continue;
                }

                worker_wait(worker);
                worker->accept_failed = true;
        }
}

/*
 * Asked to go. What the manager has queued by now was accepted and can wait for
 * no successor: it is served first. What is queued later is somebody else's, or
 * a worker's that is born for it.
 */
static void worker_empty_queue(Worker *worker) {
        uint64_t asked_usec = clock_now_usec();
        bool later = false;

        worker->stopping = true;
        while (!later && !worker->broken && worker_take_queued(worker)) {
                later = worker->intake.since_usec > asked_usec;
                (void)worker_look(worker); /* what is not whole is parked */
        }
}

static int worker_open(Worker *worker) {
        int r;

        worker->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (worker->epoll < 0)
                return -errno;

        r = worker_watch(worker, worker->channel, EPOLLIN | EPOLLRDHUP, TAG_CHANNEL);
        if (r >= 0)
                r = worker_watch(worker, worker->setup->queue, EPOLLIN | EPOLLEXCLUSIVE, TAG_QUEUE);
        for (size_t i = 0; r >= 0 && i < worker->setup->n_listeners; i++)
                r = worker_watch(worker, worker->setup->listeners[i], EPOLLIN | EPOLLEXCLUSIVE, (uint32_t)i);
        if (r < 0)
                return r;

        return answer_init(&worker->answer,
                           (int)MIN2(worker->setup->config->body_usec / USEC_PER_MSEC, INT_MAX));
}

static void worker_on_interrupt(int signo) {
        sapi_interrupt();
}

/* With a share of its own, so that workers that started together do not all go together. */
static uint64_t worker_share(const PoolConfig *config, uint32_t number) {
        if (config->max_requests == 0)
                return 0;
        return config->max_requests + (number * UINT64_C(2654435761) % (config->max_requests / 8 + 1));
}

int worker_main(const WorkerSetup *setup, uint32_t slot, int channel) {
        struct sigaction interrupt = { .sa_handler = worker_on_interrupt, .sa_flags = SA_RESTART };
        Worker worker = {
                .setup = setup,
                .slot = scoreboard_slot(setup->board, slot),
                .number = slot,
                .channel = channel,
                .pid = getpid(),
                .requests_left = worker_share(setup->config, slot),
        };
        IntakeLimits limits = {
                .n_params_max = PARAMS_MAX,
                .params_max = setup->config->params_max,
                .body_max = setup->config->body_max,
                .chunk_size = CHUNK_SIZE,
                .memory_max = 2 * CHUNK_SIZE,
                .spool_directory = setup->spool_directory,
        };
        int r;

        process_set_name("php-worker");
        /* the template is not dumpable and we inherit that; we may be looked at (DESIGN: backtraces from outside) */
        (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);    /* cannot fail for 1 */
        (void)sigaction(SIGRTMIN, &interrupt, NULL); /* cannot fail for a valid signal */

        intake_init(&worker.intake, &limits);
        r = worker_open(&worker);
        if (r < 0) {
                (void)log_error_errno(r, "Failed to set up a worker: %m");
                return EXIT_FAILURE;
        }

        atomic_store(&worker.slot->pid, (uint32_t)worker.pid);
        worker_set_state(&worker, WORKER_IDLE);
        scoreboard_set_idle(setup->board, slot);
        worker_loop(&worker);
        if (atomic_load(&worker.slot->stop) != 0)
                worker_empty_queue(&worker);
        worker_set_state(&worker, WORKER_DRAINING);
        (void)scoreboard_clear_idle(setup->board, slot); /* who else is idle is the manager's to see */

        if (worker.intake.fd >= 0)
                worker_park(&worker);

        intake_done(&worker.intake);
        answer_done(&worker.answer);
        fd_close(worker.epoll);
        fd_close(worker.channel);
        if (!worker.broken)
                sapi_stop();
        return EXIT_SUCCESS;
}
