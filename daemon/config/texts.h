/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * NULL-terminated lists of strings. The list and its strings are owned by
 * whoever holds the pointer; no list (NULL) counts as an empty one.
 */

#include "util/cleanup.h"

int texts_add(char ***texts, const char *text);  /* adds a copy. -ENOMEM */
int texts_copy(char ***ret, char *const *texts); /* -ENOMEM */
char **texts_free(char **texts);
size_t texts_count(char *const *texts);

DEFINE_CLEANUP(char **, texts_free);
