/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The configuration files of php-fpm, as a list of what they say
 */

#include <stdbool.h>
#include <stddef.h>
#include "util/cleanup.h"

typedef struct FpmConf FpmConf;
typedef struct FpmDirective FpmDirective;
typedef struct FpmPlace FpmPlace;

enum {
        FPM_DIRECTIVES_MAX = 65536,
        FPM_FILES_MAX = 4096,
        FPM_FILE_MAX = 1024 * 1024, /* bytes */
};

/* "php_admin_value[memory_limit] = 64M" of the section [www]. Strings are owned, but for the file. */
struct FpmDirective {
        const char *file; /* borrowed from FpmConf.files */
        unsigned int line;
        char *pool;  /* "www"; "global" */
        char *name;  /* "php_admin_value" */
        char *index; /* "memory_limit"; NULL: none */
        char *value; /* without quotes; $pool filled in */
        char quote;  /* which it had; NUL: none */
};

struct FpmPlace {
        const char *file; /* borrowed from FpmConf.files; NULL: not known */
        unsigned int line;
};

struct FpmConf {
        FpmDirective *items; /* owned */
        size_t n_items;
        char **files; /* owned */
        size_t n_files;
};

/*
 * Adds what @path says, and what it includes; an `include` that matches nothing, which php-fpm only
 * warns of, is added as a directive. -errno: it, or what it includes, cannot be read. -EINVAL: it is not of that
 * kind; then and otherwise @reterr is where. -E2BIG.
 */
int fpm_conf_add_file(FpmConf *conf, const char *path, FpmPlace *reterr);
void fpm_conf_done(FpmConf *conf);

/* The last directive of that name in the pool; NULL. */
const FpmDirective *fpm_conf_get(const FpmConf *conf, const char *pool, const char *name);

/* "30", "30s", "5m", "2h", "1d": seconds. -EINVAL. */
int fpm_parse_seconds(const char *text, unsigned long *ret);

/* "yes", "on", "true", "1". */
bool fpm_parse_flag(const char *text);
