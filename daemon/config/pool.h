/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One site's file, conf.d/NAME.conf, as the manager needs it
 *
 * Everything is checked and defaulted: a PoolConfig that exists is usable.
 * Times are microseconds (USEC_INFINITY: none), sizes bytes. Strings are owned
 * by the PoolConfig; lists are NULL-terminated and never NULL.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "config/loader.h"
#include "config/site.h"
#include "util/cleanup.h"

typedef struct PoolConfig PoolConfig;

typedef enum PoolLogAccess {
        POOL_LOG_ACCESS_OFF,
        POOL_LOG_ACCESS_ERRORS,
        POOL_LOG_ACCESS_ALL,
} PoolLogAccess;

struct PoolConfig {
        char *name;
        char *path; /* of the file */
        char *root; /* absolute, as written (links are followed per request) */
        char *docroot;

        char *php_version; /* "8.2", or NULL: the newest installed worker */
        char *php_ini;     /* php.ini or NULL: the default */
        char **php_values; /* "memory_limit=256M" */
        char **php_admin_values;
        bool params_may_set_ini;
        char **env; /* "APP_ENV=prod", "KEY=@credential:name" */
        char **extensions;
        char **also;

        uint64_t workers_max; /* 1..4096 */
        uint64_t workers_min;
        uint64_t workers_spare;
        uint64_t workers_idle_usec;
        uint64_t max_requests; /* 0: none */
        uint64_t max_memory;   /* 0: none */
        uint64_t max_age_usec; /* USEC_INFINITY: none */

        uint64_t request_usec;
        uint64_t kill_usec;
        uint64_t slow_usec;
        uint64_t queue_usec;
        uint64_t idle_exit_usec; /* USEC_INFINITY: off ("0" in the file) */
        uint64_t stop_usec;

        uint64_t head_usec;       /* limits.head_time: deadline of a request head, default 30s */
        uint64_t body_usec;       /* limits.body_time: most silence inside a body, default 60s */
        uint64_t keep_usec;       /* limits.keep_time: most silence of a kept connection, default 75s */
        uint64_t body_max;        /* limits.body, default 1G, 0: none */
        uint64_t params_max;      /* limits.params, bytes of FastCGI parameters, default 1M */
        uint64_t connections_max; /* limits.connections: waiting, parked and half-read, default 4096 */

        char *status_path; /* or NULL: none */
        char *status_ping; /* or NULL: none */
        char *status_pong;

        PoolLogAccess log_access;
        char *log_format;      /* or NULL: the default message */
        char **log_suppress;   /* URIs that are not logged when all is well */
        char *resident;        /* relative to root, or NULL */
        char *resident_script; /* the same as a path, or NULL */

        SiteConfig *site; /* never NULL; owned */
};

/*
 * Reads CONFIG_DIR/conf.d/NAME.conf. -ENOENT: there is no such file.
 * -EINVAL: *reterr says file, line and reason. Other -errno: could not be
 * read; *reterr says why, but for -ENOMEM. *ret untouched on failure.
 */
int pool_config_load(PoolConfig **ret, const char *config_dir, const char *name, ConfigError *reterr);

/* The same from a file that stands elsewhere. */
int pool_config_load_path(PoolConfig **ret, const char *path, const char *name, ConfigError *reterr);
PoolConfig *pool_config_free(PoolConfig *config);

/* Writes the configuration in force as a valid file: every key, with defaults. */
int pool_config_dump(const PoolConfig *config, FILE *f);

DEFINE_CLEANUP(PoolConfig *, pool_config_free);
