/* SPDX-License-Identifier: MIT */
/*
 * PHP wants sessions that have ended to be removed: the manager does it
 */

#include "util/fd.h"
#include "worker/run.h"

static const Worker *clean_worker; /* the only one of this process */

void clean_start(const Worker *worker) {
        clean_worker = worker;
}

void clean_sessions(uint64_t lifetime_sec) {
        WorkerMessage message = { .type = WORKER_CLEAN, .lifetime_sec = lifetime_sec };

        /* no request waits for that: where the channel is full, or there is none, the next one asks again */
        if (clean_worker)
                (void)fd_send_message(clean_worker->channel, &message, sizeof(message), NULL, 0);
}
