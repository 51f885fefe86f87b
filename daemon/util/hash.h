/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A hash for tables in which a collision costs time or fairness, but no
 * correctness. With a random @seed nobody outside can find collisions easily.
 */

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_bytes(uint64_t seed, const void *data, size_t size) {
        const uint8_t *p = data;
        uint64_t hash = seed ^ 0xcbf29ce484222325ULL; /* FNV-1a */

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ p[i]) * 0x100000001b3ULL;

        /* the last bytes have reached few bits until here: the finish of splitmix64 */
        hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9ULL;
        hash = (hash ^ hash >> 27) * 0x94d049bb133111ebULL;
        return hash ^ hash >> 31;
}
