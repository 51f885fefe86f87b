/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a client may see of a site (site.access)
 */

#include <stdbool.h>

typedef struct Exchange Exchange;

/* False: the path is written so that the application may understand another one than is decided by. */
bool visible_is_clear(const Exchange *exchange);

/* Of a request that has its target. */
bool visible_to_client(const Exchange *exchange);
