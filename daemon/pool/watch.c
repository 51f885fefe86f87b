/* SPDX-License-Identifier: MIT */
/*
 * Demand: who waits, who is idle, and what to do about it
 *
 * As long as a worker is idle the manager sleeps: workers accept by themselves.
 * The worker that takes the last idle place writes to the wake descriptor.
 * From then on the manager is awake (and says so in the scoreboard, so that
 * nobody wakes it again), in one of two ways:
 *
 *   ticking  every TICK_USEC it looks whether somebody waits with nobody idle,
 *            starts workers up to max, and at max accepts what waits into the
 *            queue, so that it is served in order and has an end to its waiting.
 *            A look costs the same however many connections come.
 *            In a pool of one worker each request takes the last idle place; while it is
 *            idle and nobody waits, a look every SINGLE_TICK_USEC is enough.
 *   armed    nobody waited for QUIET_TICKS, but all workers are still busy: it
 *            waits for the listeners themselves.
 *
 * A worker that is idle may not come all the same, because it died just when the
 * kernel woke it for a connection, or somebody has stopped it. Then what waits for
 * MISSED_TICKS goes into the queue, which wakes the others.
 *
 * It falls asleep again when somebody is idle. After clearing the awake word it
 * looks once more, because a worker may have gone busy just before.
 *
 * Listeners and wake descriptor are open files that the workers have as well, and
 * whether a call on them waits is a flag of the open file: what a hostile worker
 * has changed is put right before each use.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "ipc/channel.h"
#include "pool/manager.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/message-ids.h"

#define TICK_USEC        (5 * USEC_PER_MSEC)
#define SINGLE_TICK_USEC (50 * USEC_PER_MSEC)
#define QUIET_TICKS      20U
#define SINGLE_TICKS     4U
#define MISSED_TICKS     4U
#define ACCEPT_MAX       256 /* connections taken in one look */

static bool watch_listeners_wait(const Manager *manager) {
        for (size_t i = 0; i < manager->listeners.n_items; i++) {
                struct pollfd p = { .fd = manager->listeners.items[i].fd, .events = POLLIN };

                if (poll(&p, 1, /* timeout= */ 0) > 0)
                        return true;
        }

        return false;
}

static void watch_set_awake(Manager *manager, bool awake) {
        manager->awake = awake;
        atomic_store(&scoreboard_head(&manager->board)->awake, awake ? 1 : 0);
}

