/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Counts of values, exact up to 127 and to less than 1/64 above
 */

#include <stdint.h>

enum {
        HISTOGRAM_STEPS = 64, /* per power of two */
        HISTOGRAM_SIZE = 59 * HISTOGRAM_STEPS,
};

typedef struct Histogram Histogram;

struct Histogram {
        uint64_t n;
        uint64_t max;
        double sum;
        uint64_t counts[HISTOGRAM_SIZE];
};

void histogram_add(Histogram *histogram, uint64_t value);

/*
 * A value that @fraction of all values do not pass, and never more than the
 * largest; 0 when there is none. The values of one counter are taken for its largest.
 */
uint64_t histogram_quantile(const Histogram *histogram, double fraction);

double histogram_mean(const Histogram *histogram);
