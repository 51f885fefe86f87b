/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The limits we run under, and the files there are, against what the
 * configuration needs
 */

#include <stddef.h>
#include "config/pool.h"

/*
 * 0, or -EDQUOT with a sentence in @text: which limit is too small, what it is,
 * what is needed, how to change it. 0 with a non-empty @text: enough to run,
 * too little for a reload at full load.
 */
int limits_check(const PoolConfig *config, char *text, size_t size);

/* Files that the configuration names and PHP would pass over in silence: 0, or -errno with a sentence in @text. */
int limits_check_files(const PoolConfig *config, char *text, size_t size);
