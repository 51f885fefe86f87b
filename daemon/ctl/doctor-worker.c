/* SPDX-License-Identifier: MIT */
/*
 * doctor: the manager and its workers
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "ctl/doctor.h"
#include "ctl/field.h"
#include "ctl/text.h"
#include "util/fd.h"

#define DOCTOR_YAMA "/proc/sys/kernel/yama/ptrace_scope"

/* Backtraces are read with process_vm_readv(2), which Yama can take from everyone but root, or from all. */
static void doctor_stacks(Doctor *doctor) {
        _cleanup_(freep) char *scope = NULL;
        size_t size;

        if (fd_read_file(DOCTOR_YAMA, 16, &scope, &size) < 0 || *scope < '2')
                return;

        findings_add(
                &doctor->checks.findings,
                FINDING_NOTE,
                FINDING_WORKER,
                DOCTOR_YAMA,
                "it is %c: the kernel lets nobody read the stacks of PHP, so slow requests are logged without them "
                "and `requests` and `profile` have none; 1 would do",
                *scope);
}

static void doctor_busy(Doctor *doctor) {
        struct json_object *status = doctor->view.status, *workers = field_object(status, "workers");
        int64_t busy = field_int(workers, "busy", 0), max = field_int(workers, "max", 0);
        int64_t queue = field_int(status, "queue", 0);

        if (max > 0 && busy >= max)
                findings_add(
                        &doctor->checks.findings,
                        queue > 0 ? FINDING_ERROR : FINDING_WARNING,
                        FINDING_WORKER,
                        NULL,
                        "all %" PRIi64 " workers of workers.max are busy and %" PRIi64
                        " requests wait: `php-poolctl requests %s` shows with what; raise workers.max if the "
                        "machine has the memory",
                        max,
                        queue,
                        doctor->checks.name);
}

static void doctor_counts(Doctor *doctor) {
        static const struct {
                const char *key, *one, *many, *text;
        } counts[] = {
                { "crashes",
                  "worker has",
                  "workers have",
                  "died since the pool was started; the journal has the request of each" },
                { "timeouts",
                  "request was",
                  "requests were",
                  "ended, for running longer than timeouts.request" },
                { "refused",
                  "request was",
                  "requests were",
                  "refused or cut off: too long in the queue, or not whole in time" },
        };

        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                int64_t n = field_int(doctor->view.status, counts[i].key, 0);

                if (n > 0)
                        findings_add(&doctor->checks.findings,
                                     FINDING_WARNING,
                                     FINDING_WORKER,
                                     NULL,
                                     "%" PRIi64 " %s %s",
                                     n,
                                     n == 1 ? counts[i].one : counts[i].many,
                                     counts[i].text);
        }
}

static void doctor_reload(Doctor *doctor) {
        if (field_bool(doctor->view.status, "last_reload_ok") == 0)
                findings_add(
                        &doctor->checks.findings,
                        FINDING_WARNING,
                        FINDING_WORKER,
                        NULL,
                        "the last reload failed, what ran before still serves; `php-poolctl reload %s` says why",
                        doctor->checks.name);
}

void doctor_worker(Doctor *doctor) {
        const View *view = &doctor->view;
        const char *error;

        doctor_stacks(doctor);
        if (view->state == VIEW_UNREACHABLE)
                findings_add(&doctor->checks.findings,
                             FINDING_ERROR,
                             FINDING_WORKER,
                             NULL,
                             "its control socket gives no status: %s",
                             view->error);
        if (view->state != VIEW_AWAKE)
                return;

        doctor_busy(doctor);
        doctor_counts(doctor);
        doctor_reload(doctor);
        error = field_string(view->status, "last_error");
        if (error && *error)
                findings_add(&doctor->checks.findings,
                             FINDING_WARNING,
                             FINDING_WORKER,
                             NULL,
                             "its last trouble: %s",
                             error);
}
