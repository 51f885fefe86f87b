/* SPDX-License-Identifier: MIT */
/*
 * The manager of one pool
 *
 * It is the process that the service manager watches, and it links no PHP. It
 * starts a template, asks it for workers, keeps the connections that need none,
 * and replaces what dies. A reload starts a second template beside the first;
 * only when that one is ready does the first drain, and if it cannot get ready
 * nothing has happened.
 *
 * The end: SIGTERM, or idleness. Kept connections that have said nothing are
 * closed; what has spoken is served; then the workers go, and then we.
 */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "pool/manager.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"

#define STATUS_INTERVAL_SECONDS  2U
#define SLOWEST_INTERVAL_SECONDS 5U /* rate_index counts to eleven */

void manager_complain(Manager *manager, const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void)vsnprintf(manager->last_error, sizeof(manager->last_error), format, args);
        va_end(args);
        log_error("%s", manager->last_error);
}

void manager_complain_as(Manager *manager, const char *message_id, const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void)vsnprintf(manager->last_error, sizeof(manager->last_error), format, args);
        va_end(args);
        log_struct(LOG_ERR, ((const char *const[]){ message_id, NULL }), "%s", manager->last_error);
}

static int manager_on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *manager = userdata;

        log_warning("Some requests did not end within timeouts.stop: they are cut off");
        LIST_FOREACH (l, &manager->workers) {
                const PoolWorker *worker = list_entry(l, PoolWorker, link);

                if (worker->pidfd >= 0)
                        (void)pidfd_signal(worker->pidfd, SIGKILL); /* or it is gone */
        }
        return sd_event_exit(manager->event, EXIT_SUCCESS);
}

void manager_stop(Manager *manager, const char *reason) {
        uint64_t usec = manager->current ? manager->current->config->stop_usec : 0;

        if (manager->state == MANAGER_STOPPING)
                return;

        manager->state = MANAGER_STOPPING;
        log_info("Stopping: %s", reason);
        (void)sd_notifyf(0,
                         "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64,
                         MIN2(usec, USEC_PER_SEC * 86400) + 10 * USEC_PER_SEC); /* or nobody listens */
        (void)sd_event_add_time_relative(manager->event,
                                         &manager->stop_source,
                                         CLOCK_MONOTONIC,
                                         MIN2(usec, USEC_PER_SEC * 86400),
                                         0,
                                         manager_on_stop_timeout,
                                         manager); /* else TimeoutStopSec= ends us */

        parking_close(&manager->parking);
        LIST_FOREACH (l, &manager->generations)
                generation_drain(list_entry(l, Generation, link));
        watch_look(manager);
        manager_advance(manager);
}

static int manager_on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Manager *manager = userdata;

        if (info->ssi_signo == SIGHUP)
                (void)manager_reload(manager); /* it has said what was wrong */
        else
                manager_stop(manager, strsignal((int)info->ssi_signo));
        return 0;
}

/* Templates, workers whose template died before them, and strangers: what PHP left behind in the background. */
static int manager_on_child(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Manager *manager = userdata;
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                LIST_FOREACH_SAFE (l, &manager->generations) {
                        Generation *generation = list_entry(l, Generation, link);

                        if (generation->pid == pid) {
                                generation_on_death(generation, status);
                                break;
                        }
                }
                LIST_FOREACH_SAFE (l, &manager->workers) {
                        PoolWorker *worker = list_entry(l, PoolWorker, link);

                        if (worker->pid == pid) {
                                manager_bury_worker(manager, worker, status);
                                break;
                        }
                }
        }

        return 0;
}

void manager_clean_sessions(Manager *manager, uint64_t lifetime_sec) {
        static LogLimit limit = LOG_LIMIT(600 * USEC_PER_SEC, 1);
        int r;

        if (!manager->sessions_path || manager->state != MANAGER_RUNNING)
                return;

        r = sessions_clean(&manager->sessions, manager->event, manager->sessions_path, lifetime_sec);
        if (r < 0 && log_limit_below(&limit))
                log_warning_errno(r,
                                  "Failed to clean '%s', sessions that have ended stay: %m",
                                  manager->sessions_path);
}

