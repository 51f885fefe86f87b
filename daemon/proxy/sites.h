/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One generation of the configuration, ready to serve
 */

#include "config/proxy.h"
#include "proxy/docroot.h"
#include "proxy/rules.h"
#include "proxy/target.h"
#include "proxy/upstream.h"

typedef struct Proxy Proxy;
typedef struct Site Site;
typedef struct SiteHost SiteHost;
typedef struct Sites Sites;

struct Site {
        const SiteConfig *config;
        Rules *rules;
        Upstream *upstream; /* borrowed of the proxy */
        Docroot docroot;
        Docroot *internal; /* one for each of config->internal */
        char *maintenance; /* path of the flag, or NULL */
        uint64_t maintenance_checked_usec;
        bool maintained;
        bool broken;
};

struct SiteHost {
        const char *name;
        Site *site; /* NULL: of a broken file */
};

/* Counted: a request that began under it keeps it. */
struct Sites {
        unsigned int n_refs;
        ProxyConfig *config; /* owned */
        Site *items;
        SiteHost *hosts; /* sorted by name */
        size_t n_hosts;
        Site *fallback;      /* without hosts, or NULL */
        bool broken_unnamed; /* a broken file whose hosts nobody knows */
        char broken[512];    /* names of broken sites, for people; "" */
        size_t n_broken;
        Targets targets;
};

enum {
        SITES_E_UNKNOWN = 1,
        SITES_E_BROKEN,
};

/* Logs each broken file. -EINVAL: proxy.conf is wrong, *reterr says how. */
int sites_load(Sites **ret, const char *config_dir, ConfigError *reterr);
/* Gives each site its Upstream among the proxy's. */
int sites_connect(Sites *sites, Proxy *proxy);

Sites *sites_ref(Sites *sites);
Sites *sites_unref(Sites *sites);
DEFINE_CLEANUP(Sites *, sites_unref);

/* Whether the site is closed for now. */
bool site_is_maintained(Site *site, uint64_t now_usec);

/* @host: lower case, without port; "": none given. */
int sites_find(const Sites *sites, const char *host, Site **ret);
