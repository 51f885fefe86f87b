/* SPDX-License-Identifier: MIT */
#include <time.h>
#include "util/clock.h"

static uint64_t clock_usec(clockid_t id) {
        struct timespec ts;

        (void)clock_gettime(id, &ts); /* cannot fail for these two clocks */
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_now_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

uint64_t clock_wall_usec(void) {
        return clock_usec(CLOCK_REALTIME);
}
