/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A configuration file, read safely, and typed access to its settings
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct ConfigError ConfigError;

/* What is wrong, where. Zero-initialise; the strings are inside. */
struct ConfigError {
        char file[512];
        unsigned int line; /* 0: the file as a whole */
        char message[512];
};

/* Rooms only. The loader's functions for pool.c, site.c and proxy.c follow. */
