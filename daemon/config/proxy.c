/* SPDX-License-Identifier: MIT */
/*
 * The proxy's configuration: proxy.conf, and the sites of conf.d
 *
 * Only a wrong proxy.conf is a failure. A file of conf.d that is wrong in any
 * of its keys, also those that only the manager uses, is a broken site: its
 * pool does not start either. Sites are read in the order of their names, so
 * which of two with one host name is the broken one does not depend on the
 * directory. A host name belongs to one site, or to one or more broken ones.
 */

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "config/check.h"
#include "config/keys.h"
#include "config/pool.h"
#include "config/proxy.h"
#include "config/texts.h"
#include "util/clock.h"

/* DynamicUser has 4336 user ids for pools (systemd, docs/UIDS-GIDS.md). */
#define SITES_MAX 4096

/* As for pools: systemd gives up on a socket that starts its service too often. */
#define IDLE_EXIT_MIN_USEC (10 * USEC_PER_SEC)

#define SUFFIX ".conf"

#define KEY(g, n, t, field) \
        .group = (g), .name = (n), .type = CONFIG_KEY_##t, .offset = offsetof(ProxyConfig, field)

static const char *const trusted_header_choices[] = { "x-forwarded", "forwarded", NULL };
static const char *const unknown_host_choices[] = { "404", "421", "close", NULL };
static const char *const log_access_choices[] = { "off", "errors", "all", NULL };
static const char *const log_format_choices[] = { "journal", "combined", NULL };

/* A choice is stored through a pointer to unsigned int. */
_Static_assert(sizeof(ProxyTrustedHeader) == sizeof(unsigned int), "enum of another size");
_Static_assert(sizeof(ProxyUnknownHost) == sizeof(unsigned int), "enum of another size");
_Static_assert(sizeof(ProxyLogAccess) == sizeof(unsigned int), "enum of another size");
_Static_assert(sizeof(ProxyLogFormat) == sizeof(unsigned int), "enum of another size");

static const ConfigKey proxy_keys[] = {
        { KEY(NULL, "socket_dir", TEXT, socket_dir), .fallback = "/run/php-pool", .check = check_directory },

        { KEY(NULL, "processes", COUNT, processes), .fallback = "0", .max = 64 },
        { KEY(NULL, "trusted", TEXTS, trusted), .check = check_range },
        {
                KEY(NULL, "trusted_header", CHOICE, trusted_header),
                .fallback = "x-forwarded",
                .choices = trusted_header_choices,
        },
        {
                KEY(NULL, "unknown_host", CHOICE, unknown_host),
                .fallback = "404",
                .choices = unknown_host_choices,
        },

        { KEY("timeouts", "header", TIME, header_usec), .fallback = "30s", .min = 1 },
        { KEY("timeouts", "body", TIME, body_usec), .fallback = "60s", .min = 1 },
        { KEY("timeouts", "keep", TIME, keep_usec), .fallback = "75s", .min = 1 },
        { KEY("timeouts", "send", TIME, send_usec), .fallback = "60s", .min = 1 },

        { KEY("timeouts", "stop", TIME, stop_usec), .fallback = "30s", .min = 1 },
        { KEY("timeouts", "idle_exit", LIMIT, idle_exit_usec), .fallback = "0" },

        { KEY("limits", "connections", COUNT, connections_max),
          .fallback = "16384",
          .min = 1,
          .max = 1000000 },
        { KEY("limits", "connections_per_client", COUNT, client_max), .fallback = "1024", .max = 1000000 },
        { KEY("limits", "head", BYTES, head_max), .fallback = "32K", .min = 1024, .max = 1U << 20 },
        {
                KEY("limits", "response_head", BYTES, response_head_max),
                .fallback = "64K",
                .min = 1024,
                .max = 1U << 20,
        },
        {
                KEY("limits", "response_memory", BYTES, response_memory),
                .fallback = "64K",
                .min = 4096,
                .max = 1U << 20,
        },
        { KEY("limits", "response_file", BYTES, response_file), .fallback = "1G" },
        { KEY("limits", "body_memory", BYTES, body_memory),
          .fallback = "64K",
          .min = 4096,
          .max = 16U << 20 },

        { KEY("log", "access", CHOICE, log_access), .fallback = "off", .choices = log_access_choices },
        { KEY("log", "format", CHOICE, log_format), .fallback = "journal", .choices = log_format_choices },
};

