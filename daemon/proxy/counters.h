/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the processes of the proxy know of each other: memory that all share,
 * a Counters for each of them. Only the process itself writes to its own,
 * but for n_inbox.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Counters Counters;

enum {
        COUNTERS_N_CLASSES = 6,  /* of status codes: 1xx to 5xx, and 0: no answer was sent */
        COUNTERS_N_BUCKETS = 12, /* see counters_bounds_usec; the last one has no bound */
};

/* Upper bounds of the buckets of `durations`. */
static const uint64_t counters_bounds_usec[COUNTERS_N_BUCKETS - 1] = {
        1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000, 30000000,
};

struct Counters {
        /* _Alignas: two processes that write to one cache line wait for each other */
        _Alignas(64) _Atomic uint64_t alive_usec;          /* CLOCK_MONOTONIC of the last turn of its loop */
        _Atomic uint64_t n_connections, n_connections_max; /* max 0: takes none at all */
        _Atomic uint64_t n_inbox;               /* connections that others have passed to it, not yet seen */
        _Atomic uint64_t n_waiting;             /* requests in queues before pools */
        _Atomic uint64_t n_accepted, n_refused; /* connections; refused: by a limit */
        _Atomic uint64_t n_requests[COUNTERS_N_CLASSES];
        _Atomic uint64_t n_files, n_retried,
                n_timed_out; /* answered with a file; sent to a pool again; left a queue with 503 */
        _Atomic uint64_t received_bytes, sent_bytes;    /* of requests' bodies, of answers */
        _Atomic uint64_t durations[COUNTERS_N_BUCKETS]; /* of requests, each counted once */
        _Atomic uint64_t duration_usec;                 /* their sum */
};

static inline uint64_t counter_get(const _Atomic uint64_t *counter) {
        return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void counter_set(_Atomic uint64_t *counter, uint64_t value) {
        atomic_store_explicit(counter, value, memory_order_relaxed);
}

/* Cheaper than an atomic addition; there is one writer. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t value) {
        counter_set(counter, counter_get(counter) + value);
}
