/* SPDX-License-Identifier: MIT */
/*
 * The processes that serve, as the supervisor sees them
 *
 * A process is made where nothing of an event is left to be handled: fork(2)
 * returns out of supervisor_run() in the child, which has closed what is the
 * supervisor's alone. A child whose supervisor is gone sees the end of its
 * channel, and drains.
 */

#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ipc/varlink-server.h"
#include "proxy/process.h"
#include "proxy/supervisor.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/process.h"

#define PROCESS_RESTART_USEC (1 * USEC_PER_SEC)  /* of one that has died soon after its start */
#define PROCESS_LOST_USEC    (30 * USEC_PER_SEC) /* where there is no WatchdogSec= */

static void process_on_channel(Source *source, uint32_t events) {
        Process *process = list_entry(source, Process, channel);
        Supervisor *supervisor = process->supervisor;
        char message;

        while (source->fd >= 0 && recv(source->fd, &message, 1, 0) == 1) {
                if (message == SUPERVISOR_READY) {
                        process->ready = true;
                        supervisor->loop.exit = true; /* perhaps all are */
                } else if (message == SUPERVISOR_LOADED) {
                        process->loading = false;
                        supervisor_finish_reload(supervisor);
                } else if (message == SUPERVISOR_REFUSED)
                        supervisor_refuse_reload(supervisor);
        }
}

static void process_ended(Process *process, int status) {
        Supervisor *supervisor = process->supervisor;
        size_t index = (size_t)(process - supervisor->processes);
        Counters *counters = &supervisor->start.counters[index];

        if (WIFSIGNALED(status))
                log_error(
                        "Process %d was ended by signal %s; its %llu connections are lost, the others serve on",
                        process->pid,
                        process_signal_name(WTERMSIG(status)),
                        (unsigned long long)counter_get(&counters->n_connections));
        else if (WEXITSTATUS(status) != 0 || !supervisor->ending)
                log_error("Process %d has ended with status %d", process->pid, WEXITSTATUS(status));

        /* what cannot start at all is for the service manager to try again, and to report */
        if (!process->ready && !supervisor->ready)
                supervisor_end(supervisor, true);
        else if (supervisor->loop.now_usec - process->started_usec < PROCESS_RESTART_USEC)
                timer_set(&supervisor->loop, &supervisor->restart, PROCESS_RESTART_USEC);

        source_close(&process->channel);
        process->pid = 0;
        process->loading = false;
        counter_set(&counters->n_connections, 0);
        counter_set(&counters->n_connections_max, 0);
        counter_set(&counters->n_waiting, 0);
        supervisor_finish_reload(supervisor);
        supervisor->loop.exit = true;
}

void processes_reap(Supervisor *supervisor) {
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                for (size_t i = 0; i < supervisor->n_processes; i++)
                        if (supervisor->processes[i].pid == pid)
                                process_ended(&supervisor->processes[i], status);
}

/* The loop of each process turns at least every other second. */
void processes_kill_hung(Supervisor *supervisor) {
        uint64_t now = supervisor->loop.now_usec;
        uint64_t max = supervisor->watchdog_usec > 0 ? supervisor->watchdog_usec : PROCESS_LOST_USEC;

        for (size_t i = 0; i < supervisor->n_processes; i++) {
                Process *process = &supervisor->processes[i];
                uint64_t alive =
                        MAX2(process->started_usec, counter_get(&supervisor->start.counters[i].alive_usec));

                if (process->pid == 0 || now < alive || now - alive < max)
                        continue;
                log_error("Process %d has hung for %llu seconds and is killed; the others serve on",
                          process->pid,
                          (unsigned long long)((now - alive) / USEC_PER_SEC));
                (void)kill(process->pid, SIGKILL);
                process->started_usec = now; /* it need not be killed again just now */
        }
}

/* In the child: what is not its own is closed. */
static void process_leave_supervisor(Supervisor *supervisor, size_t index, int channel_fd) {
        for (size_t i = 0; i < supervisor->n_processes; i++)
                source_close(&supervisor->processes[i].channel);
        supervisor->control = varlink_server_free(supervisor->control);
        source_close(&supervisor->signals);
        loop_done(&supervisor->loop);
        supervisor->start.index = index;
        supervisor->start.inbox_fd = TAKE_FD(supervisor->inbox_ends[index]);
        supervisor->start.channel_fd = channel_fd;
        for (size_t i = 0; i < supervisor->n_processes; i++)
                supervisor->inbox_ends[i] = fd_close(supervisor->inbox_ends[i]);
        (void)unsetenv("NOTIFY_SOCKET"); /* the status is told by one */
}

/* SUPERVISOR_E_PROCESS: we are it. */
static int process_start(Supervisor *supervisor, size_t index) {
        Process *process = &supervisor->processes[index];
        int fds[2], r;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
                return -errno;

        pid = fork();
        if (pid < 0)
                r = -errno;
        else if (pid == 0) {
                fd_close(fds[0]);
                process_leave_supervisor(supervisor, index, fds[1]);
                return SUPERVISOR_E_PROCESS;
        } else
                r = loop_add_take_fd(&supervisor->loop, &process->channel, fds[0], EPOLLIN);

        fd_close(fds[1]);
        if (r < 0) {
                fd_close(fds[0]); /* a child sees the end of its channel and goes */
                return r;
        }
        process->pid = pid;
        process->ready = false;
        process->started_usec = clock_now_usec();
        return 0;
}

/* Those that are missing. */
int processes_start(Supervisor *supervisor) {
        int r;

        for (size_t i = 0; i < supervisor->n_processes; i++) {
                if (supervisor->processes[i].pid == 0 && !supervisor->ending && !supervisor->next_sites &&
                    list_is_empty(&supervisor->restart.link)) {
                        r = process_start(supervisor, i);
                        if (r != 0 && (r > 0 || !supervisor->ready))
                                return r;
                        if (r < 0) {
                                log_error_errno(r, "Failed to start a process, trying again: %m");
                                timer_set(&supervisor->loop, &supervisor->restart, PROCESS_RESTART_USEC);
                        }
                }
        }
        return 0;
}

int processes_init(Supervisor *supervisor) {
        size_t size = supervisor->n_processes * sizeof(Counters);
        void *counters = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        int fds[2];

        for (size_t i = 0; i < SUPERVISOR_PROCESSES_MAX; i++) {
                supervisor->processes[i].channel = (Source){ .fd = -EBADF, .on_events = process_on_channel };
                supervisor->processes[i].supervisor = supervisor;
                supervisor->inboxes[i] = supervisor->inbox_ends[i] = -EBADF;
        }

        if (counters == MAP_FAILED)
                return -errno;
        supervisor->start.counters = counters;

        for (size_t i = 0; i < supervisor->n_processes; i++) {
                if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
                        return -errno;
                supervisor->inboxes[i] = fds[0];
                supervisor->inbox_ends[i] = fds[1];
        }
        return 0;
}

void processes_done(Supervisor *supervisor) {
        for (size_t i = 0; i < SUPERVISOR_PROCESSES_MAX; i++) {
                source_close(&supervisor->processes[i].channel);
                fd_close(supervisor->inboxes[i]);
                fd_close(supervisor->inbox_ends[i]);
        }
        fd_close(supervisor->start.inbox_fd);
        fd_close(supervisor->start.channel_fd);
        if (supervisor->start.counters)
                (void)munmap(supervisor->start.counters, supervisor->n_processes * sizeof(Counters));
}
