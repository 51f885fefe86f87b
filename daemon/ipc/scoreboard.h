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

typedef struct Scoreboard Scoreboard;
typedef struct ScoreboardHead ScoreboardHead;
typedef struct ScoreboardSlot ScoreboardSlot;
typedef struct ScoreboardCopy ScoreboardCopy;

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

struct ScoreboardHead {
        /* written by the manager */
        _Alignas(64) _Atomic uint32_t queued; /* the shared queue may hold connections: look there first */
        _Atomic uint32_t awake;           /* the manager watches the listeners itself: no need to wake it */
        _Atomic uint64_t start_wall_usec; /* CLOCK_REALTIME: when the pool started */
        _Atomic uint64_t n_requests_gone; /* ended by workers that are gone */
        _Atomic uint32_t n_busy_most;     /* most workers seen busy at once */
        _Atomic uint32_t n_max_reached;   /* how often all of workers.max were busy and somebody waited */

        /* one bit per slot; a worker sets and clears its own, the manager clears those of the dead */
        _Alignas(64) _Atomic uint64_t idle[SCOREBOARD_SLOTS_MAX / 64];
};

struct ScoreboardSlot {
        /* written by the manager */
        _Alignas(64) _Atomic uint32_t stop; /* finish what you have and go */

        /* written by the worker */
        _Alignas(64) _Atomic uint32_t state; /* WorkerState */
        _Atomic uint32_t text_sequence;      /* odd while the strings are being written */
        _Atomic uint64_t state_usec;         /* CLOCK_MONOTONIC, since when */
        _Atomic uint64_t n_requests;         /* ended */
        _Atomic uint64_t n_errors;           /* of these, with status 500 and above */
        _Atomic uint64_t n_refused;          /* answered FCGI_OVERLOADED or cut off */
        _Atomic uint64_t request_number;     /* counts up with each request that begins */
        _Atomic uint64_t memory;             /* peak of the last request, bytes */
        _Atomic uint32_t pid;
        char id[40];
        char method[16];
        char uri[300];
        char script[300];
};

/* A slot as the manager sees it: every value checked, every string ended and free of control characters. */
struct ScoreboardCopy {
        WorkerState state;
        uint64_t state_usec;
        uint64_t n_requests;
        uint64_t n_errors;
        uint64_t n_refused;
        uint64_t request_number;
        uint64_t memory;
        uint32_t pid; /* as the worker says; never to be signalled */
        char id[40];
        char method[16];
        char uri[300];
        char script[300];
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

/* Called by the worker when a request begins. NULL is an empty string; long ones are cut. */
void scoreboard_describe(ScoreboardSlot *slot,
                         const char *id,
                         const char *method,
                         const char *uri,
                         const char *script);

/* The manager's look. Strings are empty if the worker would not hold still. */
void scoreboard_copy(const Scoreboard *board, size_t i, ScoreboardCopy *ret);

const char *worker_state_to_string(WorkerState state);
