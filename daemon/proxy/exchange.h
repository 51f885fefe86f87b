/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One HTTP request and its answer
 */

#include <stdbool.h>
#include <stdint.h>
#include "http/chunked.h"
#include "http/request.h"
#include "proxy/answer.h"
#include "proxy/connection.h"
#include "proxy/relay.h"
#include "proxy/sites.h"
#include "proxy/target.h"
#include "util/request-id.h"
#include "util/spool.h"

struct Exchange {
        Connection *connection;
        Sites *sites; /* a reference */
        Site *site;   /* of sites; NULL: not yet known */
        HttpRequest request;
        Target *target; /* a reference; NULL: not yet known */
        Target *page;   /* a reference; what is sent in place of it: for an error, or by order of a script */
        char id[REQUEST_ID_MAX + 1];
        Address client;
        bool https; /* it came encrypted, to here or to a proxy before */

        uint64_t begin_usec; /* 0: its head is not complete */
        uint64_t sent_before_bytes;

        Spool body; /* whole before a pool hears of it */
        HttpChunked chunked;
        size_t body_progress; /* bytes since its deadline was put off */
        bool body_whole;      /* no byte of the request is missing */

        Answer answer;
        Relay relay;
};

Exchange *exchange_free(Exchange *exchange);

/*
 * Parses connection->in. True: a request has begun, or was refused; the state
 * has changed. False: the head is not complete, or there was no memory and the
 * connection is closed.
 */
bool exchange_begin(Connection *connection);

/* Its body is whole. */
void exchange_to_pool(Exchange *exchange);

/* Answers with a page, and ends the connection if the request is not whole. */
void exchange_reject(Exchange *exchange, unsigned int status, const char *reason);
/* The same, where the head is not complete. */
void exchange_reject_head(Connection *connection, unsigned int status, const char *reason);
