/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When the requests of an open loop are meant to start
 *
 * Two paces of one seed give the same times: one tells how many are due, the
 * other, behind it, when the next one that is sent should have been.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Pace Pace;

struct Pace {
        double gap_usec; /* mean */
        double next_usec;
        uint64_t start_usec;
        uint64_t n;
        unsigned short random[3]; /* of erand48(3) */
        bool poisson;             /* exponential gaps instead of even ones */
};

void pace_init(Pace *pace, uint64_t start_usec, double per_second, bool poisson, unsigned seed);
void pace_advance(Pace *pace);

static inline uint64_t pace_next(const Pace *pace) {
        return pace->start_usec + (uint64_t)pace->next_usec;
}
