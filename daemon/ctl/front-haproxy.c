/* SPDX-License-Identifier: MIT */
/*
 * What HAProxy sends to FastCGI
 *
 * A `server` line with "proto fcgi" in a backend that uses an fcgi-app. What goes
 * wrong: of the request's headers Authorization is left out unless the fcgi-app
 * has a pass-header for it (HAProxy's configuration manual, section 10.1.1).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "ctl/front.h"
#include "util/fd.h"

enum {
        HAPROXY_APPS_MAX = 64,
        HAPROXY_WORDS_MAX = 32,
};

typedef struct HaproxyApp HaproxyApp;

struct HaproxyApp {
        const char *name, *root;
        bool passes_authorization;
};

static size_t haproxy_split(char *line, char **words) {
        char *saved = NULL;
        size_t n = 0;

        for (char *word = strtok_r(line, " \t\r", &saved); word && n < HAPROXY_WORDS_MAX;
             word = strtok_r(NULL, " \t\r", &saved)) {
                if (*word == '#')
                        break;
                words[n++] = word;
        }

        return n;
}

/* Section and directives of an fcgi-app. */
static void haproxy_on_app(HaproxyApp *app, char **words, size_t n) {
        if (n > 1 && strcmp(words[0], "docroot") == 0)
                app->root = words[1];
        if (n > 1 && strcmp(words[0], "pass-header") == 0 && strcasecmp(words[1], "authorization") == 0)
                app->passes_authorization = true;
}

static bool haproxy_is_section(const char *word) {
        static const char *const sections[] = { "global",    "defaults", "frontend", "backend",
                                                "listen",    "fcgi-app", "userlist", "peers",
                                                "resolvers", "cache",    "program",  "mailers" };

        for (size_t i = 0; i < ELEMENTSOF(sections); i++)
                if (strcmp(sections[i], word) == 0)
                        return true;

        return false;
}

static int haproxy_add(Fronts *fronts, const char *path, unsigned int line, const char *address) {
        Front *front = fronts_add(fronts, FRONT_HAPROXY, path, line, address);

        if (!front)
                return -ENOMEM;
        front->user = strdup("haproxy");
        front->loses_authorization = true; /* until its app is known */
        return front->user ? 0 : -ENOMEM;
}

/* The backends may stand before the apps: names first, then what they stand for. */
static int haproxy_finish(Fronts *fronts,
                          size_t first,
                          const char *const *uses,
                          const HaproxyApp *apps,
                          size_t n_apps) {
        for (size_t i = first; i < fronts->n_items; i++)
                for (size_t k = 0; uses[i - first] && k < n_apps; k++) {
                        if (strcmp(apps[k].name, uses[i - first]) != 0)
                                continue;
                        fronts->items[i].loses_authorization = !apps[k].passes_authorization;
                        if (apps[k].root && !fronts->items[i].root)
                                fronts->items[i].root = strdup(apps[k].root);
                }

        return 0;
}

int front_haproxy_load(Fronts *fronts, const char *directory) {
        _cleanup_(freep) char *text = NULL;
        HaproxyApp apps[HAPROXY_APPS_MAX] = {};
        const char *uses[HAPROXY_APPS_MAX] = {}, *used = NULL;
        size_t n_apps = 0, first = fronts->n_items, size;
        unsigned int number = 0;
        bool in_app = false;
        char path[PATH_MAX];
        int r = 0;

        (void)snprintf(path, sizeof(path), "%s/haproxy/haproxy.cfg", directory);
        if (fd_read_file(path, FRONT_FILE_MAX, &text, &size) < 0)
                return 0;

        for (char *line = text, *next; r == 0 && line; line = next) {
                char *words[HAPROXY_WORDS_MAX], *end = strchr(line, '\n');
                size_t n;

                next = end ? end + 1 : NULL;
                if (end)
                        *end = '\0';
                number++;
                n = haproxy_split(line, words);
                if (n == 0)
                        continue;
                if (haproxy_is_section(words[0])) {
                        in_app = strcmp(words[0], "fcgi-app") == 0 && n > 1 && n_apps < HAPROXY_APPS_MAX;
                        used = NULL;
                        if (in_app)
                                apps[n_apps++] = (HaproxyApp){ .name = words[1] };
                } else if (in_app) {
                        haproxy_on_app(&apps[n_apps - 1], words, n);
                } else if (strcmp(words[0], "use-fcgi-app") == 0 && n > 1) {
                        used = words[1];
                } else if (strcmp(words[0], "server") == 0 && n > 2 && used &&
                           fronts->n_items - first < HAPROXY_APPS_MAX) {
                        uses[fronts->n_items - first] = used;
                        r = haproxy_add(fronts, path, number, words[2]);
                }
        }

        return r < 0 ? r : haproxy_finish(fronts, first, uses, apps, n_apps);
}