static void watch_arm(Manager *manager, bool arm) {
        if (manager->armed == arm)
                return;

        manager->armed = arm;
        for (size_t i = 0; i < manager->listeners.n_items; i++)
                (void)sd_event_source_set_enabled(manager->listener_sources[i],
                                                  arm ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void watch_tick(Manager *manager, uint64_t usec) {
        watch_set_awake(manager, true);
        watch_arm(manager, false);
        (void)sd_event_source_set_time_relative(manager->tick_source, usec);
        (void)sd_event_source_set_enabled(manager->tick_source, SD_EVENT_ONESHOT);
}

/* Nobody has waited for a while. */
static void watch_settle(Manager *manager) {
        (void)sd_event_source_set_enabled(manager->tick_source, SD_EVENT_OFF);

        if (manager->current && scoreboard_any_idle(&manager->board)) {
                watch_arm(manager, false);
                watch_set_awake(manager, false);
                if (scoreboard_any_idle(&manager->board))
                        return;
        }

        watch_set_awake(manager, true);
        watch_arm(manager, true);
}

static size_t watch_queue_max(const Manager *manager) {
        return manager->parking.config->connections_max;
}

static void watch_complain_accept(int error) {
        static LogLimit limit = LOG_LIMIT(30 * USEC_PER_SEC, 1);

        /* else it concerns one connection that is gone (accept(2)), or there is none */
        if ((error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS) &&
            log_limit_below(&limit))
                log_warning_errno(-error, "Failed to accept a connection, it waits: %m");
}

/* All workers are busy and there are as many as there may be: what waits, waits in our order. */
static void watch_accept(Manager *manager) {
        uint64_t now = clock_now_usec();

        for (size_t i = 0; i < manager->listeners.n_items; i++) {
                (void)fd_set_nonblock(manager->listeners.items[i].fd, true); /* cannot fail for a socket */
                for (int n = 0; n < ACCEPT_MAX; n++) {
                        struct pollfd p = { .fd = manager->listeners.items[i].fd, .events = POLLIN };
                        int fd;

                        /* a hostile worker can change that flag again at any moment */
                        if (poll(&p, 1, /* timeout= */ 0) <= 0)
                                break;
                        if (queue_length(&manager->queue) >= watch_queue_max(manager))
                                return; /* the others wait in the kernel */
                        fd = accept4(manager->listeners.items[i].fd, NULL, NULL, SOCK_CLOEXEC);
                        if (fd < 0) {
                                watch_complain_accept(errno);
                                break;
                        }
                        if (queue_push_take_fds(&manager->queue, fd, -EBADF, now, watch_queue_max(manager)) <
                            0)
                                return;
                }
        }
}

static void watch_expire(Manager *manager) {
        static LogLimit limit = LOG_LIMIT(30 * USEC_PER_SEC, 1);
        uint64_t now = clock_now_usec(), wait = manager->current->config->queue_usec;
        size_t n;

        if (wait > now)
                return;

        n = queue_expire(&manager->queue, now - wait);
        if (n > 0 && log_limit_below(&limit))
                log_struct(
                        LOG_WARNING,
                        ((const char *const[]){ manager_is_failing(manager) ? MESSAGE_ID_CRASH_LOOP
                                                                            : MESSAGE_ID_POOL_SATURATED,
                                                NULL }),
                        manager_is_failing(manager)
                                ? "Refused %zu requests that waited longer than timeouts.queue: none of at "
                                  "most %llu workers (workers.max) starts"
                                : "Refused %zu requests that waited longer than timeouts.queue: all %llu "
                                  "workers (workers.max) are busy",
                        n,
                        (unsigned long long)manager->current->config->workers_max);
}

static void watch_fork(Manager *manager, uint64_t n) {
        static LogLimit limit = LOG_LIMIT(30 * USEC_PER_SEC, 1);

        for (; n > 0; n--) {
                int r = generation_fork(manager->current);

                if (r ==
                    -EAGAIN) /* the template has as many orders as it can take: the next look asks again */
                        return;
                if (r < 0 && log_limit_below(&limit))
                        manager_complain(manager, "Failed to ask for a worker: %s", strerror(-r));
                if (r < 0)
                        return;
        }
}

/* For those who ask how large workers.max has to be. */
static void watch_record(Manager *manager, const WorkerCount *count, const ScalerView *view) {
        ScoreboardHead *head = scoreboard_head(&manager->board);
        bool full = count->n_busy >= view->max && view->n_waiting > 0;

        if (queue_length(&manager->queue) > atomic_load(&head->n_queued_most))
                atomic_store(&head->n_queued_most, (uint32_t)queue_length(&manager->queue));
        if (count->n_busy > atomic_load(&head->n_busy_most))
                atomic_store(&head->n_busy_most, (uint32_t)count->n_busy);
        if (full && !manager->was_full)
                atomic_fetch_add(&head->n_max_reached, 1);
        manager->was_full = full;
}

/*
 * Whether what waits on the listeners is to wait in the queue, where its waiting
 * has an end: because there are as many workers as there may be, or because
 * there are none that could accept it, and it will take a while.
 */
static bool watch_must_accept(const Manager *manager, const ScalerView *view) {
        bool is_resident = manager->current->config->resident != NULL;

        if (view->n_idle > 0)
                return false;
        if (view->n_workers >= view->max && (view->n_starting == 0 || is_resident))
                return true;
        return view->n_workers == view->n_starting && (is_resident || manager->scaler.failures > 0);
}

void watch_look(Manager *manager) {
        const PoolConfig *config;
        ScalerView view;
        WorkerCount count;
        size_t queued;
        bool waits, is_single;

        queue_refill(&manager->queue);
        queued = queue_length(&manager->queue);
        atomic_store(&scoreboard_head(&manager->board)->queued, (int32_t)MIN2(queued, INT32_MAX));

        if (manager->state == MANAGER_STOPPING) {
                stop_serve_rest(manager);
                return;
        }
        if (!manager->current)
                return;

        config = manager->current->config;
        view = (ScalerView){
                .now_usec = clock_now_usec(),
                .min = config->workers_min,
                .max = config->workers_max,
                .spare = config->workers_spare,
                .idle_usec = config->workers_idle_usec,
        };
        waits = watch_listeners_wait(manager);
        manager_count_workers(manager, view.now_usec, &count);
        view.n_workers = count.n_all;
        view.n_starting = count.n_starting;
        view.n_idle = count.n_idle;
        view.n_idle_long = count.n_idle_long;
        view.n_waiting = queued + (waits ? 1 : 0);

        if (manager->current->state == GENERATION_READY)
                watch_fork(manager, scaler_start(&manager->scaler, &view));
        manager_stop_idle_workers(manager, scaler_stop(&manager->scaler, &view), view.now_usec);

        watch_record(manager, &count, &view);
        manager->missed_ticks = waits && view.n_idle > 0 ? manager->missed_ticks + 1 : 0;
        if (waits && (watch_must_accept(manager, &view) || manager->missed_ticks >= MISSED_TICKS))
                watch_accept(manager);
        if (queued > 0)
                watch_expire(manager);

        if (view.n_waiting > 0 && (view.n_idle == 0 || manager->missed_ticks > 0))
                manager->quiet_ticks = 0;
        else
                manager->quiet_ticks++;

        is_single = view.max == 1 && view.n_idle == 1 && view.n_waiting == 0;
        if (manager->quiet_ticks < (is_single ? SINGLE_TICKS : QUIET_TICKS) || queued > 0)
                watch_tick(manager, is_single ? SINGLE_TICK_USEC : TICK_USEC);
        else
                watch_settle(manager);
}

int watch_mend(Manager *manager) {
        uint64_t used[SCOREBOARD_SLOTS_MAX / 64] = {};

        LIST_FOREACH (l, &manager->workers) {
                uint32_t slot = list_entry(l, PoolWorker, link)->slot;

                used[slot / 64] |= UINT64_C(1) << (slot % 64);
        }
        scoreboard_mend_idle(&manager->board, used);
        atomic_store(&scoreboard_head(&manager->board)->awake, manager->awake ? 1 : 0);
        (void)fd_set_nonblock(manager->wake, true); /* cannot fail for an eventfd */
        queue_mend(&manager->queue);

        for (size_t i = 0; i < manager->listeners.n_items; i++) {
                struct pollfd p = { .fd = manager->listeners.items[i].fd, .events = POLLRDHUP };

                (void)fd_set_nonblock(p.fd, true); /* cannot fail for a socket */
                /* connections inherit these (socket(7)) */
                (void)setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &(struct linger){}, sizeof(struct linger));
                (void)setsockopt(p.fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ 1 }, sizeof(int));
                if (poll(&p, 1, /* timeout= */ 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0)
                        return -ESHUTDOWN;
        }
        return manager->queue.broken ? -EPIPE : 0;
}

/* How often we were woken is of no interest. Never waits, whatever flags the descriptor has. */
static void watch_clear_wake(int fd) {
        uint64_t n;
        struct iovec iov = { &n, sizeof(n) };

        (void)!preadv2(fd, &iov, 1, /* offset= */ -1, RWF_NOWAIT); /* the next look is near in any case */
}

static int watch_on_wake(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Manager *manager = userdata;

        watch_clear_wake(fd);
        manager->quiet_ticks = 0;
        watch_look(manager);
        return 0;
}

static int watch_on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        watch_look(userdata);
        return 0;
}

