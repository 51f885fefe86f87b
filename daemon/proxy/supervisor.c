/* SPDX-License-Identifier: MIT */
/*
 * The process that the service manager watches
 *
 * It holds the listening sockets and serves nobody. The processes that do are
 * its children, one per two processors: when one of them dies, its connections are
 * lost and no others, and a new one takes its place and its inbox. One whose
 * loop has not turned for as long as the service manager gives us is killed.
 *
 * SIGHUP: the configuration is loaded here first, and is refused if any file of
 * it is wrong; then by each process, and only when all of them have it is it
 * used. SIGTERM: all drain, and when the last has ended so does the program.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "proxy/control.h"
#include "proxy/process.h"
#include "proxy/supervisor.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"

#define SUPERVISOR_TICK_USEC (10 * USEC_PER_SEC)

void supervisor_tell(Supervisor *supervisor, char order) {
        for (size_t i = 0; i < supervisor->n_processes; i++)
                if (supervisor->processes[i].pid > 0)
                        (void)send(supervisor->processes[i].channel.fd, &order, 1, MSG_NOSIGNAL);
}

uint64_t supervisor_sum(const Supervisor *supervisor, size_t offset) {
        uint64_t sum = 0;

        for (size_t i = 0; i < supervisor->n_processes; i++)
                sum += counter_get((const _Atomic uint64_t *)(const void *)((const char *)&supervisor->start
                                                                                    .counters[i] +
                                                                            offset));
        return sum;
}

/* Says nothing twice: a service manager that is told the same each second has work for nothing. */
static void supervisor_notify_status(Supervisor *supervisor) {
        char text[sizeof(supervisor->status_said)];
        uint64_t n_requests = 0;

        for (size_t i = 0; i < COUNTERS_N_CLASSES; i++)
                n_requests += SUPERVISOR_SUM(supervisor, n_requests[i]);
        (void)snprintf(text,
                       sizeof(text),
                       "STATUS=%zu sites, %llu connections, %llu requests, %llu waiting%s%s%s%s",
                       supervisor->sites->config->n_sites,
                       (unsigned long long)SUPERVISOR_SUM(supervisor, n_connections),
                       (unsigned long long)n_requests,
                       (unsigned long long)SUPERVISOR_SUM(supervisor, n_waiting),
                       supervisor->ending ? "; ending" : "",
                       supervisor->reload_refused ? "; reload refused, the old configuration serves" : "",
                       supervisor->sites->n_broken > 0 ? "; broken: " : "",
                       supervisor->sites->broken);
        if (strcmp(text, supervisor->status_said) == 0)
                return;

        memcpy(supervisor->status_said, text, sizeof(text));
        (void)sd_notify(0, text); /* or nobody listens */
}

void supervisor_end(Supervisor *supervisor, bool failed) {
        supervisor->failed = supervisor->failed || failed;
        if (supervisor->ending)
                return;

        supervisor->ending = true;
        (void)sd_notify(0, "STOPPING=1");
        supervisor_notify_status(supervisor);
        supervisor_tell(supervisor, SUPERVISOR_DRAIN);
        supervisor->loop.exit = true;
}

static void supervisor_end_if_idle(Supervisor *supervisor) {
        uint64_t max = supervisor->sites->config->idle_exit_usec, now = supervisor->loop.now_usec;
        uint64_t n_accepted = SUPERVISOR_SUM(supervisor, n_accepted);

        if (SUPERVISOR_SUM(supervisor, n_connections) > 0 || n_accepted != supervisor->n_accepted) {
                supervisor->idle_since_usec = now;
                supervisor->n_accepted = n_accepted;
        } else if (max != USEC_INFINITY && now - supervisor->idle_since_usec >= max && !supervisor->ending) {
                log_info("No connection for a while: the socket waits for the next one");
                supervisor_end(supervisor, false);
        }
}

static void supervisor_on_tick(Timer *timer) {
        Supervisor *supervisor = list_entry(timer, Supervisor, tick);
        uint64_t next = SUPERVISOR_TICK_USEC;

        if (supervisor->watchdog_usec > 0) {
                (void)sd_notify(0, "WATCHDOG=1");
                next = MIN2(next, supervisor->watchdog_usec / 2);
        }
        next = MIN2(next, MAX2(supervisor->sites->config->idle_exit_usec / 8, USEC_PER_SEC));
        processes_kill_hung(supervisor);
        supervisor_end_if_idle(supervisor);
        supervisor_notify_status(supervisor);
        timer_set(&supervisor->loop, &supervisor->tick, next);
}

