/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Running one request: FastCGI on one side, PHP on the other
 */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "ipc/channel.h"
#include "ipc/intake.h"
#include "ipc/scoreboard.h"
#include "sapi/sapi.h"
#include "util/log.h"
#include "worker/access.h"
#include "worker/answer.h"
#include "worker/worker.h"

typedef struct Run Run;
typedef struct Worker Worker;

struct Worker {
        const WorkerSetup *setup; /* borrowed */
        ScoreboardSlot *slot;     /* borrowed */
        uint32_t number;          /* of the slot */
        int channel;              /* owned */
        int epoll;                /* owned */
        Intake intake;            /* the held connection */
        Answer answer;
        Access access;
        uint64_t waited_usec;   /* in the queue, of the request that runs */
        uint64_t memory_peak;   /* of PHP, in the last request */
        uint64_t cpu_user_usec; /* up to the end of the last request that was measured */
        uint64_t cpu_system_usec;
        uint64_t coming_usec;     /* since when a new connection is waited for; 0: it is not */
        unsigned int queue_turns; /* connections that the queue gives before a listener does */
        uint64_t asked_to_go_usec;
        bool queue_is_younger;  /* than that: what is in it now is for others */
        uint64_t requests_left; /* before it retires; 0: no limit */
        uint64_t age_max_usec;  /* CLOCK_MONOTONIC: when it retires; USEC_INFINITY: never */
        uint64_t request_count;
        pid_t pid;                     /* ours */
        volatile sig_atomic_t running; /* a request: its connection may be lent */
        volatile sig_atomic_t lent;    /* to the manager */
        volatile sig_atomic_t
                release_due;    /* the running script has answered, its connection is still here */
        uint64_t answered_usec; /* since when the script goes on behind its answer; 0: it does not */
        bool goes_on;           /* the last one that did took long */
        bool held_watched;      /* the held connection is in the epoll */
        bool held_spoke;        /* it may have bytes for us */
        bool is_holding;        /* what the scoreboard says of us */
        bool accept_failed;     /* wait before the next accept */
        bool stopping;
        bool broken;   /* PHP bailed out: no orderly shutdown */
        bool is_child; /* forked by a script */
};

/* One request, while it runs. It must not move: what PHP calls points at it. */
struct Run {
        Worker *worker;
        SapiRequest request;
        IntakeCursor cursor;
        char id[REQUEST_ID_MAX + 1];
        const char *script;
        uint64_t begin_usec;
        bool keep;
        bool ended;
};

/* The request in worker->intake. False: it is answered already; else PHP has to run run->request, and then run_end(). */
bool run_begin(Run *run, Worker *worker);
void run_end(Run *run);
bool run_may_keep(const Run *run); /* the connection */

/* resident.c: the pool's resident script, until it ends. Gives the exit status of the process. */
int worker_run_resident(Worker *worker);

/* wait.c */
int worker_open_wait(Worker *worker);
void worker_wait(Worker *worker); /* for the held connection, for others, or for the end */
void worker_tell_holding(Worker *worker);

/* worker.c */
WorkerStop worker_stop_wanted(const Worker *worker); /* by the manager; a worker may stop without */
bool worker_next(Worker *worker);                    /* waits until a whole request is there; false: go */
void worker_begin(Worker *worker);                   /* it is run from now on */
void worker_end(Worker *worker, bool keep);
void worker_be_idle(Worker *worker);

/* take.c */
extern LogLimit worker_log_limit;         /* for what a peer can cause */
bool worker_take_queued(Worker *worker);  /* from the shared queue; true: the intake holds a connection */
bool worker_accept(Worker *worker);       /* the same, from a listener; what was held is parked */
bool worker_take_waiting(Worker *worker); /* either, when the queue holds something */
void worker_park(Worker *worker); /* gives the held connection to the manager; it is gone in any case */
void worker_drop(Worker *worker); /* closes it */

/* retire.c: no request after this one. */
void worker_retire(Worker *worker, WorkerExit why);
void worker_plan_retirement(Worker *worker);
/* After each request; @n_requests that this worker has ended. */
void worker_consider_retirement(Worker *worker, uint64_t n_requests);

/* child.c */
void child_start(Worker *worker);
void child_end(const Worker *worker); /* the request has ended: does not return in what a script forked */

/* clean.c */
void clean_start(const Worker *worker);
void clean_sessions(uint64_t lifetime_sec);

/* release.c */
void release_begin(Worker *worker, bool keep); /* answered, and the script goes on */
void release_end(Worker *worker);              /* it has ended */
void release_now(Worker *worker);              /* in case it is due. Async-signal-safe */

/* lend.c */
void lend_start(Worker *worker);
void lend_begin(Worker *worker); /* after the scoreboard tells of the request */
void lend_end(Worker *worker);

/* Runs the whole request of worker->intake. True: the connection may be kept. */
bool worker_run_request(Worker *worker);

/* Answers without running anything. */
void worker_refuse(Worker *worker, int status, const char *reason, const char *text);
