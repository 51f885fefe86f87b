/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How fast an older generation leaves: pure, numbers in and numbers out
 *
 * The first request of a new worker takes much longer than any later one: PHP
 * compiles, frameworks boot. Were all workers replaced at once, all would be new
 * at once, and whoever comes then would wait. So an old worker goes for each new
 * one that has had its first request, and for those that nobody asks by and by.
 */

#include <stdint.h>

typedef struct HandoverView HandoverView;

#define HANDOVER_USEC (UINT64_C(1000000)) /* then all are gone */

/* A handover at this moment. */
struct HandoverView {
        uint64_t elapsed_usec; /* since the new generation is there */
        uint64_t n_old;        /* older workers that could take requests when it began */
        uint64_t n_warm;       /* new workers that have had a request */
        uint64_t quiet_usec;   /* since an older worker last ran a request */
};

/* How many of the n_old may still take requests. */
uint64_t handover_stay(const HandoverView *view);
