/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * status.path and status.ping: php-fpm's status page and its ping, for monitors
 * that know them. PHP is not started for either.
 */

#include <stdbool.h>
#include "config/pool.h"
#include "sapi/sapi.h"
#include "util/pairs.h"
#include "worker/answer.h"

/* True: the request was for one of them, and is answered but for its end. */
bool status_page_answer(const PoolConfig *config, const Pairs *params, Answer *answer);

/*
 * The page for the words of @query ("json", "xml", "html", "openmetrics", "full"; none: text); a new string, or NULL
 * if memory is short. *ret_type: of the content.
 */
char *
status_page_format(const char *pool, const SapiPoolStatus *status, const char *query, const char **ret_type);
