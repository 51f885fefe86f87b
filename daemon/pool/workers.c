/* SPDX-License-Identifier: MIT */
/*
 * The workers of a pool, as the manager sees them
 *
 * A PoolWorker exists from the moment it is asked for until its death is
 * reported: by its template, or by the kernel when the template died first and
 * the manager, as subreaper, has inherited it. What it does stands in its slot
 * of the scoreboard, and is believed only as far as a mistake would do no harm.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "ipc/channel.h"
#include "pool/manager.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"

#define MESSAGE_ID_WORKER_DIED "MESSAGE_ID=5f6b7c2b0a3c4a0f9d1e8a7c6b5d4e3f"
#define MESSAGE_ID_TIMEOUT     "MESSAGE_ID=c0a1f2e3d4b5467889aabbccddeeff01"

#define LAST_MESSAGES_MAX 1024 /* net.core.wmem_default holds about a quarter of that */

/* One message. Positive: there may be more; -EAGAIN: not now; else never again. */
static ssize_t pool_worker_receive(PoolWorker *worker) {
        int fds[2] = { -EBADF, -EBADF };
        size_t n_fds = ELEMENTSOF(fds);
        WorkerMessage message;
        ssize_t n;

        n = fd_recv_message(worker->channel, &message, sizeof(message), fds, &n_fds);
        if (n == 0 || (n < 0 && n != -EMSGSIZE))
                return n;

        if (n == sizeof(message) && message.type == WORKER_PARK_KEPT && n_fds == 1)
                parking_add_kept_take_fd(&worker->manager->parking, fds[0]);
        else if (n == sizeof(message) && message.type == WORKER_PARK_PARTIAL && n_fds >= 1)
                parking_add_partial_take_fds(&worker->manager->parking, fds[0], fds[1], message.since_usec);
        else if (n != -EMSGSIZE)
                for (size_t i = 0; i < n_fds; i++)
                        fd_close(fds[i]);
        return 1;
}

static int pool_worker_on_message(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        PoolWorker *worker = userdata;
        ssize_t n = pool_worker_receive(worker);

        if (n <= 0 && n != -EAGAIN) /* it is on its way out; its death will be reported */
                worker->source = sd_event_source_disable_unref(worker->source);
        return 0;
}

/* What it handed over before it died is not lost with it. A child that its PHP left behind can go on sending. */
static void pool_worker_receive_last(PoolWorker *worker) {
        for (int i = 0; i < LAST_MESSAGES_MAX && pool_worker_receive(worker) > 0; i++)
                ;
}

/* Low numbers are used again: the scoreboard touches no more memory than the pool has workers. */
static int manager_free_slot(Manager *manager, uint32_t *ret) {
        for (size_t i = 0; i < manager->board.n_slots; i++)
                if (!manager->slots[i]) {
                        *ret = (uint32_t)i;
                        return 0;
                }

        return -ENOBUFS;
}

int pool_worker_new(PoolWorker **ret, Generation *generation, int *ret_worker_end) {
        _cleanup_(fd_closep) int worker_end = -EBADF;
        Manager *manager = generation->manager;
        PoolWorker *worker;
        int r;

        worker = calloc(1, sizeof(*worker));
        if (!worker)
                return -ENOMEM;

        list_init(&worker->link);
        worker->manager = manager;
        worker->generation = generation;
        worker->pidfd = -EBADF;
        worker->channel = -EBADF;
        worker->started_usec = clock_now_usec();

        r = manager_free_slot(manager, &worker->slot);
        if (r >= 0)
                r = channel_pair(&worker->channel, &worker_end);
        if (r >= 0)
                r = sd_event_add_io(manager->event,
                                    &worker->source,
                                    worker->channel,
                                    EPOLLIN,
                                    pool_worker_on_message,
                                    worker);
        if (r < 0) {
                fd_close(worker->channel);
                free(worker);
                return r;
        }

        memset(scoreboard_slot(&manager->board, worker->slot), 0, sizeof(ScoreboardSlot));
        atomic_store(&scoreboard_slot(&manager->board, worker->slot)->state, WORKER_STARTING);
        manager->slots[worker->slot] = worker;
        generation->n_workers++;
        list_append(&manager->workers, &worker->link);

        *ret = worker;
        *ret_worker_end = TAKE_FD(worker_end);
        return 0;
}

