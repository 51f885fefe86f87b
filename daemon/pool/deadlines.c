/* SPDX-License-Identifier: MIT */
/*
 * Requests that run long
 *
 *   timeouts.slow     one entry in the journal, with the PHP stack at that moment
 *   timeouts.request  the script is interrupted inside PHP
 *   timeouts.kill     later the worker is killed. Its connection, which it lent us
 *                     when it was interrupted, is answered 504 if no part of an
 *                     answer had gone out, and cut off else
 *
 * Since when a request runs the worker says itself; one that lies about it goes
 * on running, in its own pool.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "fcgi/record.h"
#include "ipc/trace.h"
#include "pool/manager.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/message-ids.h"
#include "util/process.h"

#define INTERVAL_PART     8U /* of the shortest limit */
#define INTERVAL_MIN_USEC (50 * USEC_PER_MSEC)
#define SLOW_TEXT_MAX     16384U

/*
 * A visitor can cause these entries as fast as requests run, and journald, when it has
 * enough of a service, drops its other messages as well. Those held back are counted.
 */
static LogLimit ended_limit = LOG_LIMIT(30 * USEC_PER_SEC, 200);
static LogLimit slow_limit = LOG_LIMIT(30 * USEC_PER_SEC, 100);

static void worker_log_fields(LogFields *fields, const PoolWorker *worker, const ScoreboardCopy *copy) {
        log_fields_add(fields, "PHP_WORKER=%" PRIu32, worker->slot);
        log_fields_add(fields, "PHP_REQUEST_ID=%s", copy->id);
        log_fields_add(fields, "PHP_REQUEST_METHOD=%s", copy->method);
        log_fields_add(fields, "PHP_REQUEST_URI=%s", copy->uri);
        log_fields_add(fields, "PHP_SCRIPT=%s", copy->script);
}

void worker_log(const PoolWorker *worker,
                const ScoreboardCopy *copy,
                const char *message_id,
                const char *what) {
        _cleanup_(log_fields_done) LogFields fields = {};

        (void)snprintf(worker->manager->last_error,
                       sizeof(worker->manager->last_error),
                       "worker %s while it ran %.100s (request %s)",
                       what,
                       copy->uri,
                       copy->id);
        if (!log_limit_below(&ended_limit))
                return;

        log_fields_add(&fields, "%s", message_id);
        worker_log_fields(&fields, worker, copy);
        log_struct(LOG_ERR,
                   log_fields_list(&fields),
                   "Worker %" PRIu32 " (pid %d) %s while it ran %s %s (%s, request %s)",
                   worker->slot,
                   (int)worker->pid,
                   what,
                   copy->method[0] ? copy->method : "-",
                   copy->uri[0] ? copy->uri : "-",
                   copy->script[0] ? copy->script : "no script yet",
                   copy->id);
}

/* The stack as lines below the message, and where it is as the entry's own place in the code. */
static void
slow_add_frames(LogFields *fields, char *message, size_t size, char *frames, size_t frames_size) {
        size_t used = strlen(message);
        bool placed = false;
        const char *inner = "";
        TraceFrame frame;

        for (size_t i = 0; trace_next(&frames, &frames_size, &frame); i++) {
                int n;

                n = snprintf(message + used,
                             size - used,
                             frame.file[0] ? "\n#%zu %s() %s:%" PRIu32 : "\n#%zu %s()",
                             i,
                             frame.function,
                             frame.file,
                             frame.line);
                if (n < 0 || (size_t)n >= size - used) {
                        message[used] = '\0';
                        break;
                }
                used += (size_t)n;

                if (i == 0)
                        inner = frame.function;
                if (!placed && frame.file[0]) {
                        log_fields_add(fields, "CODE_FILE=%s", frame.file);
                        log_fields_add(fields, "CODE_LINE=%" PRIu32, frame.line);
                        placed = true;
                }
        }

        if (inner[0])
                log_fields_add(fields, "CODE_FUNC=%s", inner);
}

