/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The body of a request, from the client into the spool
 */

#include <stdbool.h>

typedef struct Exchange Exchange;

/* Reads on; when the body is whole the request goes to its pool. True: something has changed. */
bool receive_run(Exchange *exchange);
