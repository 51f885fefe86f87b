/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include "bench/pace.h"

void pace_init(Pace *pace, uint64_t start_usec, double per_second, bool poisson, unsigned seed) {
        *pace = (Pace){
                .gap_usec = 1e6 / per_second,
                .start_usec = start_usec,
                .random = { 0x330e, (unsigned short)seed, (unsigned short)(seed >> 16) },
                .poisson = poisson,
        };
}

void pace_advance(Pace *pace) {
        pace->n++;
        if (!pace->poisson) {
                /* from the start each time: no error adds up */
                pace->next_usec = (double)pace->n * pace->gap_usec;
                return;
        }

        /* never the logarithm of 0, which has no end: erand48() is below 1 */
        pace->next_usec -= log(1 - erand48(pace->random)) * pace->gap_usec;
}
