/* SPDX-License-Identifier: MIT */
/*
 * A generation: one template, started with one configuration
 *
 *   STARTING --READY--> READY --reload or stop--> DRAINING --last worker gone--> freed
 *       \________________ \________ template dies ________\--> DEAD --last worker gone--> freed
 *
 * The template finds its descriptors at fixed numbers (ipc/channel.h). Its
 * channel stays open until its last worker has gone, because it reports the
 * deaths; closing it is what lets the template end.
 */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "config.h"
#include "ipc/channel.h"
#include "pool/manager.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"

#define START_USEC        (120 * USEC_PER_SEC) /* preloading a large application takes a while */
#define SOFT_NOFILE       1024 /* select(2) in PHP cannot go beyond (systemd.exec(5), LimitNOFILE=) */
#define FD_OUT_OF_THE_WAY 256
#define WORKER_GLOB       PKGLIBEXECDIR "/php-pool-worker-*"

static int compare_versions(const char *a, const char *b) {
        return strverscmp(a, b);
}

int generation_find_worker(const Manager *manager, const PoolConfig *config, char **ret) {
        glob_t found = {};
        char *path = NULL;

        if (manager->options->worker_path) {
                path = strdup(manager->options->worker_path);
        } else if (config->php_version) {
                if (asprintf(&path, PKGLIBEXECDIR "/php-pool-worker-%s", config->php_version) < 0)
                        path = NULL;
        } else if (glob(WORKER_GLOB, 0, NULL, &found) == 0) {
                const char *newest = found.gl_pathv[0];

                for (size_t i = 1; i < found.gl_pathc; i++)
                        if (compare_versions(found.gl_pathv[i], newest) > 0)
                                newest = found.gl_pathv[i];
                path = strdup(newest);
        } else {
                globfree(&found);
                return -ENOENT;
        }
        globfree(&found);
        if (!path)
                return -ENOMEM;

        if (access(path, X_OK) < 0) {
                int r = -errno;

                free(path);
                return r;
        }

        *ret = path;
        return 0;
}

/* In the fork, before exec: puts the descriptors at their numbers. Only async-signal-safe calls. */
static void
generation_become_template(const Manager *manager, const char *path, const int *fds, size_t n_fds) {
        struct rlimit nofile;
        sigset_t none;

        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */

        if (getrlimit(RLIMIT_NOFILE, &nofile) == 0 && nofile.rlim_cur > SOFT_NOFILE) {
                nofile.rlim_cur = SOFT_NOFILE;
                (void)setrlimit(RLIMIT_NOFILE, &nofile); /* lowering is always allowed */
        }

        /* dup2() clears close-on-exec; the sources were moved out of the way before the fork */
        for (size_t i = 0; i < n_fds; i++)
                if (dup2(fds[i], TEMPLATE_FD_CHANNEL + (int)i) < 0)
                        _exit(EXIT_FAILURE);

        (void)execl(path, path, manager->options->name, (char *)NULL);
        _exit(EXIT_FAILURE);
}

/* The configuration in force as a file, so that the template cannot read a newer one. */
static int generation_write_config(const PoolConfig *config, int *ret) {
        _cleanup_(fd_closep) int fd = fd_open_spool(NULL);
        FILE *f;
        int copy, r;

        if (fd < 0)
                return fd;

        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        f = copy >= 0 ? fdopen(copy, "w") : NULL;
        if (!f) {
                r = -errno;
                fd_close(copy);
                return r;
        }

        r = pool_config_dump(config, f);
        if (fclose(f) != 0 && r >= 0)
                r = -errno;
        if (r < 0)
                return r;

        *ret = TAKE_FD(fd);
        return 0;
}

