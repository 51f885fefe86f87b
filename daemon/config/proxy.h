/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The proxy's own file, proxy.conf, and the sites of conf.d
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "config/loader.h"
#include "config/site.h"
#include "util/cleanup.h"

typedef struct ProxyConfig ProxyConfig;
typedef struct ProxyBrokenSite ProxyBrokenSite;

/* A file of conf.d that could not be used. Its hosts (as far as they could be read) get 503. */
struct ProxyBrokenSite {
        char *name;
        char **hosts;
        ConfigError error;
};

typedef enum ProxyTrustedHeader {
        PROXY_TRUSTED_X_FORWARDED, /* X-Forwarded-For and its relatives */
        PROXY_TRUSTED_FORWARDED,   /* RFC 7239 */
} ProxyTrustedHeader;

typedef enum ProxyUnknownHost {
        PROXY_UNKNOWN_HOST_404,
        PROXY_UNKNOWN_HOST_421,
        PROXY_UNKNOWN_HOST_CLOSE,
} ProxyUnknownHost;

typedef enum ProxyLogAccess {
        PROXY_LOG_OFF,
        PROXY_LOG_ERRORS,
        PROXY_LOG_ALL,
} ProxyLogAccess;

typedef enum ProxyLogFormat {
        PROXY_LOG_JOURNAL,
        PROXY_LOG_COMBINED,
} ProxyLogFormat;

struct ProxyConfig {
        char *socket_dir;   /* /run/php-pool: NAME.sock stands in it */
        uint64_t processes; /* 0: one per processor */
        char **trusted;     /* ranges of addresses of proxies before this one; NULL-terminated */
        ProxyTrustedHeader trusted_header;
        ProxyUnknownHost unknown_host;
        ProxyLogAccess log_access;
        ProxyLogFormat log_format;
        uint64_t header_usec; /* whole request head, default 30s */
        uint64_t body_usec;   /* most silence inside a body, default 60s */
        uint64_t keep_usec;   /* idle keep-alive, default 75s */
        uint64_t send_usec;   /* most time without progress when sending, default 60s */
        uint64_t stop_usec;   /* a stop waits this long for requests, default 30s */
        uint64_t
                idle_exit_usec; /* without a connection for this time the program ends; USEC_INFINITY: never */
        uint64_t connections_max;   /* default 16384 */
        uint64_t client_max;        /* connections of one client, default 1024; 0: any number */
        uint64_t head_max;          /* bytes of a request head, default 32K */
        uint64_t response_head_max; /* bytes of a CGI response head, default 64K */
        uint64_t
                response_memory; /* bytes of an answer that the client has not taken, default 64K; more go to a file */
        uint64_t response_file; /* most bytes of such a file, default 1G; 0: none is made */
        uint64_t body_memory;   /* body bytes kept in memory before they go to a file, default 64K */

        SiteConfig **sites; /* owned */
        size_t n_sites;
        ProxyBrokenSite *broken; /* owned */
        size_t n_broken;
};

/*
 * Reads CONFIG_DIR/proxy.conf (may be absent: defaults) and CONFIG_DIR/conf.d.
 * A broken file in conf.d is no failure: it is listed in broken. Two sites with
 * one host name, or two default sites, make the later (by name) a broken one.
 */
int proxy_config_load(ProxyConfig **ret, const char *config_dir, ConfigError *reterr);
ProxyConfig *proxy_config_free(ProxyConfig *config);
int proxy_config_dump(const ProxyConfig *config, FILE *f);

DEFINE_CLEANUP(ProxyConfig *, proxy_config_free);