/*
 * Reload
 */

static void supervisor_end_reload(Supervisor *supervisor, bool refused) {
        supervisor->reload_refused = refused;
        supervisor->status_said[0] = '\0'; /* who has asked for a reload wants to hear how it is now */
        supervisor_notify_status(supervisor);
        (void)sd_notify(0, "READY=1");
        supervisor->loop.exit = true; /* a process may have died meanwhile */
}

static void supervisor_reload(Supervisor *supervisor) {
        ConfigError error = {};
        int r;

        if (supervisor->ending)
                return;
        if (supervisor->next_sites) {
                supervisor->reload_follows = true; /* what was read may be older than what is meant */
                return;
        }

        supervisor->reload_follows = false;
        (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_now_usec());
        r = sites_load(&supervisor->next_sites, supervisor->start.config_dir, &error);
        if (r < 0)
                log_error_errno(r, "Reload refused: %s:%u: %s", error.file, error.line, error.message);
        else if (supervisor->next_sites->n_broken > 0)
                r = log_error_errno(-EINVAL, "Reload refused: broken: %s", supervisor->next_sites->broken);
        if (r < 0) {
                supervisor->next_sites = sites_unref(supervisor->next_sites);
                supervisor_end_reload(supervisor, true);
                return;
        }

        for (size_t i = 0; i < supervisor->n_processes; i++)
                supervisor->processes[i].loading = supervisor->processes[i].pid > 0;
        supervisor_tell(supervisor, SUPERVISOR_LOAD);
        supervisor_finish_reload(supervisor);
}

/* When all have answered, or died. */
void supervisor_finish_reload(Supervisor *supervisor) {
        if (!supervisor->next_sites)
                return;
        for (size_t i = 0; i < supervisor->n_processes; i++)
                if (supervisor->processes[i].loading)
                        return;

        supervisor_tell(supervisor, SUPERVISOR_USE);
        sites_unref(supervisor->sites);
        supervisor->sites = TAKE_PTR(supervisor->next_sites);
        supervisor->start.sites = supervisor->sites;
        log_info("Configuration reloaded: %zu sites", supervisor->sites->config->n_sites);
        supervisor_end_reload(supervisor, false);
        timer_set(&supervisor->loop,
                  &supervisor->tick,
                  0); /* idle_exit may have become shorter than the wait */
}

void supervisor_refuse_reload(Supervisor *supervisor) {
        if (!supervisor->next_sites)
                return;

        for (size_t i = 0; i < supervisor->n_processes; i++)
                supervisor->processes[i].loading = false;
        supervisor_tell(supervisor, SUPERVISOR_FORGET);
        supervisor->next_sites = sites_unref(supervisor->next_sites);
        supervisor_end_reload(supervisor, true);
}

static void supervisor_on_signal(Source *source, uint32_t events) {
        Supervisor *supervisor = list_entry(source, Supervisor, signals);
        struct signalfd_siginfo info;

        while (read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
                if (info.ssi_signo == SIGHUP)
                        supervisor_reload(supervisor);
                else if (info.ssi_signo == SIGCHLD)
                        processes_reap(supervisor);
                else
                        supervisor_end(supervisor, false);
        }
}

static void supervisor_on_restart(Timer *timer) {
        list_entry(timer, Supervisor, restart)->loop.exit = true;
}

static void supervisor_tell_ready(Supervisor *supervisor) {
        for (size_t i = 0; i < supervisor->n_processes; i++)
                if (supervisor->ready || !supervisor->processes[i].ready)
                        return;

        supervisor->ready = true;
        supervisor_on_tick(&supervisor->tick);
        (void)sd_notify(0, "READY=1");
}

static bool supervisor_has_ended(const Supervisor *supervisor) {
        for (size_t i = 0; i < supervisor->n_processes; i++)
                if (supervisor->processes[i].pid > 0)
                        return false;
        return supervisor->ending;
}

