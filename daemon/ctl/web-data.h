/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the page of `php-poolctl web` shows, as JSON
 */

#include "ctl/view.h"
#include "http/syntax.h"
#include "util/cleanup.h"

typedef struct WebData WebData;

int web_data_new(WebData **ret);
WebData *web_data_free(WebData *data);
DEFINE_CLEANUP(WebData *, web_data_free);

/* {"now_usec", "pools": [of view_to_json()], "errors": [...]}; no older than a second. Free @ret. */
int web_data_get(WebData *data, const Ctl *ctl, char **ret);

/* {"stacks": [...]} of the pool in @query, "pool=NAME"; @ret is NULL if there is none of it. */
int web_data_get_stacks(const Ctl *ctl, HttpSlice query, char **ret);