static void slow_on_trace(void *userdata, PoolWorker *worker, ssize_t n, char *frames, size_t size) {
        _cleanup_(log_fields_done) LogFields fields = {};
        char message[SLOW_TEXT_MAX];
        ScoreboardCopy copy;
        uint64_t age;

        if (!worker)
                return;
        scoreboard_copy(&worker->manager->board, worker->slot, &copy);
        if (copy.request_number != worker->slow || copy.state != WORKER_BUSY)
                return; /* it has ended meanwhile: the stack is another request's */

        age = clock_now_usec() - MIN2(copy.state_usec, clock_now_usec());
        (void)snprintf(message,
                       sizeof(message),
                       "%s %s has been running for %" PRIu64 ".%03" PRIu64 " s (%s, worker %" PRIu32
                       ", request %s)%s%s",
                       copy.method[0] ? copy.method : "-",
                       copy.uri[0] ? copy.uri : "-",
                       age / USEC_PER_SEC,
                       age % USEC_PER_SEC / USEC_PER_MSEC,
                       copy.script[0] ? copy.script : "no script yet",
                       worker->slot,
                       copy.id,
                       n < 0    ? ". Its stack could not be read: "
                       : n == 0 ? ". It executes no PHP code at this moment"
                                : "",
                       n == -EPERM ? "the kernel forbids it (kernel.yama.ptrace_scope)"
                       : n < 0     ? strerror((int)-n)
                                   : "");

        log_fields_add(&fields, "%s", MESSAGE_ID_REQUEST_SLOW);
        worker_log_fields(&fields, worker, &copy);
        log_fields_add(&fields, "PHP_DURATION_USEC=%" PRIu64, age);
        slow_add_frames(&fields, message, sizeof(message), frames, size);
        log_entry(LOG_WARNING, message, log_fields_list(&fields));
}

static void worker_check_slow(PoolWorker *worker, const ScoreboardCopy *copy, uint64_t age) {
        Manager *manager = worker->manager;

        if (age < worker->generation->config->slow_usec || worker->slow == copy->request_number)
                return;

        worker->slow = copy->request_number;
        atomic_store(&scoreboard_head(&manager->board)->n_slow, ++manager->n_slow);
        if (!log_limit_below(&slow_limit))
                return;
        if (trace_ask(worker, slow_on_trace, NULL) < 0)
                slow_on_trace(NULL, worker, -ECHILD, NULL, 0);
}

/* Its time to end counts from the first one, however often it is asked; behind its answer it begins anew. */
static void worker_interrupt(PoolWorker *worker, const ScoreboardCopy *copy, const char *what) {
        if (worker->interrupted != copy->request_number || copy->state_usec > worker->interrupted_usec)
                worker->interrupted_usec = clock_now_usec();
        worker->interrupted = copy->request_number;
        worker_log(worker, copy, MESSAGE_ID_REQUEST_TIMEOUT, what);
        (void)pidfd_signal(worker->pidfd, SIGRTMIN); /* or it is gone */
}

/* Ids that clients bring may be there twice: of those that were not asked yet first. NULL: there is none. */
static PoolWorker *workers_find_request(Manager *manager, const char *id, ScoreboardCopy *ret) {
        PoolWorker *found = NULL;

        LIST_FOREACH (l, &manager->workers) {
                PoolWorker *worker = list_entry(l, PoolWorker, link);
                ScoreboardCopy copy;

                scoreboard_copy(&manager->board, worker->slot, &copy);
                if ((copy.state != WORKER_BUSY && copy.state != WORKER_FINISHED) || worker->pidfd < 0 ||
                    copy.id[0] == '\0' || strcmp(copy.id, id) != 0)
                        continue;

                found = worker;
                *ret = copy;
                if (worker->cancelled != copy.request_number)
                        break;
        }

        return found;
}

int manager_cancel_request(Manager *manager, const char *id) {
        ScoreboardCopy copy;
        PoolWorker *worker = workers_find_request(manager, id, &copy);

        if (!worker)
                return -ENOENT;

        worker->cancelled = copy.request_number;
        atomic_store(&scoreboard_slot(&manager->board, worker->slot)->cancelled, copy.request_number);
        worker_interrupt(worker, &copy, "is ended by an operator");
        return 0;
}

/* At the second look its script waits where the worker does not notice: the signal makes it give the connection to us. */
static void worker_check_kept(PoolWorker *worker, const ScoreboardSlot *slot) {
        uint64_t number = atomic_load(&slot->request_number);

        if (atomic_load(&slot->keeps) == 0)
                return;
        if (worker->keeps == number && worker->pidfd >= 0)
                (void)pidfd_signal(worker->pidfd, SIGRTMIN); /* or it is gone */
        worker->keeps = number;
}

