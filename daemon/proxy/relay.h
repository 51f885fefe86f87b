/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A request on its way through a pool
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proxy/loop.h"
#include "proxy/upstream.h"
#include "util/buffer.h"

typedef struct Exchange Exchange;
typedef struct Relay Relay;

struct Relay {
        Upstream *upstream;
        UpstreamConnection *connection; /* owned while the request is on it */
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
        bool any_byte; /* of the response has come */
};

void relay_init(Relay *relay, Exchange *exchange);
void relay_done(Relay *relay);

/* The request is whole: it may go to the pool. */
void relay_begin(Exchange *exchange, Upstream *upstream);

/* A step; true: something has changed. */
bool relay_run(Exchange *exchange);