static int generation_spawn(Generation *generation, const char *path, int template_end, int config_fd) {
        Manager *manager = generation->manager;
        size_t n_fds = 5 + manager->listeners.n_items;
        _cleanup_(freep) int *fds = NULL;
        int r = 0;

        fds = malloc(n_fds * sizeof(int));
        if (!fds)
                return -ENOMEM;

        fds[0] = template_end;
        fds[1] = manager->board.fd;
        fds[2] = manager->queue.recv_fd;
        fds[3] = manager->wake;
        fds[4] = config_fd;
        for (size_t i = 0; i < manager->listeners.n_items; i++)
                fds[5 + i] = manager->listeners.items[i].fd;

        for (size_t i = 0; i < n_fds; i++) {
                fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_OUT_OF_THE_WAY);
                if (fds[i] < 0) {
                        r = -errno;
                        n_fds = i;
                        break;
                }
        }

        if (r >= 0) {
                generation->pid = fork();
                if (generation->pid == 0)
                        generation_become_template(manager, path, fds, n_fds);
                if (generation->pid < 0)
                        r = -errno;
        }

        for (size_t i = 0; i < n_fds; i++)
                fd_close(fds[i]);
        return r;
}

static void generation_on_started(Generation *generation, const TemplateMessage *message, int *pidfd) {
        PoolWorker *worker = manager_find_worker(generation->manager, message->slot, 0);

        if (!worker || worker->generation != generation || message->pid <= 1)
                return;

        worker->pid = message->pid;
        worker->pidfd = TAKE_FD(*pidfd);
        manager_advance(generation->manager);
}

static void generation_on_failed(Generation *generation, const TemplateMessage *message) {
        Manager *manager = generation->manager;
        PoolWorker *worker = manager_find_worker(manager, message->slot, 0);

        if (!worker || worker->generation != generation)
                return;

        (void)scaler_on_early_death(&manager->scaler, clock_now_usec());
        manager_complain(manager,
                         "Failed to fork a worker: %s%s",
                         strerror(message->status),
                         message->status == EAGAIN ? " (LimitNPROC= or TasksMax= of the unit is too small)"
                                                   : "");
        pool_worker_free(worker);
}

static void generation_on_ready(Generation *generation, TemplateMessage *message) {
        if (generation->state != GENERATION_STARTING)
                return;

        message->text[sizeof(message->text) - 1] = '\0';
        for (char *p = message->text; *p; p++)
                if (*p <= ' ' || *p > '~')
                        *p = '?';
        memcpy(generation->php, message->text, sizeof(generation->php));
        generation->state = GENERATION_READY;
        generation->start_timer = sd_event_source_disable_unref(generation->start_timer);
        manager_advance(generation->manager);
}

static int generation_on_message(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Generation *generation = userdata;
        _cleanup_(fd_closep) int pidfd = -EBADF;
        TemplateMessage message;
        PoolWorker *worker;
        size_t n_fds = 1;
        ssize_t n;

        n = fd_recv_message(fd, &message, sizeof(message), &pidfd, &n_fds);
        if (n == -EAGAIN)
                return 0;
        if (n != sizeof(message)) {
                /* its end; what it died of comes with SIGCHLD */
                generation->channel_source = sd_event_source_disable_unref(generation->channel_source);
                generation->channel = fd_close(generation->channel);
                return 0;
        }

        switch ((TemplateMessageType)message.type) {
        case TEMPLATE_READY:
                generation_on_ready(generation, &message);
                break;
        case TEMPLATE_STARTED:
                generation_on_started(generation, &message, &pidfd);
                break;
        case TEMPLATE_EXITED:
                worker = manager_find_worker(generation->manager, message.slot, message.pid);
                if (worker && worker->generation == generation)
                        manager_bury_worker(generation->manager, worker, message.status);
                break;
        case TEMPLATE_FAILED:
                generation_on_failed(generation, &message);
                break;
        case TEMPLATE_FORK: /* only ever from us */
                break;
        }

        return 0;
}

static int generation_on_start_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        Generation *generation = userdata;

        manager_complain(generation->manager,
                         "PHP did not start within %llu seconds",
                         (unsigned long long)(START_USEC / USEC_PER_SEC));
        (void)kill(generation->pid, SIGKILL); /* our child, not reaped yet: the pid is its own */
        return 0;
}

