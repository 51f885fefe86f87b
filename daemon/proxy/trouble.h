/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What goes wrong with requests, for the journal
 *
 * Peers can cause these lines, so they are limited; the request's id is in the
 * page that the visitor sees.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct Connection Connection;
typedef struct Exchange Exchange;

/* @error: negative errno or 0. */
void trouble_log(const Exchange *exchange,
                 unsigned int status,
                 const char *pool,
                 int error,
                 const char *why);
void trouble_log_stderr(const Exchange *exchange, const uint8_t *data, size_t size);

/* A client has met a limit; @why names its key. */
void trouble_log_limit(const Connection *connection, const char *why);
