/* SPDX-License-Identifier: MIT */
/*
 * The HTTP side of a site
 *
 * A table of the keys of the group "site". Its SiteConfig is part of the
 * PoolConfig of the same file, which fills in what the proxy needs of the other
 * groups; the proxy takes it out of there.
 */

#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/check.h"
#include "config/site.h"
#include "config/texts.h"

#define KEY(n, t, field) .group = "site", .name = (n), .type = (t), .offset = offsetof(SiteConfig, field)

static const ConfigKey rule_keys[] = {
        {
                .group = "site.rules",
                .name = "match",
                .offset = offsetof(SiteRule, match),
                .required = true,
        },
        {
                .group = "site.rules",
                .name = "script",
                .offset = offsetof(SiteRule, script),
                .check = check_script,
        },
        {
                .group = "site.rules",
                .name = "pool",
                .offset = offsetof(SiteRule, pool),
                .check = check_pool,
        },
        {
                .group = "site.rules",
                .name = "redirect",
                .offset = offsetof(SiteRule, redirect),
                .check = check_redirect,
        },
        {
                .group = "site.rules",
                .name = "status",
                .offset = offsetof(SiteRule, status),
                .check = check_redirect_status,
        },
};

#define MEMBER(g, n, type) .group = "site." g, .name = #n, .offset = offsetof(type, n), .required = true

static const ConfigKey access_keys[] = {
        { MEMBER("access", path, SiteAccess), .check = check_pattern },
        { MEMBER("access", from, SiteAccess), .check = check_ranges },
};

static const ConfigKey cache_control_keys[] = {
        { MEMBER("cache_control", extensions, SiteCacheControl), .check = check_extensions },
        { MEMBER("cache_control", value, SiteCacheControl) },
};

static const ConfigKey internal_keys[] = {
        { MEMBER("internal", path, SiteInternal), .check = check_script },
        { MEMBER("internal", root, SiteInternal), .check = check_directory },
};

static const char *const https_choices[] = { "any", "redirect", NULL };

/* A choice is stored through a pointer to unsigned int. */
_Static_assert(sizeof(SiteHttps) == sizeof(unsigned int), "enum of another size");

#define GROUPS(n, table, type)                                                               \
        {                                                                                    \
                KEY(#n, CONFIG_KEY_GROUPS, n), .keys = (table), .n_keys = ELEMENTSOF(table), \
                                               .size = sizeof(type),                         \
                                               .count_offset = offsetof(SiteConfig, n_##n),  \
        }

static const ConfigKey site_keys[] = {
        { KEY("hosts", CONFIG_KEY_TEXTS, hosts), .check = check_host },
        { KEY("docroot", CONFIG_KEY_TEXT, docroot), .check = check_below },
        { KEY("index", CONFIG_KEY_TEXTS, index), .fallback = "index.php index.html", .check = check_index },
        { KEY("front_controller", CONFIG_KEY_TEXT, front_controller), .check = check_script },
        { KEY("deny", CONFIG_KEY_TEXTS, deny), .check = check_pattern },
        { KEY("also", CONFIG_KEY_TEXTS, also), .check = check_directory },
        GROUPS(rules, rule_keys, SiteRule),
        GROUPS(access, access_keys, SiteAccess),
        { KEY("https", CONFIG_KEY_CHOICE, https), .fallback = "any", .choices = https_choices },
        { KEY("maintenance", CONFIG_KEY_TEXT, maintenance), .check = check_below },
        { KEY("error_pages", CONFIG_KEY_TEXTS, error_pages), .check = check_error_page },
        { KEY("headers", CONFIG_KEY_TEXTS, headers), .check = check_header },
        GROUPS(cache_control, cache_control_keys, SiteCacheControl),
        { KEY("precompressed", CONFIG_KEY_FLAG, precompressed), .fallback = "false" },
        GROUPS(internal, internal_keys, SiteInternal),
        { KEY("upstream", CONFIG_KEY_TEXT, upstream), .check = check_server },
};

ConfigTable site_config_table(SiteConfig *site) {
        return (ConfigTable){ .keys = site_keys, .n_keys = ELEMENTSOF(site_keys), .object = site };
}

/* ASCII only, whatever the locale: host names are no text. */
static void host_to_lower(char *host) {
        for (char *p = host; *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char)(*p - 'A' + 'a');
}

static bool texts_have(char *const *texts, size_t n, const char *text) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(texts[i], text) == 0)
                        return true;
        return false;
}

