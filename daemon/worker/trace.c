/* SPDX-License-Identifier: MIT */
#include "ipc/trace.h"
#include "sapi/sapi.h"
#include "util/cleanup.h"
#include "worker/trace.h"

size_t trace_worker(pid_t pid, TemplateTrace *ret) {
        static SapiFrame frames[TRACE_FRAMES_MAX];
        ssize_t n = sapi_trace(pid, frames, ELEMENTSOF(frames));
        size_t used = 0;

        for (ssize_t i = 0; i < n; i++) {
                TraceFrame frame = { frames[i].function, frames[i].file, frames[i].line };

                used = trace_append(ret->frames, used, sizeof(ret->frames), &frame);
        }

        ret->head.status = (int32_t)n;
        return sizeof(ret->head) + used;
}