/* What a script does after its answer (WORKER_FINISHED) has no limit; but an operator may have ended it. */
static void worker_check_deadline(Manager *manager, PoolWorker *worker, uint64_t now_usec) {
        const ScoreboardSlot *slot = scoreboard_slot(&manager->board, worker->slot);
        uint32_t state = atomic_load(&slot->state);
        const PoolConfig *config = worker->generation->config;
        ScoreboardCopy copy;
        uint64_t age;

        if (state == WORKER_FINISHED)
                worker_check_kept(worker, slot);
        if (state != WORKER_BUSY && (state != WORKER_FINISHED || worker->interrupted == 0))
                return; /* most are not: saves the copy */
        scoreboard_copy(&manager->board, worker->slot, &copy);
        if ((copy.state != WORKER_BUSY && copy.state != WORKER_FINISHED) || worker->pidfd < 0 ||
            copy.state_usec > now_usec)
                return;

        age = now_usec - copy.state_usec;
        if (copy.state == WORKER_BUSY)
                worker_check_slow(worker, &copy, age);

        if (worker->interrupted != copy.request_number) {
                if (copy.state == WORKER_FINISHED || config->request_usec == USEC_INFINITY ||
                    age < config->request_usec)
                        return;
                manager->n_timeouts++;
                worker_interrupt(worker, &copy, "is over timeouts.request and is interrupted");
        } else if (copy.state_usec <= worker->interrupted_usec && /* or it is of the request before */
                   now_usec - worker->interrupted_usec >= config->kill_usec &&
                   worker->killed != copy.request_number) {
                worker->killed = copy.request_number;
                worker_log(worker,
                           &copy,
                           MESSAGE_ID_REQUEST_TIMEOUT,
                           "did not end after timeouts.kill and is killed");
                (void)pidfd_signal(worker->pidfd, SIGKILL); /* or it is gone */
        }
}

void manager_check_deadlines(Manager *manager, uint64_t now_usec) {
        LIST_FOREACH (l, &manager->workers)
                worker_check_deadline(manager, list_entry(l, PoolWorker, link), now_usec);
}

uint64_t manager_deadline_interval(const Manager *manager) {
        uint64_t shortest = USEC_INFINITY;

        LIST_FOREACH (l, &manager->generations) {
                const PoolConfig *config = list_entry(l, Generation, link)->config;

                shortest = MIN2(shortest, MIN2(config->request_usec, config->slow_usec));
                if (config->request_usec != USEC_INFINITY)
                        shortest = MIN2(shortest, config->kill_usec);
        }

        return MIN2(MAX2(shortest / INTERVAL_PART, INTERVAL_MIN_USEC), USEC_PER_SEC);
}

void loan_take_fd(PoolWorker *worker, int fd, uint16_t request_id) {
        fd_close_connection(worker->loan);
        worker->loan = fd;
        worker->loan_request = request_id;
}

void loan_over(PoolWorker *worker) {
        worker->loan = fd_close_connection(worker->loan);
}

void loan_settle(PoolWorker *worker, const ScoreboardCopy *copy) {
        static const char head[] = "Status: 504 Gateway Timeout\r\n"
                                   "Content-Type: text/plain; charset=utf-8\r\n"
                                   "\r\n"
                                   "The request took too long.\n";
        const ScoreboardSlot *slot = scoreboard_slot(&worker->manager->board, worker->slot);
        uint8_t answer[FCGI_HEADER_SIZE + sizeof(head) - 1 + FCGI_END_SIZE];

        if (worker->loan < 0 || worker->killed != copy->request_number || atomic_load(&slot->answered) != 0)
                return; /* closing cuts it off */

        fcgi_record_encode(answer,
                           FCGI_STDOUT,
                           worker->loan_request,
                           sizeof(head) - 1,
                           /* padding_size= */ 0);
        memcpy(answer + FCGI_HEADER_SIZE, head, sizeof(head) - 1);
        fcgi_end_encode(answer + FCGI_HEADER_SIZE + sizeof(head) - 1,
                        worker->loan_request,
                        /* app_status= */ 1,
                        FCGI_REQUEST_COMPLETE);
        (void)send(worker->loan, answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL); /* or it is gone */
}
