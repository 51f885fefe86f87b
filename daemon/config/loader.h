/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A configuration file, read safely, and where in it something is wrong
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/cleanup.h"

struct config_setting_t; /* of <libconfig.h>, which only this folder's .c files include */

typedef struct ConfigError ConfigError;
typedef struct ConfigFile ConfigFile;

/* What is wrong, where. Zero-initialise; the strings are inside. */
struct ConfigError {
        char file[512];
        unsigned int line; /* 0: the file as a whole */
        char message[512];
};

/* Fills *reterr (may be NULL). Gives -EINVAL, so that a check ends with "return config_error(...)". */
int config_error(ConfigError *reterr, const char *file, unsigned int line, const char *format, ...)
        _printf_(4, 5);

/*
 * Reads and parses @path. -EINVAL: it is no configuration file; other -errno:
 * it could not be read. *reterr says why, but for -ENOMEM.
 */
int config_file_load(ConfigFile **ret, const char *path, ConfigError *reterr);
ConfigFile *config_file_free(ConfigFile *file);

const char *config_file_path(const ConfigFile *file);
struct config_setting_t *config_file_root(const ConfigFile *file);

/* The line of the key "group.name", or 0 if it is not in the file. */
unsigned int config_file_line(const ConfigFile *file, const char *key);

/* The line of the element number @i of a list, else that of its key. */
unsigned int config_file_element_line(const ConfigFile *file, const char *key, size_t i);

DEFINE_CLEANUP(ConfigFile *, config_file_free);
