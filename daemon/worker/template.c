/* SPDX-License-Identifier: MIT */
/*
 * The template
 *
 * It runs PHP's module startup (extensions, opcache's shared memory, preload)
 * and then only forks, reaps and reports. Its workers are forks without an
 * exec, and long-lived: what systemd's style warns against. It is deliberate.
 * Forking after the startup is what shares opcache's memory and the preloaded
 * classes between the workers, and it makes a worker in a millisecond. The
 * price is paid where it can be: the template holds no connection, no lock and
 * no thread, so there is nothing a fork could catch in the middle.
 *
 * It is also who can look at them from outside, because its memory is laid out as
 * theirs: it reads their PHP stacks when the manager asks (trace.h).
 *
 * It is not dumpable, because the workers run under the same uid and could
 * write its memory through /proc/PID/mem else. It stays until its last worker
 * has gone, because it is the one who can wait for them; the manager, who is
 * subreaper, inherits them if it dies first.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ipc/channel.h"
#include "sapi/sapi.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"
#include "worker/template.h"
#include "worker/trace.h"

typedef struct Template Template;

struct Template {
        const WorkerSetup *setup;
        pid_t *pids; /* per slot; 0: none; owned */
        size_t n_workers;
        int channel;
        int signals;
        Profile *profile; /* owned; NULL: none is being taken */
        bool closed;      /* the manager wants no more workers */
};

static void template_say(Template *template, const TemplateMessage *message, int fd) {
        int r;

        if (template->closed)
                return;

        r = channel_send(template->channel, message, sizeof(*message), &fd, fd >= 0 ? 1 : 0);
        if (r < 0)
                template->closed = true; /* the manager is gone */
}

/* In the fork: never returns. */
static void template_become_worker(Template *template, uint32_t slot, int channel) {
        sigset_t none;

        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */
        fd_close(template->signals);
        fd_close(template->channel);
        profile_free(template->profile);
        free(template->pids);
        sapi_begin_worker();
        _exit(worker_main(template->setup, slot, channel));
}

static void template_fork(Template *template, uint32_t slot, int channel) {
        TemplateMessage message = { .type = TEMPLATE_STARTED, .slot = slot };
        _cleanup_(fd_closep) int pidfd = -EBADF;
        pid_t pid;

        if (slot >= template->setup->board->n_slots || template->pids[slot] != 0) {
                message.type = TEMPLATE_FAILED;
                message.status = EINVAL;
                template_say(template, &message, -EBADF);
                return;
        }

        pid = fork();
        if (pid == 0)
                template_become_worker(template, slot, channel);
        if (pid < 0) {
                message.type = TEMPLATE_FAILED;
                message.status = errno;
                template_say(template, &message, -EBADF);
                return;
        }

        template->pids[slot] = pid;
        template->n_workers++;
        message.pid = pid;
        pidfd = pidfd_open_process(pid);
        template_say(template, &message, pidfd);
}

/* @status as of waitpid(2) */
static void template_bury(Template *template, pid_t pid, int status) {
        for (size_t i = 0; i < template->setup->board->n_slots; i++) {
                TemplateMessage message = {
                        .type = TEMPLATE_EXITED,
                        .slot = (uint32_t)i,
                        .pid = pid,
                        .status = status,
                };

                if (template->pids[i] != pid)
                        continue;
                template->pids[i] = 0;
                template->n_workers--;
                template_say(template, &message, -EBADF);
                return;
        }
}

static void template_reap(Template *template) {
        struct signalfd_siginfo info;
        int status;
        pid_t pid;

        (void)!read(template->signals, &info, sizeof(info)); /* one signal may stand for many children */
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                template_bury(template, pid, status);
}

static void template_trace(Template *template, const TemplateMessage *request) {
        TemplateTrace trace = {
                .head = {
                        .type = TEMPLATE_TRACED,
                        .slot = request->slot,
                        .pid = request->pid,
                        .status = -ESRCH,
                },
        };
        size_t size = sizeof(trace.head);

        /* only our own children, by the pid that we know */
        if (request->slot < template->setup->board->n_slots && request->pid > 0 &&
            template->pids[request->slot] == request->pid)
                size = trace_worker(request->pid, &trace);

        if (!template->closed && channel_send(template->channel, &trace, size, NULL, 0) < 0)
                template->closed = true; /* the manager is gone */
}

static void template_end_profile(Template *template) {
        TemplateMessage message = { .type = TEMPLATE_PROFILED };
        _cleanup_(fd_closep) int fd = -EBADF;

        message.status = profile_write(template->profile, &fd);
        template->profile = profile_free(template->profile);
        template_say(template, &message, fd);
}

static void template_begin_profile(Template *template, const TemplateMessage *request) {
        int r = -EBUSY;

        if (!template->profile)
                r = profile_new(&template->profile, request->slot, (uint32_t)MAX2(request->status, 0));
        if (r < 0) {
                TemplateMessage message = { .type = TEMPLATE_PROFILED, .status = r };

                template_say(template, &message, -EBADF);
        }
}

static void template_listen(Template *template) {
        _cleanup_(fd_closep) int fd = -EBADF;
        TemplateMessage message;
        size_t n_fds = 1;
        ssize_t n;

        n = fd_recv_message(template->channel, &message, sizeof(message), &fd, &n_fds);
        if (n == -EAGAIN)
                return;
        if (n <= 0) {
                template->closed = true;
                return;
        }
        if (n != sizeof(message))
                return;
        if (message.type == TEMPLATE_FORK && n_fds == 1)
                template_fork(template, message.slot, fd);
        else if (message.type == TEMPLATE_TRACE)
                template_trace(template, &message);
        else if (message.type == TEMPLATE_PROFILE)
                template_begin_profile(template, &message);
}

static int template_open_signals(void) {
        sigset_t mask;
        int fd;

        (void)sigemptyset(&mask);
        (void)sigaddset(&mask, SIGCHLD);
        (void)sigprocmask(SIG_BLOCK, &mask, NULL); /* cannot fail */
        fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

int template_main(const PoolConfig *config, const WorkerSetup *setup) {
        TemplateMessage ready = { .type = TEMPLATE_READY };
        Template template = { .setup = setup, .channel = TEMPLATE_FD_CHANNEL };

        process_set_name("php-template");
        template.pids = calloc(setup->board->n_slots, sizeof(pid_t));
        if (!template.pids) {
                (void)log_error_errno(-ENOMEM, "Failed to set up the template: %m");
                return EXIT_FAILURE;
        }

        template.signals = template_open_signals();
        if (template.signals < 0) {
                (void)log_error_errno(template.signals, "Failed to set up the template: %m");
                return EXIT_FAILURE;
        }

        (void)strncpy(ready.text, sapi_php_version(), sizeof(ready.text) - 1);
        template_say(&template, &ready, -EBADF);

        while (!template.closed || template.n_workers > 0) {
                struct pollfd p[] = {
                        { .fd = template.signals, .events = POLLIN },
                        { .fd = template.closed ? -1 : template.channel, .events = POLLIN },
                        { .fd = template.profile ? profile_fd(template.profile) : -1, .events = POLLIN },
                };

                if (poll(p, ELEMENTSOF(p), /* timeout= */ -1) < 0 && errno != EINTR)
                        break;
                if (p[0].revents)
                        template_reap(&template);
                if (p[1].revents)
                        template_listen(&template);
                if (p[2].revents && template.profile &&
                    profile_sample(template.profile, setup->board, template.pids))
                        template_end_profile(&template);
        }

        profile_free(template.profile);
        free(template.pids);
        sapi_stop();
        return EXIT_SUCCESS;
}
