/* SPDX-License-Identifier: MIT */
/*
 * What a script forks (pcntl_fork())
 *
 * The child is a copy of the worker in the middle of a request, and must not act
 * as one: it would answer a second time, take other connections and write into
 * the scoreboard. So it lets go of the connection and the channel at once; what
 * it prints goes nowhere, and when its script ends so does it.
 */

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include "sapi/sapi.h"
#include "util/fd.h"
#include "util/log.h"
#include "worker/run.h"

static Worker *child_worker;

static void child_begin(void) {
        Worker *worker = child_worker;

        worker->is_child = true;
        worker->answer.muted = true;
        worker->release_due = 0; /* that is the parent's to do */
        sapi_on_block(NULL);
        worker->intake.fd = fd_close(worker->intake.fd);
        worker->channel = fd_close(worker->channel);
        worker->epoll = fd_close(worker->epoll);
        sapi_forget_timers();
}

void child_start(Worker *worker) {
        child_worker = worker;
        (void)pthread_atfork(NULL,
                             NULL,
                             child_begin); /* fails without memory: then a fork acts as a worker */
}

void child_end(const Worker *worker) {
        if (!worker->is_child)
                return;

        log_flush();
        _exit(EXIT_SUCCESS);
}
