/* SPDX-License-Identifier: MIT */
/*
 * What answers a path
 *
 * In this order: hidden (404) and denied (403) paths; the site's rules; the
 * first existing script while the segments are walked from the left, the rest
 * being PATH_INFO; the file of that name; the directory, by redirect or by its
 * index; the resident script or the front controller; 404.
 *
 * The workers of a pool with a resident script give it every request, whatever
 * script the request names. So nobody has to look whether it exists, and a
 * directory without an index is a URL of the application like any other.
 *
 * Three promises hold for every answer, and are checked on what the links
 * lead to as well as on what was asked for: nothing that is named like PHP is
 * sent as a file, nothing without an allowed extension is run as a script, and
 * nothing hidden, denied or named like an editor's copy is served. The names
 * are compared as bytes, with their case: folding is how others let a.PHP or
 * a Unicode look-alike become a script (CVE-2026-24895).
 *
 * Questions about the file system go through RouteTree, so that the decision
 * can be tested on a tree in memory.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "http/uri.h"
#include "proxy/route.h"

typedef struct Decision {
        Route *route;
        const SiteConfig *site;
        RouteTree *tree;
} Decision;

static void route_error(Route *route, unsigned int status, const char *reason) {
        route->kind = ROUTE_ERROR;
        route->status = status;
        route->reason = reason;
}

static bool site_denies(const SiteConfig *site, const char *path) {
        for (char **p = site->deny; *p; p++)
                if (http_path_match(*p, path))
                        return true;
        return false;
}

/* Whether the last segment ends in an allowed extension and has something before it. */
static bool site_executes(const SiteConfig *site, const char *path, size_t size) {
        for (char **p = site->extensions; *p; p++) {
                size_t n = strlen(*p);

                if (size > n && memcmp(path + size - n, *p, n) == 0 && path[size - n - 1] != '/')
                        return true;
        }
        return false;
}

static int route_lookup(Decision *d, const char *path, RouteEntry *ret) {
        int r = d->tree->lookup(d->tree, path, ret);

        switch (r) {
        case 0:
                return 0;
        case -EACCES:
                route_error(d->route, 403, "the proxy may not look at it: permissions");
                return r;
        case -EXDEV:
                route_error(
                        d->route,
                        403,
                        "a symbolic link leads out of the document root and not into an 'also' directory");
                return r;
        case -ELOOP:
                route_error(d->route, 403, "too many symbolic links");
                return r;
        default:
                route_error(d->route, 500, "the document root cannot be read");
                d->route->error = r;
                return r;
        }
}

/* The script named route->script exists: may it run? */
static void route_take_script(Decision *d, const RouteEntry *entry, const char *path_info) {
        Route *route = d->route;

        if (http_path_is_hidden(entry->resolved) || http_path_is_hidden(route->script))
                route_error(route, 404, "hidden");
        else if (site_denies(d->site, route->script) || site_denies(d->site, entry->resolved))
                route_error(route, 403, "denied by the site's configuration");
        else if (!site_executes(d->site, route->script, strlen(route->script)) ||
                 !site_executes(d->site, entry->resolved, strlen(entry->resolved)))
                route_error(route, 403, "not an allowed extension for a script");
        else {
                route->kind = ROUTE_SCRIPT;
                route->resolved = entry->resolved;
                route->path_info = path_info;
        }
}

/* The file named route->script exists and is no script: may it be sent? */
static void route_take_file(Decision *d, const RouteEntry *entry) {
        Route *route = d->route;
        const char *const names[] = { route->script, entry->resolved };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                if (http_path_is_hidden(names[i]) || http_path_is_backup(names[i])) {
                        route_error(route, 404, "hidden");
                        return;
                }
                if (site_denies(d->site, names[i])) {
                        route_error(route, 403, "denied by the site's configuration");
                        return;
                }
                if (http_path_is_source(names[i]) || site_executes(d->site, names[i], strlen(names[i])) ||
                    (d->site->resident && strcmp(d->site->resident, names[i]) == 0)) {
                        route_error(route, 403, "source code is not sent");
                        return;
                }
        }

        route->kind = ROUTE_FILE;
        route->resolved = entry->resolved;
}

static void route_take_entry(Decision *d, const RouteEntry *entry) {
        if (entry->type != ROUTE_ENTRY_FILE)
                route_error(d->route, 403, "not a regular file");
        else if (site_executes(d->site, d->route->script, strlen(d->route->script)))
                route_take_script(d, entry, "");
        else
                route_take_file(d, entry);
}

/* A script that the configuration names: by a rule or as front controller. */
static void route_take_named(Decision *d, const char *missing) {
        RouteEntry entry;

        if (route_lookup(d, d->route->script, &entry) < 0)
                return;
        if (entry.type == ROUTE_ENTRY_FILE)
                route_take_script(d, &entry, "");
        else
                route_error(d->route, 404, missing);
}

/* A path of our own must not become the name of another host: "//host". */
static void route_take_redirect(Route *route, const SiteRule *rule, const char *location) {
        while (location[0] == '/' && location[1] == '/')
                location++;
        memmove(route->script, location, strlen(location) + 1);
        route->kind = ROUTE_REDIRECT;
        route->status = rule->status ? (unsigned int)atoi(rule->status) : 302;
}