static int watch_on_listener(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Manager *manager = userdata;

        manager->quiet_ticks = 0;
        watch_look(manager);
        /* level-triggered: whatever was decided, the next look is a tick away */
        watch_tick(manager, TICK_USEC);
        return 0;
}

void watch_ready(void *userdata, int fd, int spool, uint64_t since_usec) {
        static LogLimit limit = LOG_LIMIT(30 * USEC_PER_SEC, 1);
        Manager *manager = userdata;

        if (queue_push_take_fds(&manager->queue, fd, spool, since_usec, watch_queue_max(manager)) == 0)
                atomic_fetch_add(&scoreboard_head(&manager->board)->queued, 1);
        else if (log_limit_below(&limit))
                log_struct(LOG_WARNING,
                           ((const char *const[]){ MESSAGE_ID_POOL_SATURATED, NULL }),
                           "Refused a request: as many wait for a worker as limits.connections allows");
        if (!manager->awake || manager->armed || manager->state == MANAGER_STOPPING) {
                manager->quiet_ticks = 0;
                watch_look(manager);
        }
}

int watch_start(Manager *manager) {
        int r;

        manager->listener_sources = calloc(manager->listeners.n_items, sizeof(sd_event_source *));
        if (!manager->listener_sources)
                return -ENOMEM;

        r = sd_event_add_io(manager->event,
                            &manager->wake_source,
                            manager->wake,
                            EPOLLIN,
                            watch_on_wake,
                            manager);
        for (size_t i = 0; r >= 0 && i < manager->listeners.n_items; i++) {
                r = sd_event_add_io(manager->event,
                                    &manager->listener_sources[i],
                                    manager->listeners.items[i].fd,
                                    EPOLLIN,
                                    watch_on_listener,
                                    manager);
                if (r >= 0)
                        r = sd_event_source_set_enabled(manager->listener_sources[i], SD_EVENT_OFF);
        }
        if (r >= 0)
                r = sd_event_add_time_relative(manager->event,
                                               &manager->tick_source,
                                               CLOCK_MONOTONIC,
                                               0,
                                               /* accuracy= */ USEC_PER_MSEC,
                                               watch_on_tick,
                                               manager);
        if (r >= 0)
                r = sd_event_source_set_enabled(manager->tick_source, SD_EVENT_OFF);
        return r;
}
