/* SPDX-License-Identifier: MIT */
/*
 * The workers of a pool, as the manager sees them
 *
 * A PoolWorker exists from the moment it is asked for until its death is
 * reported: by its template, or by the kernel when the template died first and
 * the manager, as subreaper, has inherited it. A template that is killed between
 * a fork and the word of it leaves a worker whose pid nobody knows: its channel
 * ends when it does, or at once if it was never born. What it does stands in its slot
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
#include "util/message-ids.h"
#include "util/process.h"

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
        else if (n == sizeof(message) && message.type == WORKER_LEND && n_fds == 1)
                loan_take_fd(worker, fds[0], (uint16_t)message.request_id);
        else if (n == sizeof(message) && message.type == WORKER_LEND_OVER && n_fds == 0)
                loan_over(worker);
        else if (n == sizeof(message) && message.type == WORKER_READY && n_fds == 0)
                pool_worker_on_booted(worker);
        else if (n == sizeof(message) && message.type == WORKER_CLEAN && n_fds == 0)
                manager_clean_sessions(worker->manager, message.lifetime_sec);
        else if (n != -EMSGSIZE)
                for (size_t i = 0; i < n_fds; i++)
                        fd_close_connection(fds[i]);
        return 1;
}

static int pool_worker_on_message(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        PoolWorker *worker = userdata;
        ssize_t n = pool_worker_receive(worker);

        if (n > 0 || n == -EAGAIN)
                return 0;

        /* it is on its way out; its death will be reported, unless nobody knows it */
        worker->source = sd_event_source_disable_unref(worker->source);
        if (worker->pid == 0 && worker->generation->state == GENERATION_DEAD)
                manager_bury_worker(worker->manager, worker, EXIT_SUCCESS);
        return 0;
}

/* Before it took a request: the start of the next one has to wait. */
static void pool_worker_died_early(PoolWorker *worker, const char *what) {
        uint64_t delay = boot_on_early_death(worker);
        char next[64] = "";

        if (delay > 0 && worker->manager->state != MANAGER_STOPPING)
                (void)snprintf(next,
                               sizeof(next),
                               "; starting the next one in %" PRIu64 " ms",
                               delay / USEC_PER_MSEC);
        manager_complain_as(worker->manager,
                            MESSAGE_ID_CRASH_LOOP,
                            "Worker %" PRIu32 " %s before it took a request%s",
                            worker->slot,
                            what,
                            next);
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
        worker->loan = -EBADF;
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
        traces_forget(worker);
        fd_close_connection(worker->loan);
        fd_close(worker->channel);
        fd_close(worker->pidfd);
        free(worker);
        return NULL;
}

void pool_worker_stop(PoolWorker *worker) {
        if (worker->draining)
                return;

        worker->draining = true;
        atomic_store(&scoreboard_slot(&worker->manager->board, worker->slot)->stop,
                     worker->manager->state == MANAGER_STOPPING ? WORKER_STOP_LAST : WORKER_STOP_LEAVE);
        /* wakes it where it waits; what it holds it can still send us */
        (void)shutdown(worker->channel, SHUT_WR); /* or it has gone already */
        boot_give_up(worker);
}

PoolWorker *manager_find_worker(Manager *manager, uint32_t slot, pid_t pid) {
        PoolWorker *worker = slot < SCOREBOARD_SLOTS_MAX ? manager->slots[slot] : NULL;

        return worker && worker->pid == pid ? worker : NULL;
}

void manager_bury_worker(Manager *manager, PoolWorker *worker, int status) {
        bool was_busy, clean = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
        ScoreboardCopy copy;
        char what[64];

        scoreboard_copy(&manager->board, worker->slot, &copy);
        was_busy = copy.state == WORKER_BUSY || copy.state == WORKER_FINISHED;
        manager->n_requests += copy.n_requests;
        atomic_store(&scoreboard_head(&manager->board)->n_requests_gone, manager->n_requests);
        manager->n_cut += copy.n_refused;
        tally_add(&manager->tally, &scoreboard_slot(&manager->board, worker->slot)->tally);

        if (WIFSIGNALED(status))
                (void)snprintf(what,
                               sizeof(what),
                               "was killed by SIG%s",
                               process_signal_name(WTERMSIG(status)));
        else
                (void)snprintf(what, sizeof(what), "ended with status %d", WEXITSTATUS(status));

        if (copy.request_number > 0)
                scaler_on_success(&manager->scaler);

        slowest_take(manager, worker);
        if (was_busy && !clean && copy.state == WORKER_BUSY)
                slowest_add_cut(manager, &copy);
        pool_worker_receive_last(worker);
        boot_log_end(worker, &copy);
        if (clean)
                manager->n_exits[copy.exit]++;
        else if (worker->draining && worker->boot_is_over)
                log_debug("Worker %" PRIu32 " was not needed any more", worker->slot);
        else {
                manager->n_crashes++;
                manager->n_signals[WIFSIGNALED(status) ? MIN2(WTERMSIG(status), MANAGER_SIGNALS_MAX - 1)
                                                       : 0]++;
                loan_settle(worker, &copy);
                if (was_busy)
                        worker_log(worker, &copy, MESSAGE_ID_WORKER_DIED, what);
                else if (copy.request_number > 0 || (worker->draining && manager->state != MANAGER_STOPPING))
                        manager_complain(manager, "Worker %" PRIu32 " %s", worker->slot, what);
                else
                        pool_worker_died_early(worker, what);
        }

        pool_worker_free(worker);
        manager_advance(manager);
        watch_look(manager);
}

/* All that is left of a dead template are our children: we are the subreaper. */
void manager_bury_unseen(Manager *manager) {
        LIST_FOREACH_SAFE (l, &manager->workers) {
                PoolWorker *worker = list_entry(l, PoolWorker, link);
                siginfo_t info;

                if (worker->generation->state != GENERATION_DEAD || worker->generation->channel >= 0 ||
                    waitid(P_PID, (id_t)worker->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ||
                    errno != ECHILD)
                        continue;

                manager_complain(manager,
                                 "Worker %" PRIu32
                                 " (pid %d) ended, and so did its template: how, nobody saw",
                                 worker->slot,
                                 (int)worker->pid);
                manager_bury_worker(manager, worker, EXIT_SUCCESS);
        }
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

uint64_t manager_count_requests(const Manager *manager) {
        uint64_t n = manager->n_requests;

        LIST_FOREACH (l, &manager->workers) {
                const PoolWorker *worker = list_entry(l, PoolWorker, link);

                n += atomic_load(&scoreboard_slot(&manager->board, worker->slot)->n_requests);
        }

        return n;
}

void manager_sum_tally(const Manager *manager, TallySum *ret) {
        *ret = manager->tally;

        LIST_FOREACH (l, &manager->workers) {
                const PoolWorker *worker = list_entry(l, PoolWorker, link);

                tally_add(ret, &scoreboard_slot(&manager->board, worker->slot)->tally);
        }
}

const ScoreboardOpcache *manager_newest_opcache(const Manager *manager) {
        const ScoreboardOpcache *newest = NULL;
        uint64_t newest_usec = 0;

        LIST_FOREACH (l, &manager->workers) {
                const PoolWorker *worker = list_entry(l, PoolWorker, link);
                const ScoreboardOpcache *opcache = &scoreboard_slot(&manager->board, worker->slot)->opcache;
                uint64_t usec = atomic_load(&opcache->sampled_usec);

                if (worker->generation == manager->current && usec > newest_usec) {
                        newest = opcache;
                        newest_usec = usec;
                }
        }

        return newest;
}
