/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who sends a request, and how it came
 */

#include <stdbool.h>
#include <stdint.h>
#include "util/address.h"

typedef struct Connection Connection;
typedef struct Exchange Exchange;

/* A new connection: whether its word on others is taken. False: it has to be closed. */
bool client_begin(Connection *connection, const char *listener_name);

/*
 * Takes the PROXY protocol's header from the beginning of connection->in. 0,
 * -EAGAIN: it is not complete; -EINVAL: it is none; -EPERM: who it names has too many connections.
 */
int client_take_header(Connection *connection);

/* The request is parsed: fills in client, https, and where a trusted proxy says so host and id. */
void client_identify(Exchange *exchange);

/* A number that stands for the address, in this process. */
uint64_t client_hash(uint64_t seed, const Address *address);
