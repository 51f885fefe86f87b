/* SPDX-License-Identifier: MIT */
/*
 * One site's file
 *
 * The keys stand in two tables over two objects, PoolConfig and its SiteConfig,
 * and are read in one pass. Then come the checks that concern several keys, and
 * last what one object needs of the other is copied: neither the manager nor
 * the proxy has to look into the other's half.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "config/check.h"
#include "config/format.h"
#include "config/keys.h"
#include "config/pool.h"
#include "config/texts.h"
#include "util/clock.h"
#include "util/parse.h"

#define WORKERS_MAX 4096U

/* The most that can be written in a file without a string. */
#define COUNT_MAX 999999999U

/* Each exit for idleness is a start on the next request; systemd stops a socket that starts its service too often. */
#define IDLE_EXIT_MIN_USEC (10 * USEC_PER_SEC)

/* How much longer than a request a stop may take, and than the default one where requests have no end. */
#define STOP_EXTRA_USEC   (5 * USEC_PER_SEC)
#define STOP_ENDLESS_USEC (65 * USEC_PER_SEC)

static const char *const log_access_choices[] = {
        [POOL_LOG_ACCESS_OFF] = "off",
        [POOL_LOG_ACCESS_ERRORS] = "errors",
        [POOL_LOG_ACCESS_ALL] = "all",
        NULL,
};

#define KEY(g, n, t, field) \
        .group = (g), .name = (n), .type = CONFIG_KEY_##t, .offset = offsetof(PoolConfig, field)

static const ConfigKey pool_keys[] = {
        { KEY(NULL, "root", TEXT, root), .check = check_directory },
        { KEY(NULL, "env", TEXTS, env), .check = check_env },
        { KEY(NULL, "resident", TEXT, resident), .check = check_below },

        { KEY("php", "version", TEXT, php_version), .check = check_version },
        { KEY("php", "ini", TEXT, php_ini), .check = check_file },
        { KEY("php", "values", TEXTS, php_values), .check = check_ini },
        { KEY("php", "admin_values", TEXTS, php_admin_values), .check = check_ini },
        { KEY("php", "params_may_set_ini", FLAG, params_may_set_ini), .fallback = "false" },

        { KEY("workers", "max", COUNT, workers_max), .fallback = "8", .min = 1, .max = WORKERS_MAX },
        { KEY("workers", "min", COUNT, workers_min), .fallback = "0", .max = WORKERS_MAX },
        { KEY("workers", "spare", COUNT, workers_spare), .fallback = "1", .max = WORKERS_MAX },
        { KEY("workers", "idle_timeout", TIME, workers_idle_usec), .fallback = "60s" },
        { KEY("workers", "max_requests", COUNT, max_requests), .fallback = "0", .max = COUNT_MAX },
        { KEY("workers", "max_memory", BYTES, max_memory), .fallback = "0" },
        { KEY("workers", "max_age", LIMIT, max_age_usec), .fallback = "0" },

        { KEY("timeouts", "request", LIMIT, request_usec), .fallback = "60s" },
        { KEY("timeouts", "kill", TIME, kill_usec), .fallback = "5s" },
        { KEY("timeouts", "slow", LIMIT, slow_usec), .fallback = "5s" },
        { KEY("timeouts", "queue", TIME, queue_usec), .fallback = "10s" },
        { KEY("timeouts", "idle_exit", LIMIT, idle_exit_usec), .fallback = "0" },
        { KEY("timeouts", "stop", TIME, stop_usec), .min = 1 },

        { KEY("limits", "head_time", TIME, head_usec), .fallback = "30s", .min = 1 },
        { KEY("limits", "body_time", TIME, body_usec), .fallback = "60s", .min = 1 },
        { KEY("limits", "keep_time", TIME, keep_usec), .fallback = "75s", .min = 1 },
        { KEY("limits", "body", BYTES, body_max), .fallback = "1G" },
        { KEY("limits", "params", BYTES, params_max), .fallback = "1M", .min = 4096, .max = 64U << 20 },
        { KEY("limits", "connections", COUNT, connections_max),
          .fallback = "4096",
          .min = 1,
          .max = 1000000 },

        { KEY("security", "extensions", TEXTS, extensions), .fallback = ".php", .check = check_extension },

        { KEY("status", "path", TEXT, status_path), .check = check_uri },
        { KEY("status", "ping", TEXT, status_ping), .check = check_uri },
        { KEY("status", "pong", TEXT, status_pong), .fallback = "pong" },

        { KEY("log", "access", CHOICE, log_access), .fallback = "off", .choices = log_access_choices },
        { KEY("log", "format", TEXT, log_format), .check = check_line_format },
        { KEY("log", "suppress", TEXTS, log_suppress), .check = check_uri },
};

/* A choice is stored through a pointer to unsigned int. */
_Static_assert(sizeof(PoolLogAccess) == sizeof(unsigned int), "enum of another size");

/* Reports at the line of the first of two keys that is in the file. */
static int pool_error(const ConfigFile *file,
                      ConfigError *reterr,
                      const char *key,
                      const char *other,
                      const char *reason) {
        unsigned int line = config_file_line(file, key);

        if (line == 0)
                line = config_file_line(file, other);
        return config_error(reterr, config_file_path(file), line, "%s %s", key, reason);
}

static int pool_check_workers(const PoolConfig *config, const ConfigFile *file, ConfigError *reterr) {
        char reason[96];

        if (config->workers_min > config->workers_max) {
                (void)snprintf(reason,
                               sizeof(reason),
                               "is %" PRIu64 ", more than workers.max, which is %" PRIu64,
                               config->workers_min,
                               config->workers_max);
                return pool_error(file, reterr, "workers.min", "workers.max", reason);
        }
        if (config->workers_spare > config->workers_max) {
                (void)snprintf(reason,
                               sizeof(reason),
                               "is %" PRIu64 ", more than workers.max, which is %" PRIu64,
                               config->workers_spare,
                               config->workers_max);
                return pool_error(file, reterr, "workers.spare", "workers.max", reason);
        }

        return 0;
}