int supervisor_run(Supervisor *supervisor, ProxyStart **ret) {
        int r;

        while (!supervisor_has_ended(supervisor)) {
                r = processes_start(supervisor);
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret = &supervisor->start;
                        return r;
                }

                supervisor_tell_ready(supervisor);
                supervisor->loop.exit = false;
                if (supervisor->reload_follows && !supervisor->next_sites)
                        supervisor_reload(supervisor);
                r = loop_run(&supervisor->loop);
                if (r < 0)
                        return r;
        }

        return supervisor->failed ? -ECHILD : 0;
}

/*
 * Start and end
 */

static int supervisor_watch_signals(Supervisor *supervisor) {
        _cleanup_(fd_closep) int fd = -EBADF;
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        sigaddset(&mask, SIGHUP);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        (void)signal(SIGPIPE, SIG_IGN); /* sendfile(2) knows no MSG_NOSIGNAL */
        (void)signal(SIGXFSZ, SIG_IGN); /* LimitFSIZE= is as good as a full disk */

        fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
        if (fd < 0)
                return -errno;

        r = loop_add_take_fd(&supervisor->loop, &supervisor->signals, fd, EPOLLIN);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        return 0;
}

/* One for every two processors that we may use: PHP needs them more, and who waits for one adds to nothing but the wait. */
static size_t supervisor_count_processes(const Sites *sites) {
        uint64_t n = sites->config->processes;

        if (n == 0)
                n = process_half_cpus();
        return (size_t)MIN2(n, (uint64_t)SUPERVISOR_PROCESSES_MAX);
}

/* Without it everything else works. */
static void supervisor_start_control(Supervisor *supervisor) {
        const char *directory = getenv("RUNTIME_DIRECTORY");
        _cleanup_(freep) char *path = NULL;
        int r;

        if (!directory || asprintf(&path, "%s/control", directory) < 0) {
                path = NULL;
                log_notice(
                        "There is no RUNTIME_DIRECTORY and so no control socket: figures cannot be asked for");
                return;
        }

        r = control_new(&supervisor->control, supervisor, path);
        if (r < 0)
                log_warning_errno(r, "Failed to open the control socket '%s', going on without: %m", path);
}

int supervisor_new(Supervisor **ret, const char *config_dir, Sites *sites) {
        _cleanup_(supervisor_freep) Supervisor *supervisor = NULL;
        uint64_t watchdog_usec = 0;
        int r;

        supervisor = calloc(1, sizeof(*supervisor));
        if (!supervisor) {
                sites_unref(sites);
                return -ENOMEM;
        }

        supervisor->sites = sites;
        supervisor->n_processes = supervisor_count_processes(sites);
        supervisor->signals = (Source){ .fd = -EBADF, .on_events = supervisor_on_signal };
        timer_init(&supervisor->tick, supervisor_on_tick);
        timer_init(&supervisor->restart, supervisor_on_restart);
        supervisor->start = (ProxyStart){
                .config_dir = config_dir,
                .sites = sites,
                .listeners = &supervisor->listeners,
                .inboxes = supervisor->inboxes,
                .n_processes = supervisor->n_processes,
                .inbox_fd = -EBADF,
                .channel_fd = -EBADF,
        };
        if (sd_watchdog_enabled(0, &watchdog_usec) > 0)
                supervisor->watchdog_usec = watchdog_usec;

        r = processes_init(supervisor);
        r = r ?: loop_init(&supervisor->loop);
        r = r ?: listeners_take(&supervisor->listeners);
        r = r ?: supervisor_watch_signals(supervisor);
        if (r < 0)
                return r;

        supervisor_start_control(supervisor);
        supervisor->idle_since_usec = supervisor->loop.now_usec;
        *ret = TAKE_PTR(supervisor);
        return 0;
}

Supervisor *supervisor_free(Supervisor *supervisor) {
        if (!supervisor)
                return NULL;

        varlink_server_free(supervisor->control);
        processes_done(supervisor);
        source_close(&supervisor->signals);
        loop_done(&supervisor->loop);
        listeners_done(&supervisor->listeners);
        sites_unref(supervisor->next_sites);
        sites_unref(supervisor->sites);
        free(supervisor);
        return NULL;
}
