/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A request on its way through a pool
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proxy/upstream.h"
#include "util/buffer.h"
#include "util/loop.h"

typedef struct Exchange Exchange;
typedef struct Relay Relay;

struct Relay {
        Upstream *upstream;
        UpstreamConnection *connection; /* owned while the request is on it */
        QueueEntry waiting;
        Timer timer;
        uint64_t begin_usec;
        unsigned int n_retries;

        Buffer outgoing;    /* records not yet sent */
        uint64_t body_sent; /* bytes of the body that were put into outgoing */
        bool stdin_ended;   /* the last record was put into outgoing */
        bool send_broken;   /* the pool does not read any more; it may have answered */

        Buffer head; /* of the response, until it is complete, and body bytes behind it */
        size_t head_checked;
        bool head_complete;
        bool any_byte;   /* of the response has come */
        bool internal;   /* a file is sent in place of the body */
        bool unbuffered; /* the script wants to feel how fast its client is */
};

void relay_init(Relay *relay, Exchange *exchange);
void relay_done(Relay *relay);

/* The request is whole: it may go to the pool. */
void relay_begin(Exchange *exchange, Upstream *upstream);

/* A step; true: something has changed. */
bool relay_run(Exchange *exchange);

/* Answers with @status, or cuts the connection if the answer has begun. */
bool relay_fail(Exchange *exchange, unsigned int status, int error, const char *why);
void relay_arm(Exchange *exchange); /* from now on the pool may be silent for as long as it has time */