static int site_config_check_rules(const SiteConfig *site, const ConfigFile *file, ConfigError *reterr) {
        for (size_t i = 0; i < site->n_rules; i++) {
                const SiteRule *rule = &site->rules[i];
                const char *reason = NULL;

                if (!rule->script && !rule->redirect)
                        reason = "site.rules.script is missing, or a redirect";
                else if (rule->redirect && (rule->script || rule->pool))
                        reason = "site.rules.redirect stands alone: a rule either has a script or redirects";
                else if (rule->status && !rule->redirect)
                        reason = "site.rules.status is that of a redirect";
                if (reason)
                        return config_error(reterr,
                                            config_file_path(file),
                                            config_file_element_line(file, "site.rules", i),
                                            "%s",
                                            reason);
        }

        return 0;
}

int site_config_check(SiteConfig *site, const ConfigFile *file, ConfigError *reterr) {
        for (size_t i = 0; site->hosts[i]; i++) {
                host_to_lower(site->hosts[i]);
                if (texts_have(site->hosts, i, site->hosts[i]))
                        return config_error(reterr,
                                            config_file_path(file),
                                            config_file_element_line(file, "site.hosts", i),
                                            "site.hosts has \"%s\" twice",
                                            site->hosts[i]);
        }

        return site_config_check_rules(site, file, reterr);
}

/* Below the document root its name is a URL; elsewhere it is as if it lay in there. */
int site_config_place_resident(SiteConfig *site, const char *path) {
        _cleanup_(freep) char *file = NULL;
        size_t n = strlen(site->docroot);
        bool below;

        if (!path)
                return 0;
        if (asprintf(&file, "%s/%s", site->root, path) < 0) {
                file = NULL;
                return -ENOMEM;
        }
        path_simplify(file);

        below = strncmp(file, site->docroot, n) == 0 && file[n] == '/';
        site->resident = strdup(below ? file + n : strrchr(file, '/'));
        if (!site->resident)
                return -ENOMEM;
        if (!below)
                site->resident_file = TAKE_PTR(file);
        return 0;
}

int site_config_read_hosts(char ***ret, const ConfigFile *file) {
        const config_setting_t *group, *list = NULL;
        _cleanup_(texts_freep) char **hosts = NULL;
        size_t n = 0;
        int r;

        r = texts_copy(&hosts, NULL);
        if (r < 0)
                return r;

        group = config_setting_get_member(config_file_root(file), "site");
        if (group && config_setting_is_group(group))
                list = config_setting_get_member(group, "hosts");

        for (int i = 0; list && config_setting_is_aggregate(list) && i < config_setting_length(list); i++) {
                const char *host = config_setting_get_string_elem(list, i);

                if (!host || *host == '\0' || check_host(host))
                        continue;
                r = texts_add(&hosts, host);
                if (r < 0)
                        return r;
                host_to_lower(hosts[n]);
                if (texts_have(hosts, n, hosts[n])) {
                        free(hosts[n]);
                        hosts[n] = NULL;
                } else
                        n++;
        }

        *ret = TAKE_PTR(hosts);
        return 0;
}

/* @size bytes, all of them pointers to strings. */
static void groups_free(void *groups, size_t size) {
        char **texts = groups;

        for (size_t i = 0; i < size / sizeof(*texts); i++)
                free(texts[i]);
        free(groups);
}

SiteConfig *site_config_free(SiteConfig *site) {
        if (!site)
                return NULL;

        groups_free(site->rules, site->n_rules * sizeof(*site->rules));
        groups_free(site->access, site->n_access * sizeof(*site->access));
        groups_free(site->cache_control, site->n_cache_control * sizeof(*site->cache_control));
        groups_free(site->internal, site->n_internal * sizeof(*site->internal));
        texts_free(site->headers);
        texts_free(site->error_pages);
        free(site->maintenance);
        free(site->upstream);
        texts_free(site->extensions);
        texts_free(site->also);
        texts_free(site->deny);
        free(site->resident_file);
        free(site->resident);
        free(site->front_controller);
        texts_free(site->index);
        texts_free(site->hosts);
        free(site->docroot);
        free(site->root);
        free(site->name);
        free(site);
        return NULL;
}
