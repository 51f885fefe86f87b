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
#include "proxy/body.h"
#include "proxy/connection.h"
#include "proxy/relay.h"
#include "proxy/route.h"
#include "proxy/sites.h"

struct Exchange {
        Connection *connection;
        Sites *sites; /* a reference */
        Site *site;   /* of sites; NULL: not yet known */
        HttpRequest request;
        Route route;
        char document_root[ROUTE_PATH_MAX]; /* links resolved, of this request */
        char id[17];

        Body body;
        HttpChunked chunked;
        bool body_whole; /* no byte of the request is missing */

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
