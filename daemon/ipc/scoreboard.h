/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The scoreboard: one page of facts per worker, in memory that the manager and
 * all workers of a pool map
 *
 * Every field has one writer. A worker writes its slot and its own bit of the
 * idle map; the manager writes the head and the `stop` word of a slot. There
 * is no lock and no shared counter, so a worker may be killed at any
 * instruction and leaves nothing behind that the manager cannot mend by
 * clearing one bit.
 *
 * A hostile worker can write all of it. The manager therefore treats every
 * value as a hint: it never indexes with one, never follows one, and bounds
 * every string (scoreboard_copy()).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ipc/tally.h"
#include "util/request-id.h"

typedef struct Scoreboard Scoreboard;
typedef struct ScoreboardHead ScoreboardHead;
typedef struct ScoreboardSlot ScoreboardSlot;
typedef struct ScoreboardCopy ScoreboardCopy;
typedef struct ScoreboardOpcache ScoreboardOpcache;
typedef struct ScoreboardSlowest ScoreboardSlowest;
typedef struct ScoreboardText ScoreboardText;

enum {
        SCOREBOARD_SLOTS_MAX = 8192, /* two generations of workers.max = 4096 */
};

typedef enum WorkerState {
        WORKER_NONE,     /* nobody uses the slot */
        WORKER_STARTING, /* asked for, not seen yet */
        WORKER_IDLE,     /* ready to take a request */
        WORKER_BUSY,     /* running a request */
        WORKER_FINISHED, /* the answer is out, the script goes on (fastcgi_finish_request) */
        WORKER_DRAINING, /* will take no more requests */
        _WORKER_STATE_MAX,
} WorkerState;

/* Why a worker went by itself. */
typedef enum WorkerExit {
        WORKER_EXIT_NONE, /* it was told to, or died */
        WORKER_EXIT_REQUESTS,
        WORKER_EXIT_MEMORY,
        WORKER_EXIT_AGE,
        WORKER_EXIT_BAILOUT, /* PHP gave up in the middle of a request */
        WORKER_EXIT_SCRIPT,  /* the resident script ended by itself */
        WORKER_EXIT_FILES,   /* no descriptor was left for a connection */
        _WORKER_EXIT_MAX,
} WorkerExit;

/* What opcache said to the worker that asked it last. */
struct ScoreboardOpcache {
        _Atomic uint64_t sampled_usec; /* CLOCK_MONOTONIC; 0: never */
        _Atomic uint64_t hits;
        _Atomic uint64_t misses;
        _Atomic uint64_t memory_used; /* bytes */
        _Atomic uint64_t memory_free;
        _Atomic uint64_t memory_wasted;
        _Atomic uint64_t n_scripts;
        _Atomic uint64_t n_restarts;
        _Atomic uint32_t restart_pending; /* it waits until no worker runs a request */
};

/* The slowest request that a worker has ended in the present window. */
struct ScoreboardSlowest {
        _Atomic uint32_t sequence; /* odd while it is being written */
        _Atomic uint32_t window;
        _Atomic uint64_t duration_usec;
        _Atomic uint64_t end_wall_usec;
        _Atomic uint32_t status;
        char id[REQUEST_ID_MAX + 1];
        char method[16];
        char uri[300];
        char script[300];
};

/* What runs. NULL is an empty string; long ones are cut. */
struct ScoreboardText {
        const char *id;
        const char *method;
        const char *uri;
        const char *script;
        const char *user;
};

struct ScoreboardHead {
        /*
         * About how many connections the shared queue holds: look there first. The
         * manager counts up, who takes one counts down, and the manager puts it
         * right at each look, so what a killed worker forgot does not stay.
         */
        _Alignas(64) _Atomic int32_t queued;

        /* written by the manager */
        _Atomic uint32_t awake;           /* the manager watches the listeners itself: no need to wake it */
        _Atomic uint64_t start_wall_usec; /* CLOCK_REALTIME: when the pool started */
        _Atomic uint64_t n_requests_gone; /* ended by workers that are gone */
        _Atomic uint32_t n_busy_most;     /* most workers seen busy at once */
        _Atomic uint32_t n_max_reached;   /* how often all of workers.max were busy and somebody waited */
        _Atomic uint32_t n_queued_most;   /* most connections seen waiting at once */
        _Atomic uint64_t n_slow;          /* requests that ran longer than timeouts.slow */
        _Atomic uint32_t window;          /* counts up when the slowest requests are collected */

        /* one bit per slot; a worker sets and clears its own, the manager clears those of the dead */
        _Alignas(64) _Atomic uint64_t idle[SCOREBOARD_SLOTS_MAX / 64];
        /* the same: it waits with a connection that it would have to give away; written by the worker alone */
        _Alignas(64) _Atomic uint64_t holding[SCOREBOARD_SLOTS_MAX / 64];
};

/* What the manager wants of a worker: to finish what it has and go. */
typedef enum WorkerStop {
        WORKER_STOP_NOT,
        WORKER_STOP_LEAVE, /* others serve on: whatever has not begun is theirs */
        WORKER_STOP_LAST,  /* nobody comes after: what is in the queue is served first */
} WorkerStop;

