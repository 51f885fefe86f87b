/* SPDX-License-Identifier: MIT */
/*
 * Questions to the templates: what does this worker execute?
 *
 * A template answers in the order of the questions, and within a millisecond
 * unless it has died or is starved; each question has a deadline, and its answer
 * comes exactly once. When a worker goes its questions are answered for it.
 */

#include <errno.h>
#include <stdlib.h>
#include "pool/manager.h"
#include "util/clock.h"
#include "util/fd.h"

#define ANSWER_USEC (2 * USEC_PER_SEC)

typedef struct Trace Trace;

struct Trace {
        List link;          /* Manager.traces */
        PoolWorker *worker; /* borrowed; traces_forget() before it goes */
        TraceAnswer answer;
        void *userdata;
        uint64_t asked_usec;
};

static void trace_end(Trace *trace, PoolWorker *worker, ssize_t n, char *frames, size_t size) {
        TraceAnswer answer = trace->answer;
        void *userdata = trace->userdata;

        list_remove(&trace->link);
        free(trace);
        answer(userdata, worker, n, frames, size);
}

int trace_ask(PoolWorker *worker, TraceAnswer answer, void *userdata) {
        TemplateMessage message = { .type = TEMPLATE_TRACE, .slot = worker->slot, .pid = worker->pid };
        Trace *trace;
        int r;

        if (worker->pid <= 0 || worker->generation->channel < 0)
                return -ECHILD;

        trace = calloc(1, sizeof(*trace));
        if (!trace)
                return -ENOMEM;

        r = fd_send_message(worker->generation->channel, &message, sizeof(message), NULL, 0);
        if (r < 0) {
                free(trace);
                return r;
        }

        trace->worker = worker;
        trace->answer = answer;
        trace->userdata = userdata;
        trace->asked_usec = clock_now_usec();
        list_init(&trace->link);
        list_append(&worker->manager->traces, &trace->link);
        return 0;
}

void traces_answered(Generation *generation, TemplateTrace *message, size_t size) {
        PoolWorker *worker = manager_find_worker(generation->manager, message->head.slot, message->head.pid);

        if (!worker || worker->generation != generation || size < sizeof(message->head))
                return;

        LIST_FOREACH_SAFE (l, &generation->manager->traces) {
                Trace *trace = list_entry(l, Trace, link);

                if (trace->worker != worker)
                        continue;
                trace_end(trace,
                          worker,
                          message->head.status,
                          message->frames,
                          size - sizeof(message->head));
                return;
        }
}

void traces_forget(PoolWorker *worker) {
        LIST_FOREACH_SAFE (l, &worker->manager->traces) {
                Trace *trace = list_entry(l, Trace, link);

                if (trace->worker == worker)
                        trace_end(trace, NULL, -ESRCH, NULL, 0);
        }
}

void traces_expire(Manager *manager, uint64_t now_usec) {
        LIST_FOREACH_SAFE (l, &manager->traces) {
                Trace *trace = list_entry(l, Trace, link);

                if (now_usec - MIN2(trace->asked_usec, now_usec) < ANSWER_USEC)
                        return; /* the rest is younger */
                trace_end(trace, trace->worker, -ETIMEDOUT, NULL, 0);
        }
}
