/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What one read from the pool has given, before it is passed on
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct Exchange Exchange;
typedef struct RelayBatch RelayBatch;

#define RELAY_SLICES_MAX 64U

struct RelayBatch {
        struct iovec slices[RELAY_SLICES_MAX];
        size_t n_slices;
        size_t size;
        bool ended;
};

/*
 * Takes the records of one read apart, up to the end of the answer; *ret_used
 * bytes belong to it. 0, or the status of what is wrong and in *reterr why.
 */
unsigned int relay_batch_decode(Exchange *exchange,
                                const uint8_t *data,
                                size_t size,
                                RelayBatch *batch,
                                size_t *ret_used,
                                const char **reterr);

/* Passes it on to the client. False: the body was shorter than was promised. */
bool relay_batch_pass(Exchange *exchange, RelayBatch *batch);