Generation *generation_free(Generation *generation) {
        if (!generation)
                return NULL;

        list_remove(&generation->link);
        sd_event_source_disable_unref(generation->start_timer);
        sd_event_source_disable_unref(generation->channel_source);
        fd_close(generation->channel);
        pool_config_free(generation->config);
        free(generation);
        return NULL;
}

DEFINE_CLEANUP(Generation *, generation_free);

int generation_start(Manager *manager, PoolConfig *config_taken, const char *worker_path) {
        _cleanup_(generation_freep) Generation *generation = NULL;
        _cleanup_(fd_closep) int template_end = -EBADF, config_fd = -EBADF;
        int r;

        generation = calloc(1, sizeof(*generation));
        if (!generation) {
                pool_config_free(config_taken);
                return -ENOMEM;
        }

        list_init(&generation->link);
        generation->config = config_taken;
        generation->manager = manager;
        generation->channel = -EBADF;
        generation->number = ++manager->last_number;

        r = channel_pair(&generation->channel, &template_end);
        if (r < 0)
                return r;
        r = generation_write_config(generation->config, &config_fd);
        if (r < 0)
                return r;
        r = sd_event_add_io(manager->event,
                            &generation->channel_source,
                            generation->channel,
                            EPOLLIN,
                            generation_on_message,
                            generation);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(manager->event,
                                       &generation->start_timer,
                                       CLOCK_MONOTONIC,
                                       START_USEC,
                                       /* accuracy= */ USEC_PER_SEC,
                                       generation_on_start_timeout,
                                       generation);
        if (r < 0)
                return r;

        r = generation_spawn(generation, worker_path, template_end, config_fd);
        if (r < 0)
                return r;

        /* preloading may take longer than TimeoutStartSec= */
        (void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, START_USEC); /* or nobody listens */
        list_append(&manager->generations, &generation->link);
        manager->next = TAKE_PTR(generation);
        return 0;
}

int generation_fork(Generation *generation) {
        _cleanup_(fd_closep) int worker_end = -EBADF;
        TemplateMessage message = { .type = TEMPLATE_FORK };
        PoolWorker *worker;
        int r;

        if (generation->state != GENERATION_READY && generation->state != GENERATION_DRAINING)
                return -ESRCH;

        r = pool_worker_new(&worker, generation, &worker_end);
        if (r < 0)
                return r;

        message.slot = worker->slot;
        r = fd_send_message(generation->channel, &message, sizeof(message), &worker_end, 1);
        if (r < 0)
                pool_worker_free(worker);
        return r;
}

void generation_drain(Generation *generation) {
        Manager *manager = generation->manager;

        if (generation->state == GENERATION_READY)
                generation->state = GENERATION_DRAINING;

        LIST_FOREACH (l, &manager->workers) {
                PoolWorker *worker = list_entry(l, PoolWorker, link);

                if (worker->generation == generation)
                        pool_worker_stop(worker);
        }
}

void generation_on_death(Generation *generation, int status) {
        Manager *manager = generation->manager;
        bool expected = generation->state == GENERATION_DRAINING && generation->n_workers == 0;

        generation->pid = 0;
        generation->state = GENERATION_DEAD;
        generation->start_timer = sd_event_source_disable_unref(generation->start_timer);

        if (!expected) {
                if (WIFSIGNALED(status))
                        manager_complain(manager,
                                         "The template (generation %u) was killed by SIG%s",
                                         generation->number,
                                         process_signal_name(WTERMSIG(status)));
                else
                        manager_complain(
                                manager,
                                "The template (generation %u) ended with status %d; what PHP said is above",
                                generation->number,
                                WEXITSTATUS(status));
        }

        /* workers that were asked for and never seen will not come */
        LIST_FOREACH_SAFE (l, &manager->workers) {
                PoolWorker *worker = list_entry(l, PoolWorker, link);

                if (worker->generation == generation && worker->pid == 0)
                        pool_worker_free(worker);
        }

        manager_advance(manager);
}
