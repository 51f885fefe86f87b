/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A request's place at its pool: waiting for it, getting it, getting it again.
 * True: something has changed; false: it waits. The exchange may have failed.
 */

#include <stdbool.h>

typedef struct Exchange Exchange;
typedef struct Relay Relay;

void relay_place_init(Relay *relay);
bool relay_place_find(Exchange *exchange);
bool relay_place_wait(Exchange *exchange, bool again); /* again: at the place it had in the queue */
bool relay_place_lost(Exchange *exchange, int error);  /* nobody has taken a byte of the request */
bool relay_place_retry(Exchange *exchange, int error); /* on another connection */