static int pool_check(PoolConfig *config, const ConfigFile *file, ConfigError *reterr) {
        int r;

        if (!config->root)
                return pool_error(file, reterr, "root", "root", "is missing: the directory of the site");

        r = pool_check_workers(config, file, reterr);
        if (r < 0)
                return r;

        if (config->idle_exit_usec < IDLE_EXIT_MIN_USEC)
                return pool_error(file,
                                  reterr,
                                  "timeouts.idle_exit",
                                  "timeouts",
                                  "is below 10s: each request after an exit starts the service again, and "
                                  "systemd gives up on a socket that does so too often; \"0\" turns it off");

        if (config->stop_usec == USEC_INFINITY && config_file_line(file, "timeouts.stop") == 0) {
                /* the default */
                if (config->request_usec == USEC_INFINITY)
                        config->stop_usec = STOP_ENDLESS_USEC;
                else
                        config->stop_usec = config->request_usec + STOP_EXTRA_USEC;
        }

        return site_config_check(config->site, file, reterr);
}

/* Root and docroot as paths, and each object's copies of what the other read. */
static int pool_complete(PoolConfig *config) {
        SiteConfig *site = config->site;
        _cleanup_(freep) char *below = TAKE_PTR(site->docroot);
        int r;

        path_simplify(config->root);
        for (size_t i = 0; site->also[i]; i++)
                path_simplify(site->also[i]);
        if (below)
                path_simplify(below);

        if (asprintf(&site->docroot, "%s%s%s", config->root, below ? "/" : "", below ? below : "") < 0) {
                site->docroot = NULL;
                return -ENOMEM;
        }

        site->name = strdup(config->name);
        site->root = strdup(config->root);
        config->docroot = strdup(site->docroot);
        if (!site->name || !site->root || !config->docroot)
                return -ENOMEM;

        if (config->resident &&
            asprintf(&config->resident_script, "%s/%s", config->root, config->resident) < 0) {
                config->resident_script = NULL;
                return -ENOMEM;
        }

        r = texts_copy(&config->also, site->also);
        if (r < 0)
                return r;
        r = texts_copy(&site->extensions, config->extensions);
        if (r < 0)
                return r;

        site->request_usec = config->request_usec;
        site->queue_usec = config->queue_usec;
        site->kill_usec = config->kill_usec;
        site->workers_max = config->workers_max;
        site->body_max = config->body_max;
        return site_config_place_resident(site, config->resident);
}

static int pool_config_new(PoolConfig **ret, const char *path, const char *name) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;

        config = calloc(1, sizeof(*config));
        if (!config)
                return -ENOMEM;
        config->stop_usec = USEC_INFINITY;

        config->site = calloc(1, sizeof(*config->site));
        config->name = strdup(name);
        config->path = strdup(path);
        if (!config->site || !config->name || !config->path)
                return -ENOMEM;

        *ret = TAKE_PTR(config);
        return 0;
}

int pool_config_load(PoolConfig **ret, const char *config_dir, const char *name, ConfigError *reterr) {
        _cleanup_(freep) char *path = NULL;

        if (asprintf(&path, "%s/conf.d/%s.conf", config_dir, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        return pool_config_load_path(ret, path, name, reterr);
}

int pool_config_load_path(PoolConfig **ret, const char *path, const char *name, ConfigError *reterr) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(config_file_freep) ConfigFile *file = NULL;
        ConfigTable tables[2];
        const char *reason;
        int r;

        r = pool_config_new(&config, path, name);
        if (r < 0)
                return r;

        reason = check_pool(name);
        if (reason)
                return config_error(reterr, config->path, 0, "\"%s\" cannot name a pool: %s", name, reason);

        r = config_file_load(&file, config->path, reterr);
        if (r < 0)
                return r;

        tables[0] = (ConfigTable){ .keys = pool_keys, .n_keys = ELEMENTSOF(pool_keys), .object = config };
        tables[1] = site_config_table(config->site);
        r = config_tables_load(tables, ELEMENTSOF(tables), file, reterr);
        if (r < 0)
                return r;

        r = pool_check(config, file, reterr);
        if (r < 0)
                return r;
        r = pool_complete(config);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(config);
        return 0;
}

PoolConfig *pool_config_free(PoolConfig *config) {
        if (!config)
                return NULL;

        site_config_free(config->site);
        free(config->resident_script);
        free(config->resident);
        texts_free(config->log_suppress);
        free(config->log_format);
        free(config->status_pong);
        free(config->status_ping);
        free(config->status_path);
        texts_free(config->also);
        texts_free(config->extensions);
        texts_free(config->env);
        texts_free(config->php_admin_values);
        texts_free(config->php_values);
        free(config->php_ini);
        free(config->php_version);
        free(config->docroot);
        free(config->root);
        free(config->path);
        free(config->name);
        free(config);
        return NULL;
}

int pool_config_dump(const PoolConfig *config, FILE *f) {
        PoolConfig pool = *config;
        SiteConfig site = *config->site;
        ConfigTable tables[2];

        /* in a file docroot is relative */
        site.docroot += strlen(site.root);
        site.docroot += strspn(site.docroot, "/");

        tables[0] = (ConfigTable){ .keys = pool_keys, .n_keys = ELEMENTSOF(pool_keys), .object = &pool };
        tables[1] = site_config_table(&site);
        return config_tables_dump(tables, ELEMENTSOF(tables), f);
}
