/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Name/value pairs on the wire (FastCGI 1.0, section 3.4): two lengths of one
 * byte (below 128) or four (top bit set), then name and value. PARAMS is a
 * stream: a pair, even a length, may be cut anywhere between two records.
 */

#include <stddef.h>
#include <stdint.h>
#include "util/buffer.h"
#include "util/pairs.h"

typedef struct FcgiParams FcgiParams;

enum {
        _FCGI_PARAMS_E_SUCCESS,
        FCGI_PARAMS_E_LIMIT,     /* more pairs or bytes than the Pairs may hold */
        FCGI_PARAMS_E_TRUNCATED, /* the stream ended inside a pair */
};

/* The decoder: bytes of a pair that is not complete yet. */
struct FcgiParams {
        Buffer rest;
};

void fcgi_params_init(FcgiParams *params, size_t size_max);
void fcgi_params_done(FcgiParams *params);
void fcgi_params_clear(FcgiParams *params);

/* Adds the complete pairs to @pairs. 0, FCGI_PARAMS_E_LIMIT, -ENOMEM. */
int fcgi_params_feed(FcgiParams *params, Pairs *pairs, const uint8_t *data, size_t size);
/* At the end of the stream. 0 or FCGI_PARAMS_E_TRUNCATED. */
int fcgi_params_end(FcgiParams *params);

/* Appends one pair in wire form. 0, -ENOBUFS, -ENOMEM. */
int fcgi_params_encode(Buffer *buffer,
                       const void *name,
                       size_t name_size,
                       const void *value,
                       size_t value_size);
