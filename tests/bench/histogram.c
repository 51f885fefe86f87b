/* SPDX-License-Identifier: MIT */
/*
 * A counter for each value below two times the steps; above that each power of
 * two has as many counters as there are steps, so that the width of a counter
 * grows with its values and the whole takes 30 KB for all of 64 bits.
 */

#include <math.h>
#include <stddef.h>
#include "bench/histogram.h"

static size_t index_of(uint64_t value) {
        size_t shift;

        if (value < 2 * HISTOGRAM_STEPS)
                return (size_t)value;

        /* the shift that leaves HISTOGRAM_STEPS to 2 * HISTOGRAM_STEPS - 1 */
        shift = 63 - (size_t)__builtin_clzll(value) - 6;
        return shift * HISTOGRAM_STEPS + (size_t)(value >> shift);
}

static uint64_t largest_of(size_t i) {
        size_t shift;

        if (i < 2 * HISTOGRAM_STEPS)
                return i;

        shift = i / HISTOGRAM_STEPS - 1;
        return ((uint64_t)(i % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift) + ((UINT64_C(1) << shift) - 1);
}

void histogram_add(Histogram *histogram, uint64_t value) {
        histogram->n++;
        histogram->sum += (double)value;
        if (value > histogram->max)
                histogram->max = value;
        histogram->counts[index_of(value)]++;
}

uint64_t histogram_quantile(const Histogram *histogram, double fraction) {
        uint64_t rank = (uint64_t)ceil(fraction * (double)histogram->n), seen = 0;

        for (size_t i = 0; i < HISTOGRAM_SIZE; i++) {
                seen += histogram->counts[i];
                if (seen > 0 && seen >= rank)
                        return largest_of(i) < histogram->max ? largest_of(i) : histogram->max;
        }
        return histogram->max;
}

double histogram_mean(const Histogram *histogram) {
        return histogram->n > 0 ? histogram->sum / (double)histogram->n : 0;
}
