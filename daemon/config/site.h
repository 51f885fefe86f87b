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

typedef struct SiteAccess SiteAccess;
typedef struct SiteCacheControl SiteCacheControl;
typedef struct SiteConfig SiteConfig;
typedef struct SiteInternal SiteInternal;
typedef struct SiteRule SiteRule;

typedef enum SiteHttps {
        SITE_HTTPS_ANY,
        SITE_HTTPS_REDIRECT, /* what came in the clear is sent there */
} SiteHttps;

/* Each of these holds strings alone, so that one function frees them. */

struct SiteRule {
        char *match;    /* PCRE2 pattern on the decoded path */
        char *script;   /* "/info.php", with $1..$9; or NULL */
        char *pool;     /* another pool, or NULL */
        char *redirect; /* instead of script: a path or URL, with $1..$9 */
        char *status;   /* of the redirect, or NULL: 302 */
};

struct SiteAccess {
        char *path; /* a pattern as in deny */
        char *from; /* ranges of addresses, separated by spaces: who may see it */
};

struct SiteCacheControl {
        char *extensions; /* ".css .js" */
        char *value;      /* "max-age=3600" */
};

struct SiteInternal {
        char *path; /* "/protected": where an application says that files are */
        char *root; /* absolute: where they are */
};

struct SiteConfig {
        char *name;    /* of the pool: file name without .conf */
        char *root;    /* absolute */
        char *docroot; /* absolute: root joined with site.docroot */
        char **hosts; /* lower case, "example.org" or "*.example.org"; NULL-terminated; empty: default site */
        char **index;           /* NULL-terminated */
        char *front_controller; /* "/index.php" or NULL */
        char *resident;         /* SCRIPT_NAME of the pool's resident script, or NULL */
        char *resident_file;    /* absolute: where it is, if not below docroot under that name; or NULL */
        char **deny;            /* glob patterns, "*" crosses "/"; NULL-terminated */
        char **also;            /* absolute directories; NULL-terminated */
        char **extensions;      /* security.extensions: [".php"]; NULL-terminated */
        SiteRule *rules;
        size_t n_rules;
        SiteAccess *access;
        size_t n_access;
        SiteCacheControl *cache_control;
        size_t n_cache_control;
        SiteInternal *internal;
        size_t n_internal;
        char **headers;     /* "Name: value", added to what is answered */
        char **error_pages; /* "404 /404.html" */
        char *maintenance;  /* relative to root, or NULL: while this file exists the site answers 503 */
        char *upstream;     /* "tcp:...", "vsock:...", a socket's path, or NULL: the pool's own socket */
        bool precompressed; /* file.br, file.zst and file.gz are sent instead of file */
        SiteHttps https;
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

/* After the table was loaded: what concerns several keys; host names become lower case. */
int site_config_check(SiteConfig *site, const ConfigFile *file, ConfigError *reterr);

/* @path: of the pool's resident script, relative to root, or NULL. Once root and docroot are known. -ENOMEM. */
int site_config_place_resident(SiteConfig *site, const char *path);

/* The valid host names of a file that is otherwise wrong, in lower case. -ENOMEM. */
int site_config_read_hosts(char ***ret, const ConfigFile *file);
