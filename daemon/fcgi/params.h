/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Name/value pairs on the wire (FastCGI 1.0, section 3.4): two lengths of one
 * byte (below 128) or four (top bit set), then name and value. PARAMS is a
 * stream: a pair, even a length, may be cut anywhere between two records.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/buffer.h"
#include "util/pairs.h"

typedef struct FcgiParams FcgiParams;
typedef struct FcgiLengths FcgiLengths;

enum {
        _FCGI_PARAMS_E_SUCCESS,
        FCGI_PARAMS_E_LIMIT,     /* more pairs or bytes than the Pairs may hold */
        FCGI_PARAMS_E_TRUNCATED, /* the stream ended inside a pair */
};

enum {
        FCGI_LENGTHS_SIZE_MAX = 8,
};

/* What stands before a pair. */
struct FcgiLengths {
        size_t size; /* of the lengths themselves */
        uint32_t name_size;
        uint32_t value_size;
};

/* False: @data ends before the lengths do. */
bool fcgi_lengths_decode(FcgiLengths *ret, const uint8_t *data, size_t size);

/* Returns how many bytes it wrote. Asserts that both sizes have 31 bits. */
size_t fcgi_lengths_encode(uint8_t bytes[static FCGI_LENGTHS_SIZE_MAX], size_t name_size, size_t value_size);

/* Lengths, name and value. 64 bits: the sum of two 31-bit lengths and eight passes 32 (CVE-2025-23016). */
static inline uint64_t fcgi_lengths_pair_size(const FcgiLengths *lengths) {
        return (uint64_t)lengths->size + lengths->name_size + lengths->value_size;
}

/* The decoder: bytes of a pair that is not complete yet. */
struct FcgiParams {
        Buffer rest;
};

/* @size_max: as that of the Pairs the stream is decoded into. */
void fcgi_params_init(FcgiParams *params, size_t size_max);
void fcgi_params_done(FcgiParams *params);
void fcgi_params_clear(FcgiParams *params);

/*
 * Adds the complete pairs to @pairs. A pair that cannot fit is refused when
 * its lengths are seen, before its bytes come. 0, FCGI_PARAMS_E_LIMIT, -ENOMEM;
 * after a failure nothing but clear or done makes sense.
 */
int fcgi_params_feed(FcgiParams *params, Pairs *pairs, const uint8_t *data, size_t size);
/* At the end of the stream. 0 or FCGI_PARAMS_E_TRUNCATED. */
int fcgi_params_end(FcgiParams *params);

/* Appends one pair in wire form. 0, -ENOBUFS, -ENOMEM. */
int fcgi_params_encode(Buffer *buffer,
                       const void *name,
                       size_t name_size,
                       const void *value,
                       size_t value_size);