static void manager_check_idle(Manager *manager, uint64_t now) {
        uint64_t idle = manager->current ? manager->current->config->idle_exit_usec : USEC_INFINITY;
        WorkerCount count;

        if (idle == USEC_INFINITY || manager->state != MANAGER_RUNNING || manager->next ||
            now - manager->last_request_usec < idle)
                return;

        manager_count_workers(manager, now, &count);
        if (count.n_busy == 0 && count.n_draining == 0 && queue_length(&manager->queue) == 0 &&
            manager->parking.n_partial == 0)
                manager_stop(manager, "no request for timeouts.idle_exit; the socket wakes us");
}

static int manager_on_second(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *manager = userdata;
        uint64_t now = clock_now_usec();
        int r;

        status_on_second(manager, now);
        r = watch_mend(manager);
        if (r < 0) {
                manager_complain(manager,
                                 "A worker has shut the pool's %s down: starting anew",
                                 r == -ESHUTDOWN ? "socket" : "queue");
                return sd_event_exit(manager->event, EXIT_FAILURE);
        }
        manager_bury_unseen(manager);
        traces_expire(manager, now);
        manager_check_opcache(manager, now);
        boot_on_second(manager, now);
        if (manager->rate_index % SLOWEST_INTERVAL_SECONDS == 0)
                slowest_collect(manager);
        parking_expire(&manager->parking, now);
        manager_check_idle(manager, now);
        if (!manager->awake || manager->armed)
                watch_look(
                        manager); /* idle workers that may go; and whatever a hostile worker keeps from us */
        if (manager->state == MANAGER_STOPPING || manager->replace_usec > 0)
                manager_advance(manager);
        if (manager->rate_index % STATUS_INTERVAL_SECONDS == 0 && manager->state == MANAGER_RUNNING)
                status_notify(manager);

        (void)sd_event_source_set_time_relative(source, USEC_PER_SEC); /* its own source: cannot fail */
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int manager_on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *manager = userdata;

        manager_check_deadlines(manager, clock_now_usec());
        /* its own source: cannot fail */
        (void)sd_event_source_set_time_relative(source, manager_deadline_interval(manager));
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int manager_open_events(Manager *manager) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        int r;

        r = sd_event_default(&manager->event);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(signals); i++)
                r = sd_event_add_signal(manager->event,
                                        NULL,
                                        signals[i] | SD_EVENT_SIGNAL_PROCMASK,
                                        manager_on_signal,
                                        manager);
        if (r >= 0)
                r = sd_event_add_signal(manager->event,
                                        NULL,
                                        SIGCHLD | SD_EVENT_SIGNAL_PROCMASK,
                                        manager_on_child,
                                        manager);
        if (r >= 0)
                r = sd_event_add_time_relative(manager->event,
                                               &manager->second_source,
                                               CLOCK_MONOTONIC,
                                               USEC_PER_SEC,
                                               0,
                                               manager_on_second,
                                               manager);
        if (r >= 0)
                r = sd_event_add_time_relative(manager->event,
                                               &manager->deadline_source,
                                               CLOCK_MONOTONIC,
                                               USEC_PER_SEC,
                                               /* accuracy= */ 10 * USEC_PER_MSEC,
                                               manager_on_deadline,
                                               manager);
        if (r >= 0)
                r = sd_event_set_watchdog(manager->event, true);
        return r < 0 ? r : 0;
}

static int manager_open_control(Manager *manager) {
        const char *directory = getenv("RUNTIME_DIRECTORY");
        int r;

        if (!directory) {
                log_notice("No RUNTIME_DIRECTORY: no control socket, php-poolctl will not see this pool");
                return 0;
        }

        if (asprintf(&manager->control_path, "%.*s/control", (int)strcspn(directory, ":"), directory) < 0) {
                manager->control_path = NULL;
                return -ENOMEM;
        }

        r = control_new(&manager->control, manager->event, manager->control_path, &status_handler, manager);
        return r < 0 ? log_error_errno(r,
                                       "Failed to open the control socket '%s': %m",
                                       manager->control_path)
                     : 0;
}

