/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a worker counts over its life: in its slot of the scoreboard, each number
 * with one writer. The manager adds up what it reads, the dead workers' last
 * numbers included, and believes none of it further than that.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Tally Tally;
typedef struct TallyRequest TallyRequest;
typedef struct TallySum TallySum;

enum {
        TALLY_CLASSES = 6,  /* by hundreds of the status; 0: none */
        TALLY_BUCKETS = 16, /* of a histogram; the last has no end */
};

/* Upper ends of all buckets but the last, microseconds. */
extern const uint64_t tally_bucket_usec[TALLY_BUCKETS - 1];

struct Tally {
        _Atomic uint64_t classes[TALLY_CLASSES];
        _Atomic uint64_t bytes_in;
        _Atomic uint64_t bytes_out;
        _Atomic uint64_t duration_usec; /* all requests together */
        _Atomic uint64_t wait_usec;
        _Atomic uint64_t durations[TALLY_BUCKETS];
        _Atomic uint64_t waits[TALLY_BUCKETS];
};

struct TallySum {
        uint64_t classes[TALLY_CLASSES];
        uint64_t bytes_in;
        uint64_t bytes_out;
        uint64_t duration_usec;
        uint64_t wait_usec;
        uint64_t durations[TALLY_BUCKETS];
        uint64_t waits[TALLY_BUCKETS];
};

/* One request that has ended. */
struct TallyRequest {
        int status;
        uint64_t bytes_in; /* of its body */
        uint64_t bytes_out;
        uint64_t duration_usec;
        uint64_t wait_usec; /* in the queue, before it ran */
};

void tally_count(Tally *tally, const TallyRequest *request);
void tally_add(TallySum *sum, const Tally *tally);
size_t tally_bucket(uint64_t usec);
