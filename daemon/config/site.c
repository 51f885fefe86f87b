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
                .required = true,
                .check = check_script,
        },
        {
                .group = "site.rules",
                .name = "pool",
                .offset = offsetof(SiteRule, pool),
                .check = check_pool,
        },
};

static const ConfigKey site_keys[] = {
        { KEY("hosts", CONFIG_KEY_TEXTS, hosts), .check = check_host },
        { KEY("docroot", CONFIG_KEY_TEXT, docroot), .check = check_below },
        { KEY("index", CONFIG_KEY_TEXTS, index), .fallback = "index.php index.html", .check = check_index },
        { KEY("front_controller", CONFIG_KEY_TEXT, front_controller), .check = check_script },
        { KEY("deny", CONFIG_KEY_TEXTS, deny), .check = check_pattern },
        { KEY("also", CONFIG_KEY_TEXTS, also), .check = check_directory },
        {
                KEY("rules", CONFIG_KEY_GROUPS, rules),
                .keys = rule_keys,
                .n_keys = ELEMENTSOF(rule_keys),
                .size = sizeof(SiteRule),
                .count_offset = offsetof(SiteConfig, n_rules),
        },
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

int site_config_check_hosts(SiteConfig *site, const ConfigFile *file, ConfigError *reterr) {
        for (size_t i = 0; site->hosts[i]; i++) {
                host_to_lower(site->hosts[i]);
                if (texts_have(site->hosts, i, site->hosts[i]))
                        return config_error(reterr,
                                            config_file_path(file),
                                            config_file_element_line(file, "site.hosts", i),
                                            "site.hosts has \"%s\" twice",
                                            site->hosts[i]);
        }

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

SiteConfig *site_config_free(SiteConfig *site) {
        if (!site)
                return NULL;

        for (size_t i = 0; i < site->n_rules; i++) {
                free(site->rules[i].match);
                free(site->rules[i].script);
                free(site->rules[i].pool);
        }
        free(site->rules);
        texts_free(site->extensions);
        texts_free(site->also);
        texts_free(site->deny);
        free(site->front_controller);
        texts_free(site->index);
        texts_free(site->hosts);
        free(site->docroot);
        free(site->root);
        free(site->name);
        free(site);
        return NULL;
}