int manager_new(Manager **ret,
                const ManagerOptions *options,
                PoolConfig *config_taken,
                Listeners *listeners_taken) {
        _cleanup_(pool_config_freep) PoolConfig *config = config_taken;
        _cleanup_(manager_freep) Manager *manager = NULL;
        _cleanup_(freep) char *path = NULL;
        const char *cache = getenv("CACHE_DIRECTORY"), *state = getenv("STATE_DIRECTORY");
        int r;

        manager = calloc(1, sizeof(*manager));
        if (!manager)
                return -ENOMEM;

        manager->options = options;
        manager->board = (Scoreboard)SCOREBOARD_NULL;
        manager->queue = (Queue)QUEUE_NULL;
        manager->wake = -EBADF;
        manager->listeners = *listeners_taken;
        *listeners_taken = (Listeners){};
        list_init(&manager->generations);
        list_init(&manager->workers);
        list_init(&manager->traces);
        manager->reload_open = true;
        manager->start_wall_usec = clock_wall_usec();
        manager->last_request_usec = clock_now_usec();
        if (cache)
                manager->spool_directory = strndup(cache, strcspn(cache, ":"));
        if (state && asprintf(&manager->sessions_path, "%.*s/sessions", (int)strcspn(state, ":"), state) < 0)
                manager->sessions_path = NULL;

        /* among busy workers it would wait for its turn with what they wait for */
        manager->is_batch = sched_getscheduler(0) == SCHED_BATCH && process_set_policy(SCHED_OTHER) >= 0;
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* workers whose template died come to us */
        r = manager_open_events(manager);
        if (r < 0)
                return log_error_errno(r, "Failed to set up the event loop: %m");
        r = scoreboard_create(&manager->board, SCOREBOARD_SLOTS_MAX);
        if (r < 0)
                return log_error_errno(r, "Failed to make the scoreboard: %m");
        atomic_store(&scoreboard_head(&manager->board)->start_wall_usec, manager->start_wall_usec);
        atomic_store(&scoreboard_head(&manager->board)->window, 1); /* not that of an empty slot */
        r = queue_init(&manager->queue);
        if (r < 0)
                return log_error_errno(r, "Failed to make the queue: %m");
        manager->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (manager->wake < 0)
                return log_error_errno(-errno, "Failed to make an eventfd: %m");
        r = parking_init(&manager->parking,
                         manager->event,
                         config,
                         manager->spool_directory,
                         watch_ready,
                         manager);
        if (r < 0)
                return log_error_errno(r, "Failed to watch connections: %m");
        r = watch_start(manager);
        if (r < 0)
                return log_error_errno(r, "Failed to watch the sockets: %m");
        r = manager_open_control(manager);
        if (r < 0)
                return r;

        r = generation_find_worker(manager, config, &path);
        if (r < 0)
                return log_error_errno(
                        r,
                        "No worker executable for PHP %s (package php-pool-worker-VERSION): %m",
                        config->php_version ? config->php_version : "of any version");
        r = generation_start(manager, TAKE_PTR(config), path);
        if (r < 0)
                return log_error_errno(r, "Failed to start the template '%s': %m", path);

        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;

        manager->control = control_free(manager->control);
        parking_done(&manager->parking);
        LIST_FOREACH_SAFE (l, &manager->workers)
                pool_worker_free(list_entry(l, PoolWorker, link));
        LIST_FOREACH_SAFE (l, &manager->generations)
                generation_free(list_entry(l, Generation, link));
        for (size_t i = 0; manager->listener_sources && i < manager->listeners.n_items; i++)
                sd_event_source_disable_unref(manager->listener_sources[i]);
        free(manager->listener_sources);
        sd_event_source_disable_unref(manager->tick_source);
        sd_event_source_disable_unref(manager->wake_source);
        sd_event_source_disable_unref(manager->stop_source);
        sd_event_source_disable_unref(manager->handover_source);
        sd_event_source_disable_unref(manager->second_source);
        sd_event_source_disable_unref(manager->deadline_source);
        sessions_done(&manager->sessions);
        fd_close(manager->wake);
        queue_done(&manager->queue);
        scoreboard_done(&manager->board);
        listeners_done(&manager->listeners);
        sd_event_unref(manager->event);
        free(manager->sessions_path);
        free(manager->spool_directory);
        free(manager->control_path);
        free(manager);
        return NULL;
}

int manager_run(Manager *manager) {
        return sd_event_loop(manager->event);
}