struct ScoreboardSlot {
        /* written by the manager */
        _Alignas(64) _Atomic uint32_t stop; /* WorkerStop */
        _Atomic uint64_t cancelled;         /* request_number that an operator wants ended */

        /* written by the worker */
        _Alignas(64) _Atomic uint32_t state; /* WorkerState */
        _Atomic uint32_t text_sequence;      /* odd while the strings are being written */
        _Atomic uint64_t start_usec;         /* CLOCK_MONOTONIC: when it was born */
        _Atomic uint64_t state_usec;         /* CLOCK_MONOTONIC, since when */
        _Atomic uint64_t n_requests;         /* ended */
        _Atomic uint64_t n_refused;          /* connections that broke the protocol */
        _Atomic uint64_t request_number;     /* counts up with each request that is described */
        _Atomic uint64_t body_size;          /* of the last request, bytes */
        _Atomic uint64_t memory;             /* peak of the last request, bytes */
        _Atomic uint64_t duration_usec;      /* of the last request */
        _Atomic uint64_t cpu_usec;           /* of the last request; 0 where nobody wants to know */
        _Atomic uint64_t boot_usec;          /* of a resident script: how long it took; 0: it has not */
        _Atomic uint64_t memory_kept;        /* what it holds between requests, bytes */
        _Atomic uint64_t memory_first;       /* the same after its first request */
        _Atomic uint32_t pid;
        _Atomic uint32_t exit;     /* WorkerExit */
        _Atomic uint32_t answered; /* bytes of the answer have gone out */
        _Atomic uint32_t
                keeps; /* a kept connection, although its request is answered and its script goes on */
        ScoreboardOpcache opcache;
        Tally tally;
        ScoreboardSlowest slowest;
        char id[REQUEST_ID_MAX + 1];
        char method[16];
        char uri[300];
        char script[300];
        char user[32];
};

/* A slot as the manager sees it: every value checked, every string ended and free of control characters. */
struct ScoreboardCopy {
        WorkerState state;
        uint64_t start_usec;
        uint64_t state_usec;
        uint64_t n_requests;
        uint64_t n_refused;
        uint64_t request_number;
        uint64_t body_size;
        uint64_t memory;
        uint64_t duration_usec;
        uint64_t cpu_usec;
        uint32_t pid; /* as the worker says; never to be signalled */
        uint64_t boot_usec;
        uint64_t memory_kept;
        uint64_t memory_first;
        WorkerExit exit;
        char id[REQUEST_ID_MAX + 1];
        char method[16];
        char uri[300];
        char script[300];
        char user[32];
};

struct Scoreboard {
        int fd;    /* memfd, sealed against resizing; owned */
        void *map; /* owned */
        size_t size;
        size_t n_slots;
};

#define SCOREBOARD_NULL \
        { .fd = -EBADF }

int scoreboard_create(Scoreboard *ret, size_t n_slots);
int scoreboard_open_take_fd(Scoreboard *ret, int fd); /* owns @fd on success */
void scoreboard_done(Scoreboard *board);

static inline ScoreboardHead *scoreboard_head(const Scoreboard *board) {
        return board->map;
}

ScoreboardSlot *scoreboard_slot(const Scoreboard *board, size_t i);

void scoreboard_set_idle(const Scoreboard *board, size_t i);
/* Clears the bit; true if no bit is left: nobody is idle any more. */
bool scoreboard_clear_idle(const Scoreboard *board, size_t i);
bool scoreboard_any_idle(const Scoreboard *board);
bool scoreboard_any_other_idle(const Scoreboard *board, size_t i);
void scoreboard_set_holding(const Scoreboard *board, size_t i, bool holding);
/* Another one is idle and holds nothing. */
bool scoreboard_any_other_free(const Scoreboard *board, size_t i);
/* Clears the bits of slots that nobody uses; @used has a bit for each slot. For what a hostile worker left behind. */
void scoreboard_mend_idle(const Scoreboard *board, const uint64_t *used);

/* Called by the worker when a request begins, and again when it is known what script that is. */
void scoreboard_describe(ScoreboardSlot *slot, const ScoreboardText *text);
void scoreboard_describe_script(ScoreboardSlot *slot, const char *script);

/* Called by the worker when the request that it described has ended: keeps it if it is the slowest of its window. */
void scoreboard_note_end(const Scoreboard *board, ScoreboardSlot *slot, uint64_t duration_usec, int status);

/* The manager's look. False: nothing in this window, or the worker would not hold still. */
bool scoreboard_copy_slowest(const Scoreboard *board, size_t i, uint32_t window, ScoreboardSlowest *ret);

/* The manager's look. Strings are empty if the worker would not hold still. */
void scoreboard_copy(const Scoreboard *board, size_t i, ScoreboardCopy *ret);

const char *worker_state_to_string(WorkerState state);
const char *worker_exit_to_string(WorkerExit why);
