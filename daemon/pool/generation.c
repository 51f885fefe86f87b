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
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "ipc/channel.h"
#include "pool/manager.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/message-ids.h"
#include "util/process.h"

#define LAST_MESSAGES_MAX 1024                 /* net.core.wmem_default holds about a quarter of that */
#define START_USEC        (120 * USEC_PER_SEC) /* preloading a large application takes a while */

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

        (void)boot_on_early_death(worker);
        if (message->status == EAGAIN)
                manager_complain_as(
                        manager,
                        MESSAGE_ID_LIMITS_TOO_LOW,
                        "Failed to fork a worker: LimitNPROC= or TasksMax= of the unit is too small");
        else
                manager_complain(manager, "Failed to fork a worker: %s", strerror(message->status));
        pool_worker_free(worker);
        manager_advance(manager);
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
        generation->ready_usec = clock_now_usec();
        generation->start_timer = sd_event_source_disable_unref(generation->start_timer);
        manager_advance(generation->manager);
}

/* One message. False: there is none now, or never again. */
static bool generation_receive(Generation *generation) {
        _cleanup_(fd_closep) int received = -EBADF;
        TemplateMessage message;
        TemplateTrace trace;
        PoolWorker *worker;
        size_t n_fds = 1;
        ssize_t n;

        n = fd_recv_message(generation->channel,
                            &trace,
                            sizeof(trace),
                            &received,
                            &n_fds); /* the longest; all have its head */
        if (n == -EAGAIN)
                return false;
        message = trace.head;
        if (n < (ssize_t)sizeof(message) || (n != sizeof(message) && message.type != TEMPLATE_TRACED)) {
                /* its end; what it died of comes with SIGCHLD */
                generation->channel_source = sd_event_source_disable_unref(generation->channel_source);
                generation->channel = fd_close(generation->channel);
                return false;
        }

        switch ((TemplateMessageType)message.type) {
        case TEMPLATE_READY:
                generation_on_ready(generation, &message);
                break;
        case TEMPLATE_STARTED:
                generation_on_started(generation, &message, &received);
                break;
        case TEMPLATE_EXITED:
                worker = manager_find_worker(generation->manager, message.slot, message.pid);
                if (worker && worker->generation == generation)
                        manager_bury_worker(generation->manager, worker, message.status);
                break;
        case TEMPLATE_FAILED:
                generation_on_failed(generation, &message);
                break;
        case TEMPLATE_TRACED:
                traces_answered(generation, &trace, (size_t)n);
                break;
        case TEMPLATE_PROFILED:
                profile_answered(generation, message.status, &received);
                break;
        case TEMPLATE_FORK: /* these are only ever from us */
        case TEMPLATE_TRACE:
        case TEMPLATE_PROFILE:
                break;
        }

        return true;
}

static int generation_on_message(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void)generation_receive(userdata);
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

        manager_ask_for_time(START_USEC); /* preloading may take longer than TimeoutStartSec= */
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
        bool expected;

        generation->pid = 0;
        /* SIGCHLD may come before what it had said of its workers; a child of preloaded code can go on sending */
        for (int i = 0; i < LAST_MESSAGES_MAX && generation->channel >= 0 && generation_receive(generation);
             i++)
                ;

        expected = generation->state == GENERATION_DRAINING && generation->n_workers == 0;
        generation->state = GENERATION_DEAD;
        generation->start_timer = sd_event_source_disable_unref(generation->start_timer);

        if (!expected) {
                manager_note_template_death(manager, generation);
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

        profile_answered(generation, -ECHILD, &(int){ -EBADF }); /* if one was being taken */

        /* Asked for, and not reported: it may live all the same. Whether it does, its channel tells (workers.c). */
        LIST_FOREACH_SAFE (l, &manager->workers) {
                PoolWorker *worker = list_entry(l, PoolWorker, link);

                if (worker->generation != generation || worker->pid > 0)
                        continue;
                if (worker->source)
                        pool_worker_stop(worker);
                else
                        pool_worker_free(worker); /* it has told already */
        }

        manager_advance(manager);
}