/* True: decided. */
static bool route_by_rules(Decision *d, const Rules *rules) {
        Route *route = d->route;
        const char *script = route->script;
        const SiteRule *rule;
        int r;

        if (d->site->n_rules == 0)
                return false;

        r = rules_match(rules, route->path, route->script, sizeof(route->script), &rule);
        if (r == RULES_E_NONE)
                return false;

        /* captures may have put together what the request could not say: "..", "%" stays as it is */
        if (r == 0 && rule->redirect)
                route_take_redirect(route, rule, route->script);
        else if (r != 0 || script[0] != '/' || strstr(script, "//") || strstr(script, "/../") ||
                 strstr(script, "/./"))
                route_error(route, 404, "a rule gave no usable script");
        else {
                route->pool = rule->pool;
                route_take_named(d, "the script of a rule does not exist");
        }

        return true;
}

/* True: decided. The first regular file with an allowed extension, from the left. */
static bool route_by_script(Decision *d) {
        Route *route = d->route;
        size_t position = 0;
        RouteEntry entry;

        while (http_path_next(route->path, &position)) {
                if (!site_executes(d->site, route->path, position))
                        continue;

                memcpy(route->script, route->path, position);
                route->script[position] = '\0';
                if (route_lookup(d, route->script, &entry) < 0)
                        return true;
                if (entry.type == ROUTE_ENTRY_FILE) {
                        route_take_script(d, &entry, route->path + position);
                        return true;
                }
                if (entry.type == ROUTE_ENTRY_NONE)
                        return false; /* nothing can stand below it */
        }

        return false;
}

/* True: decided. @size: of the directory's path, without the '/' at its end. */
static bool route_by_index(Decision *d, size_t size) {
        Route *route = d->route;
        RouteEntry entry;

        for (char **name = d->site->index; *name; name++) {
                size_t n = strlen(*name);

                if (n + 1 >= sizeof(route->script) - size)
                        continue;
                memcpy(route->script, route->path, size);
                route->script[size] = '/';
                memcpy(route->script + size + 1, *name, n + 1);

                if (route_lookup(d, route->script, &entry) < 0)
                        return true;
                if (entry.type == ROUTE_ENTRY_FILE) {
                        route_take_entry(d, &entry);
                        return true;
                }
        }

        return false;
}

/* By path alone, and one that was normalised: "//host" cannot come back as another site. */
static void route_add_slash(Route *route) {
        size_t size;

        if (http_path_encode(route->path, route->script, sizeof(route->script) - 1) != 0) {
                route_error(route, 414, "the redirect would be too long");
                return;
        }
        size = strlen(route->script);
        memcpy(route->script + size, "/", 2);
        route->kind = ROUTE_REDIRECT;
        route->status = 301;
}

/* True: decided. */
static bool route_by_file(Decision *d) {
        Route *route = d->route;
        size_t size = strlen(route->path);
        bool slash = route->path[size - 1] == '/';
        RouteEntry entry;

        memcpy(route->script, route->path, size + 1);
        if (slash && size > 1)
                route->script[size - 1] = '\0';

        if (route_lookup(d, route->script, &entry) < 0)
                return true;

        switch (entry.type) {
        case ROUTE_ENTRY_NONE:
                return false;
        case ROUTE_ENTRY_DIRECTORY:
                if (slash)
                        return route_by_index(d, size - 1);
                if (d->site->resident && !route_by_index(d, size))
                        return false;
                route_add_slash(d->route);
                return true;
        case ROUTE_ENTRY_FILE:
        case ROUTE_ENTRY_OTHER:
                if (slash)
                        return false; /* a file has nothing below it */
                route_take_entry(d, &entry);
                return true;
        default:
                assert(false);
                return false;
        }
}

static void route_by_front_controller(Decision *d) {
        Route *route = d->route;

        if (d->site->resident && strlen(d->site->resident) < sizeof(route->script)) {
                memcpy(route->script, d->site->resident, strlen(d->site->resident) + 1);
                route->filename = d->site->resident_file;
                route->kind = ROUTE_SCRIPT;
                return;
        }

        if (!d->site->front_controller || strlen(d->site->front_controller) >= sizeof(route->script)) {
                route_error(route, 404, "no such file");
                return;
        }

        (void)snprintf(route->script, sizeof(route->script), "%s", d->site->front_controller);
        route_take_named(d, "the front controller does not exist");
}

/* Whether the part of the path that names files is hidden: PATH_INFO behind a script may look like anything. */
static bool route_is_hidden(const Decision *d) {
        const char *path = d->route->path;
        char prefix[ROUTE_PATH_MAX];
        size_t position = 0;

        if (!http_path_is_hidden(path))
                return false;

        while (http_path_next(path, &position))
                if (site_executes(d->site, path, position)) {
                        memcpy(prefix, path, position);
                        prefix[position] = '\0';
                        return http_path_is_hidden(prefix);
                }

        return true;
}

void route_decide(Route *route, const SiteConfig *site, const Rules *rules, RouteTree *tree) {
        Decision d = { .route = route, .site = site, .tree = tree };

        assert(route->path[0] == '/');

        route->error = 0;
        route->resolved = NULL;
        route->path_info = "";
        route->filename = NULL;
        route->pool = NULL;
        route->script[0] = '\0';

        if (route_is_hidden(&d))
                route_error(route, 404, "hidden");
        else if (site_denies(site, route->path))
                route_error(route, 403, "denied by the site's configuration");
        else if (!route_by_rules(&d, rules) && !route_by_script(&d) && !route_by_file(&d))
                route_by_front_controller(&d);
}
