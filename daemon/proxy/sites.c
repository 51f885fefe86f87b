/* SPDX-License-Identifier: MIT */
/*
 * One generation of the configuration
 *
 * Loaded as a whole and never changed; a reload makes a new one beside it. A
 * host is looked for by its whole name, then as *.name from the longest
 * suffix on, then the site without hosts answers. The hosts of a broken file
 * are known as broken, so that its visitors get 503 and not another site.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "http/host.h"
#include "proxy/proxy.h"
#include "proxy/sites.h"
#include "util/log.h"

static int site_host_compare(const void *a, const void *b) {
        return strcmp(((const SiteHost *)a)->name, ((const SiteHost *)b)->name);
}

static void sites_note_broken(Sites *sites, const char *name) {
        size_t used = strlen(sites->broken);

        (void)snprintf(sites->broken + used,
                       sizeof(sites->broken) - used,
                       "%s%s",
                       used > 0 ? ", " : "",
                       name);
        sites->n_broken++;
}

static int sites_load_rules(Sites *sites, Site *site) {
        char error[256];
        int r;

        r = rules_new(&site->rules, site->config, error, sizeof(error));
        if (r == -EINVAL) {
                log_error("Site %s: rules: %s", site->config->name, error);
                sites_note_broken(sites, site->config->name);
                site->broken = true;
                return 0;
        }
        return r;
}

static int sites_load_site(Sites *sites, size_t i) {
        static char *const none[] = { NULL };
        const SiteConfig *config = sites->config->sites[i];
        Site *site = &sites->items[i];

        site->config = config;
        docroot_init(&site->docroot, config->docroot, config->also);
        if (config->maintenance &&
            asprintf(&site->maintenance, "%s/%s", config->root, config->maintenance) < 0) {
                site->maintenance = NULL;
                return -ENOMEM;
        }

        site->internal = calloc(config->n_internal + 1, sizeof(*site->internal));
        if (!site->internal)
                return -ENOMEM;
        for (size_t j = 0; j < config->n_internal; j++)
                docroot_init(&site->internal[j], config->internal[j].root, none);
        return sites_load_rules(sites, site);
}

static void site_done(Site *site) {
        if (!site->config)
                return;

        rules_free(site->rules);
        for (size_t i = 0; site->internal && i < site->config->n_internal; i++)
                docroot_done(&site->internal[i]);
        free(site->internal);
        free(site->maintenance);
        docroot_done(&site->docroot);
}

bool site_is_maintained(Site *site, uint64_t now_usec) {
        if (site->maintenance && now_usec - site->maintenance_checked_usec >= TARGETS_USEC) {
                site->maintained = access(site->maintenance, F_OK) == 0;
                site->maintenance_checked_usec = now_usec;
        }
        return site->maintained;
}

static size_t strv_length(char **strv) {
        size_t n = 0;

        while (strv && strv[n])
                n++;
        return n;
}

static void sites_add_hosts(Sites *sites, char **names, Site *site) {
        for (char **p = names; p && *p; p++)
                sites->hosts[sites->n_hosts++] = (SiteHost){ *p, site };
}

static int sites_index_hosts(Sites *sites) {
        const ProxyConfig *config = sites->config;
        size_t n = 1;

        for (size_t i = 0; i < config->n_sites; i++)
                n += strv_length(config->sites[i]->hosts);
        for (size_t i = 0; i < config->n_broken; i++)
                n += strv_length(config->broken[i].hosts);

        sites->hosts = calloc(n, sizeof(*sites->hosts));
        if (!sites->hosts)
                return -ENOMEM;

        for (size_t i = 0; i < config->n_sites; i++) {
                Site *site = &sites->items[i];

                sites_add_hosts(sites, site->config->hosts, site);
                if (!site->config->hosts[0])
                        sites->fallback = site;
        }
        for (size_t i = 0; i < config->n_broken; i++) {
                sites_add_hosts(sites, config->broken[i].hosts, NULL);
                if (strv_length(config->broken[i].hosts) == 0)
                        sites->broken_unnamed = true;
        }

        qsort(sites->hosts, sites->n_hosts, sizeof(*sites->hosts), site_host_compare);
        return 0;
}

static void sites_report_broken(Sites *sites) {
        for (size_t i = 0; i < sites->config->n_broken; i++) {
                const ProxyBrokenSite *broken = &sites->config->broken[i];

                log_error("%s:%u: %s", broken->error.file, broken->error.line, broken->error.message);
                sites_note_broken(sites, broken->name);
        }
}

int sites_load(Sites **ret, const char *config_dir, ConfigError *reterr) {
        _cleanup_(sites_unrefp) Sites *sites = NULL;
        int r;

        sites = calloc(1, sizeof(*sites));
        if (!sites)
                return -ENOMEM;
        sites->n_refs = 1;

        r = proxy_config_load(&sites->config, config_dir, reterr);
        if (r < 0)
                return r;

        sites->items = calloc(sites->config->n_sites + 1, sizeof(*sites->items));
        if (!sites->items)
                return -ENOMEM;

        sites_report_broken(sites);
        for (size_t i = 0; i < sites->config->n_sites; i++) {
                r = sites_load_site(sites, i);
                if (r < 0)
                        return r;
        }

        r = sites_index_hosts(sites);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(sites);
        return 0;
}

/* The bounds are those of this process; what all of them keep idle is no more than there are workers. */
static int sites_connect_pool(Sites *sites,
                              Proxy *proxy,
                              const char *name,
                              const SiteConfig *config,
                              const char *address,
                              Upstream **ret) {
        const ProxyStart *start = proxy->start;
        uint64_t n = start->n_processes, n_max = config->workers_max;
        _cleanup_(freep) char *path = NULL;
        int r;

        if (!address && asprintf(&path, "%s/%s.sock", sites->config->socket_dir, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        r = upstream_get(&proxy->upstreams, &proxy->loop, name, address ?: path, ret);
        if (r < 0)
                return r;
        (*ret)->n_busy_max = n_max;
        (*ret)->n_idle_max = n_max / n + (start->index < n_max % n);
        (*ret)->is_configured = true;
        if ((*ret)->queue.n > 0) /* there may be more places now */
                loop_defer(&proxy->loop, &(*ret)->serve);
        return 0;
}

int sites_connect(Sites *sites, Proxy *proxy) {
        Upstream *other;
        int r;

        LIST_FOREACH (link, &proxy->upstreams)
                list_entry(link, Upstream, link)->is_configured = false;

        for (size_t i = 0; i < sites->config->n_sites; i++) {
                Site *site = &sites->items[i];

                r = sites_connect_pool(sites,
                                       proxy,
                                       site->config->name,
                                       site->config,
                                       site->config->upstream,
                                       &site->upstream);
                if (r < 0)
                        return r;
        }

        /* pools that only rules name: their own file may be absent here, as may the bound */
        for (size_t i = 0; i < sites->config->n_sites; i++)
                for (size_t j = 0; j < sites->items[i].config->n_rules; j++) {
                        const SiteConfig *config = sites->items[i].config;
                        const char *name = config->rules[j].pool;

                        if (!name)
                                continue;
                        other = upstream_find(&proxy->upstreams, name);
                        if (other && other->is_configured)
                                continue;
                        r = sites_connect_pool(sites, proxy, name, config, NULL, &other);
                        if (r < 0)
                                return r;
                }

        return 0;
}

Sites *sites_ref(Sites *sites) {
        sites->n_refs++;
        return sites;
}

Sites *sites_unref(Sites *sites) {
        if (!sites || --sites->n_refs > 0)
                return NULL;

        targets_forget(&sites->targets, UINT64_MAX);
        for (size_t i = 0; sites->items && i < sites->config->n_sites; i++)
                site_done(&sites->items[i]);
        free(sites->hosts);
        free(sites->items);
        proxy_config_free(sites->config);
        free(sites);
        return NULL;
}

static const SiteHost *sites_find_host(const Sites *sites, const char *name) {
        SiteHost key = { .name = name };

        return bsearch(&key, sites->hosts, sites->n_hosts, sizeof(*sites->hosts), site_host_compare);
}

int sites_find(const Sites *sites, const char *host, Site **ret) {
        const SiteHost *found = host[0] ? sites_find_host(sites, host) : NULL;
        Site *site = NULL;

        for (const char *dot = strchr(host, '.'); !found && dot; dot = strchr(dot + 1, '.')) {
                char pattern[HTTP_HOST_MAX + 2];

                (void)snprintf(pattern, sizeof(pattern), "*%s", dot);
                found = sites_find_host(sites, pattern);
        }

        site = found ? found->site : sites->fallback;
        if (found && !site)
                return SITES_E_BROKEN;
        if (!site)
                return sites->broken_unnamed ? SITES_E_BROKEN : SITES_E_UNKNOWN;
        if (site->broken)
                return SITES_E_BROKEN;

        *ret = site;
        return 0;
}
