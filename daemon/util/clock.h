/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_INFINITY UINT64_MAX

/* CLOCK_MONOTONIC in microseconds. */
uint64_t clock_now_usec(void);

/* CLOCK_REALTIME in microseconds. */
uint64_t clock_wall_usec(void);