PoolWorker *pool_worker_free(PoolWorker *worker) {
        if (!worker)
                return NULL;

        (void)scoreboard_clear_idle(&worker->manager->board,
                                    worker->slot); /* who is left, watch.c looks up */
        memset(scoreboard_slot(&worker->manager->board, worker->slot), 0, sizeof(ScoreboardSlot));
        worker->manager->slots[worker->slot] = NULL;
        worker->generation->n_workers--;
        list_remove(&worker->link);
        sd_event_source_disable_unref(worker->source);
        fd_close(worker->channel);
        fd_close(worker->pidfd);
        free(worker);
        return NULL;
}

void pool_worker_stop(PoolWorker *worker) {
        if (worker->draining)
                return;

        worker->draining = true;
        atomic_store(&scoreboard_slot(&worker->manager->board, worker->slot)->stop, 1);
        /* wakes it where it waits; what it holds it can still send us */
        (void)shutdown(worker->channel, SHUT_WR); /* or it has gone already */
}

PoolWorker *manager_find_worker(Manager *manager, uint32_t slot, pid_t pid) {
        PoolWorker *worker = slot < SCOREBOARD_SLOTS_MAX ? manager->slots[slot] : NULL;

        return worker && worker->pid == pid ? worker : NULL;
}

static void
worker_log(const PoolWorker *worker, const ScoreboardCopy *copy, const char *message_id, const char *what) {
        char text[6][400];
        const char *fields[7] = {};
        size_t n = 0;

        (void)snprintf(text[n++], sizeof(text[0]), "%s", message_id);
        (void)snprintf(text[n++], sizeof(text[0]), "PHP_WORKER=%" PRIu32, worker->slot);
        (void)snprintf(text[n++], sizeof(text[0]), "PHP_REQUEST_ID=%s", copy->id);
        (void)snprintf(text[n++], sizeof(text[0]), "PHP_REQUEST_METHOD=%s", copy->method);
        (void)snprintf(text[n++], sizeof(text[0]), "PHP_REQUEST_URI=%s", copy->uri);
        (void)snprintf(text[n++], sizeof(text[0]), "PHP_SCRIPT=%s", copy->script);
        for (size_t i = 0; i < n; i++)
                fields[i] = text[i];

        log_struct(LOG_ERR,
                   fields,
                   "Worker %" PRIu32 " (pid %d) %s while it ran %s %s (%s, request %s)",
                   worker->slot,
                   (int)worker->pid,
                   what,
                   copy->method[0] ? copy->method : "-",
                   copy->uri[0] ? copy->uri : "-",
                   copy->script[0] ? copy->script : "no script yet",
                   copy->id);
        (void)snprintf(worker->manager->last_error,
                       sizeof(worker->manager->last_error),
                       "worker %s while it ran %.100s (request %s)",
                       what,
                       copy->uri,
                       copy->id);
}

void manager_bury_worker(Manager *manager, PoolWorker *worker, int status) {
        bool was_busy, clean = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
        ScoreboardCopy copy;
        char what[64];

        scoreboard_copy(&manager->board, worker->slot, &copy);
        was_busy = copy.state == WORKER_BUSY || copy.state == WORKER_FINISHED;
        manager->n_requests += copy.n_requests;
        atomic_store(&scoreboard_head(&manager->board)->n_requests_gone, manager->n_requests);
        manager->n_errors += copy.n_errors;
        manager->n_cut += copy.n_refused;

        if (WIFSIGNALED(status))
                (void)snprintf(what,
                               sizeof(what),
                               "was killed by SIG%s",
                               process_signal_name(WTERMSIG(status)));
        else
                (void)snprintf(what, sizeof(what), "ended with status %d", WEXITSTATUS(status));

        if (copy.request_number > 0)
                scaler_on_success(&manager->scaler);

        if (!clean) {
                manager->n_crashes++;
                if (was_busy)
                        worker_log(worker, &copy, MESSAGE_ID_WORKER_DIED, what);
                else if (copy.request_number > 0 || worker->draining)
                        manager_complain(manager, "Worker %" PRIu32 " %s", worker->slot, what);
                else {
                        uint64_t delay = scaler_on_early_death(&manager->scaler, clock_now_usec());

                        manager_complain(manager,
                                         "Worker %" PRIu32
                                         " %s before it took a request; starting the next one in "
                                         "%" PRIu64 " ms",
                                         worker->slot,
                                         what,
                                         delay / USEC_PER_MSEC);
                }
        }

        pool_worker_receive_last(worker);
        pool_worker_free(worker);
        manager_advance(manager);
        watch_look(manager);
}