/* The file's hosts if it can be parsed at all, and where in the list @host stands. */
static int proxy_read_hosts(const char *path, const char *host, char ***ret, unsigned int *ret_line) {
        _cleanup_(config_file_freep) ConfigFile *file = NULL;
        int r;

        *ret_line = 0;
        r = config_file_load(&file, path, NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return texts_copy(ret, NULL);

        r = site_config_read_hosts(ret, file);
        if (r < 0)
                return r;

        *ret_line = config_file_line(file, "site.hosts");
        for (size_t i = 0; host && (*ret)[i]; i++)
                if (strcmp((*ret)[i], host) == 0)
                        *ret_line = config_file_element_line(file, "site.hosts", i);
        return 0;
}

static int
proxy_add_broken(ProxyConfig *config, const char *path, const char *name, const ConfigError *error) {
        ProxyBrokenSite *broken = &config->broken[config->n_broken];
        unsigned int line;
        int r;

        broken->name = strdup(name);
        if (!broken->name)
                return -ENOMEM;
        broken->error = *error;
        config->n_broken++; /* from here on the destructor frees it */

        r = proxy_read_hosts(path, NULL, &broken->hosts, &line);
        return r;
}

/* The site that stands in the way of @site: with the same host, or a default site as well. */
static const SiteConfig *
proxy_find_rival(const ProxyConfig *config, const SiteConfig *site, const char **ret_host) {
        for (size_t i = 0; i < config->n_sites; i++) {
                const SiteConfig *other = config->sites[i];

                if (!site->hosts[0] && !other->hosts[0]) {
                        *ret_host = NULL;
                        return other;
                }
                for (size_t a = 0; site->hosts[a]; a++)
                        for (size_t b = 0; other->hosts[b]; b++)
                                if (strcmp(site->hosts[a], other->hosts[b]) == 0) {
                                        *ret_host = site->hosts[a];
                                        return other;
                                }
        }
        return NULL;
}

static int
proxy_add_rival(ProxyConfig *config, const PoolConfig *pool, const SiteConfig *other, const char *host) {
        _cleanup_(texts_freep) char **hosts = NULL;
        ConfigError error = {};
        unsigned int line;
        int r;

        r = proxy_read_hosts(pool->path, host, &hosts, &line);
        if (r < 0)
                return r;

        if (host)
                (void)config_error(&error,
                                   pool->path,
                                   line,
                                   "site.hosts has \"%s\", which is a host of site %s already",
                                   host,
                                   other->name);
        else
                (void)config_error(&error,
                                   pool->path,
                                   line,
                                   "site.hosts is empty, but site %s is the default site already",
                                   other->name);

        return proxy_add_broken(config, pool->path, pool->name, &error);
}

static int proxy_add_site(ProxyConfig *config, const char *config_dir, const char *file_name) {
        _cleanup_(pool_config_freep) PoolConfig *pool = NULL;
        _cleanup_(freep) char *name = NULL, *path = NULL;
        const SiteConfig *rival;
        ConfigError error = {};
        const char *host;
        int r;

        name = strndup(file_name, strlen(file_name) - strlen(SUFFIX));
        if (!name || asprintf(&path, "%s/conf.d/%s", config_dir, file_name) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        r = pool_config_load(&pool, config_dir, name, &error);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return proxy_add_broken(config, path, name, &error);

        rival = proxy_find_rival(config, pool->site, &host);
        if (rival)
                return proxy_add_rival(config, pool, rival, host);

        config->sites[config->n_sites++] = TAKE_PTR(pool->site);
        return 0;
}

/* A broken site does not answer for the hosts of a good one. */
static void proxy_drop_taken_hosts(const ProxyConfig *config, char **hosts) {
        size_t n = 0;

        for (size_t i = 0; hosts[i]; i++) {
                const SiteConfig single = { .hosts = (char *[]){ hosts[i], NULL } };
                const char *host;

                if (proxy_find_rival(config, &single, &host))
                        free(hosts[i]);
                else
                        hosts[n++] = hosts[i];
        }
        hosts[n] = NULL;
}

static int is_site_file(const struct dirent *entry) {
        size_t size = strlen(entry->d_name);

        return entry->d_name[0] != '.' && size > strlen(SUFFIX) &&
               strcmp(entry->d_name + size - strlen(SUFFIX), SUFFIX) == 0;
}

/* alphasort() compares by the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int proxy_add_sites(ProxyConfig *config,
                           const char *config_dir,
                           struct dirent **entries,
                           size_t n,
                           ConfigError *reterr) {
        int r;

        if (n > SITES_MAX)
                return config_error(reterr, config_dir, 0, "conf.d has more than %u sites", SITES_MAX);

        config->sites = calloc(n + 1, sizeof(*config->sites));
        config->broken = calloc(n + 1, sizeof(*config->broken));
        if (!config->sites || !config->broken)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                r = proxy_add_site(config, config_dir, entries[i]->d_name);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < config->n_broken; i++)
                proxy_drop_taken_hosts(config, config->broken[i].hosts);
        return 0;
}

static int proxy_load_sites(ProxyConfig *config, const char *config_dir, ConfigError *reterr) {
        _cleanup_(freep) char *path = NULL;
        struct dirent **entries = NULL;
        int n, r;

        if (asprintf(&path, "%s/conf.d", config_dir) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        n = scandir(path, &entries, is_site_file, compare_names);
        if (n < 0 && errno != ENOENT) {
                r = -errno;
                (void)config_error(reterr, path, 0, "cannot be read: %s", strerror(-r));
                return r;
        }

        r = proxy_add_sites(config, config_dir, entries, n < 0 ? 0 : (size_t)n, reterr);
        for (int i = 0; i < n; i++)
                free(entries[i]);
        free(entries);
        return r;
}

int proxy_config_load(ProxyConfig **ret, const char *config_dir, ConfigError *reterr) {
        _cleanup_(proxy_config_freep) ProxyConfig *config = NULL;
        _cleanup_(config_file_freep) ConfigFile *file = NULL;
        _cleanup_(freep) char *path = NULL;
        ConfigTable table;
        int r;

        config = calloc(1, sizeof(*config));
        if (!config)
                return -ENOMEM;
        if (asprintf(&path, "%s/proxy.conf", config_dir) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        r = config_file_load(&file, path, reterr);
        if (r < 0 && r != -ENOENT)
                return r;

        table = (ConfigTable){ .keys = proxy_keys, .n_keys = ELEMENTSOF(proxy_keys), .object = config };
        r = config_tables_load(&table, 1, file, reterr);
        if (r < 0)
                return r;
        path_simplify(config->socket_dir);
        if (config->idle_exit_usec < IDLE_EXIT_MIN_USEC)
                return config_error(
                        reterr,
                        path,
                        config_file_line(file, "timeouts.idle_exit"),
                        "timeouts.idle_exit is below 10s: each connection after an exit starts the "
                        "service again; \"0\" turns it off");

        r = proxy_load_sites(config, config_dir, reterr);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(config);
        return 0;
}

ProxyConfig *proxy_config_free(ProxyConfig *config) {
        if (!config)
                return NULL;

        for (size_t i = 0; i < config->n_broken; i++) {
                texts_free(config->broken[i].hosts);
                free(config->broken[i].name);
        }
        free(config->broken);
        for (size_t i = 0; i < config->n_sites; i++)
                site_config_free(config->sites[i]);
        free(config->sites);
        texts_free(config->trusted);
        free(config->socket_dir);
        free(config);
        return NULL;
}

int proxy_config_dump(const ProxyConfig *config, FILE *f) {
        ProxyConfig copy = *config;
        ConfigTable table = { .keys = proxy_keys, .n_keys = ELEMENTSOF(proxy_keys), .object = &copy };

        return config_tables_dump(&table, 1, f);
}
