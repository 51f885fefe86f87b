/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The HTTP side of a site: the `site` group of conf.d/NAME.conf, for the proxy.
 * All strings are owned by the SiteConfig.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "config/keys.h"
#include "config/loader.h"
#include "util/cleanup.h"

typedef struct SiteConfig SiteConfig;
typedef struct SiteRule SiteRule;

struct SiteRule {
        char *match;  /* PCRE2 pattern on the decoded path */
        char *script; /* "/info.php", with $1..$9 */
        char *pool;   /* another pool, or NULL */
};

struct SiteConfig {
        char *name;    /* of the pool: file name without .conf */
        char *root;    /* absolute */
        char *docroot; /* absolute: root joined with site.docroot */
        char **hosts; /* lower case, "example.org" or "*.example.org"; NULL-terminated; empty: default site */
        char **index;           /* NULL-terminated */
        char *front_controller; /* "/index.php" or NULL */
        char **deny;            /* glob patterns, "*" crosses "/"; NULL-terminated */
        char **also;            /* absolute directories; NULL-terminated */
        char **extensions;      /* security.extensions: [".php"]; NULL-terminated */
        SiteRule *rules;
        size_t n_rules;
        uint64_t request_usec; /* timeouts.request; USEC_INFINITY: none */
        uint64_t queue_usec;   /* timeouts.queue */
        uint64_t kill_usec;    /* timeouts.kill */
        uint64_t workers_max;  /* workers.max: bound of kept connections */
        uint64_t body_max;     /* limits.body, bytes; 0: none */
};

SiteConfig *site_config_free(SiteConfig *site);

DEFINE_CLEANUP(SiteConfig *, site_config_free);

/* For pool.c, which reads the whole file: the keys of the group. */
ConfigTable site_config_table(SiteConfig *site);

/* After the table was loaded: host names to lower case. -EINVAL: one is there twice. */
int site_config_check_hosts(SiteConfig *site, const ConfigFile *file, ConfigError *reterr);

/* The valid host names of a file that is otherwise wrong, in lower case. -ENOMEM. */
int site_config_read_hosts(char ***ret, const ConfigFile *file);