void manager_count_workers(Manager *manager, uint64_t now_usec, WorkerCount *ret) {
        *ret = (WorkerCount){};

        LIST_FOREACH (l, &manager->workers) {
                PoolWorker *worker = list_entry(l, PoolWorker, link);
                ScoreboardSlot *slot = scoreboard_slot(&manager->board, worker->slot);
                uint32_t state = atomic_load(&slot->state);
                uint64_t since = atomic_load(&slot->state_usec);

                if (worker->draining || state == WORKER_DRAINING || worker->generation != manager->current) {
                        ret->n_draining++;
                        continue;
                }

                ret->n_all++;
                if (state == WORKER_STARTING)
                        ret->n_starting++;
                else if (state == WORKER_IDLE) {
                        ret->n_idle++;
                        if (now_usec >= since &&
                            now_usec - since >= worker->generation->config->workers_idle_usec)
                                ret->n_idle_long++;
                } else
                        ret->n_busy++;
        }
}

void manager_stop_idle_workers(Manager *manager, uint64_t n, uint64_t now_usec) {
        LIST_FOREACH (l, &manager->workers) {
                PoolWorker *worker = list_entry(l, PoolWorker, link);
                ScoreboardSlot *slot = scoreboard_slot(&manager->board, worker->slot);
                uint64_t since = atomic_load(&slot->state_usec);

                if (n == 0)
                        return;
                if (worker->draining || worker->generation != manager->current ||
                    atomic_load(&slot->state) != WORKER_IDLE || since > now_usec ||
                    now_usec - since < worker->generation->config->workers_idle_usec)
                        continue;
                pool_worker_stop(worker);
                n--;
        }
}

static void worker_check_deadline(Manager *manager, PoolWorker *worker, uint64_t now_usec) {
        const PoolConfig *config = worker->generation->config;
        ScoreboardCopy copy;
        uint64_t age;

        scoreboard_copy(&manager->board, worker->slot, &copy);
        if (copy.state != WORKER_BUSY || worker->pidfd < 0 || copy.state_usec > now_usec)
                return;

        age = now_usec - copy.state_usec;
        if (config->request_usec == USEC_INFINITY || age < config->request_usec)
                return;

        if (worker->interrupted != copy.request_number) {
                worker->interrupted = copy.request_number;
                manager->n_timeouts++;
                worker_log(worker, &copy, MESSAGE_ID_TIMEOUT, "is over timeouts.request and is interrupted");
                (void)pidfd_signal(worker->pidfd, SIGRTMIN); /* or it is gone */
        } else if (age - config->request_usec >= config->kill_usec &&
                   worker->killed != copy.request_number) {
                worker->killed = copy.request_number;
                worker_log(worker,
                           &copy,
                           MESSAGE_ID_TIMEOUT,
                           "did not end after timeouts.kill and is killed");
                (void)pidfd_signal(worker->pidfd, SIGKILL); /* or it is gone */
        }
}

void manager_check_deadlines(Manager *manager, uint64_t now_usec) {
        LIST_FOREACH (l, &manager->workers)
                worker_check_deadline(manager, list_entry(l, PoolWorker, link), now_usec);
}

uint64_t manager_count_requests(const Manager *manager) {
        uint64_t n = manager->n_requests;

        LIST_FOREACH (l, &manager->workers) {
                const PoolWorker *worker = list_entry(l, PoolWorker, link);

                n += atomic_load(&scoreboard_slot(&manager->board, worker->slot)->n_requests);
        }

        return n;
}
