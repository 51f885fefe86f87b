/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What answers a path: a file, a script, a redirect, or an error
 */

#include "config/site.h"
#include "proxy/rules.h"

typedef struct Route Route;
typedef struct RouteEntry RouteEntry;
typedef struct RouteTree RouteTree;

enum {
        ROUTE_PATH_MAX = 4096, /* PATH_MAX: nothing longer can be opened */
};

typedef enum RouteEntryType {
        ROUTE_ENTRY_NONE,
        ROUTE_ENTRY_FILE, /* regular */
        ROUTE_ENTRY_DIRECTORY,
        ROUTE_ENTRY_OTHER, /* device, FIFO, socket */
} RouteEntryType;

struct RouteEntry {
        RouteEntryType type;
        /*
         * Where it really is, links resolved: below the document root or below
         * one of `also`. Starts with '/'. Holds until the next look-up.
         */
        const char *resolved;
};

/* The document root, as route.c asks about it. */
struct RouteTree {
        /* 0; -EACCES: may not be looked at; -EXDEV: a link leads where none may; other -errno. */
        int (*lookup)(RouteTree *tree, const char *path, RouteEntry *ret);
};

typedef enum RouteKind {
        ROUTE_FILE,     /* script: its path; the tree's last look-up was of it */
        ROUTE_SCRIPT,   /* script, path_info, pool */
        ROUTE_REDIRECT, /* status; script: what Location says, without the query of the request */
        ROUTE_ERROR,    /* status, reason */
} RouteKind;

struct Route {
        RouteKind kind;
        unsigned int status;
        const char *reason;        /* static string */
        int error;                 /* -errno of the tree, where that is what made it a 500; else 0 */
        char path[ROUTE_PATH_MAX]; /* decoded and normalised; the caller's input */
        char script[ROUTE_PATH_MAX];
        const char *resolved;  /* of a file or script: the tree's, see RouteEntry; NULL: nobody has looked */
        const char *path_info; /* "" or part of path */
        const char *filename;  /* of a script that is not below the document root, or NULL */
        const char *pool;      /* of the rule, or NULL: the site's */
};

/* Decides for route->path. Never fails: what goes wrong is a ROUTE_ERROR. */
void route_decide(Route *route, const SiteConfig *site, const Rules *rules, RouteTree *tree);
