/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Running one request: FastCGI on one side, PHP on the other
 */

#include <stdbool.h>
#include <stdint.h>
#include "ipc/intake.h"
#include "ipc/scoreboard.h"
#include "worker/answer.h"
#include "worker/worker.h"

typedef struct Worker Worker;

struct Worker {
        const WorkerSetup *setup; /* borrowed */
        ScoreboardSlot *slot;     /* borrowed */
        uint32_t number;          /* of the slot */
        int channel;              /* owned */
        int epoll;                /* owned */
        Intake intake;            /* the held connection */
        Answer answer;
        uint64_t requests_left; /* before it retires; 0: no limit */
        uint64_t request_count;
        pid_t pid;          /* ours */
        bool held_watched;  /* the held connection is in the epoll */
        bool held_spoke;    /* it may have bytes for us */
        bool accept_failed; /* wait before the next accept */
        bool stopping;
        bool broken; /* PHP bailed out: no orderly shutdown */
};

/* Runs the whole request of worker->intake. True: the connection may be kept. */
bool worker_run_request(Worker *worker);

/* Answers without running anything. */
void worker_refuse(Worker *worker, int status, const char *reason, const char *text);
