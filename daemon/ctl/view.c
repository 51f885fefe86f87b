/* SPDX-License-Identifier: MIT */
/*
 * What can be seen of a pool
 *
 * Its file says what it is to be, its control socket what it is, and where it
 * has none systemd says why. Looking wakes nobody: the socket is opened by the
 * manager itself. The status is the word of whoever holds it (field.h). How it is told
 * is in view-words.c.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include "config/pool.h"
#include "ctl/ask.h"
#include "ctl/field.h"
#include "ctl/php.h"
#include "ctl/unit.h"
#include "ctl/view.h"
#include "ipc/varlink-client.h"

int view_call(const Ctl *ctl,
              const char *name,
              const char *method,
              struct json_object *parameters,
              uint64_t timeout_usec,
              VarlinkReply *ret) {
        _cleanup_(freep) char *path = NULL;

        if (asprintf(&path, "%s/%s/control", ctl->run_dir, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        return varlink_client_call(path, timeout_usec, method, parameters, ret);
}

static int view_load_config(View *view, const Ctl *ctl) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        ConfigError error = {};
        char **hosts;

        /* what is wrong with the file says `check` */
        if (pool_config_load(&config, ctl->config_dir, view->name, &error) < 0)
                return 0;

        hosts = config->site->hosts;
        if (!hosts[0])
                view->site = strdup("(default)");
        else if (!hosts[1])
                view->site = strdup(hosts[0]);
        else if (asprintf(&view->site, "%s, ...", hosts[0]) < 0)
                view->site = NULL;
        view->root = TAKE_PTR(config->root);
        view->php = TAKE_PTR(config->php_version);
        return view->site ? 0 : -ENOMEM;
}

static int view_unreachable(View *view, const char *error) {
        view->state = VIEW_UNREACHABLE;
        view->error = strdup(error);
        return view->error ? 0 : -ENOMEM;
}

static int view_take_status(View *view, const Ask *ask) {
        struct json_object *status;

        if (ask->result < 0 && !view_strerror(ask->result)) {
                view->state = VIEW_SLEEPING;
                return 0;
        }
        if (ask->result < 0)
                return view_unreachable(view, view_strerror(ask->result));
        if (ask->reply.error)
                return view_unreachable(view, ask->reply.error);

        status = field_object(ask->reply.parameters, "status");
        if (!status)
                return view_unreachable(view, view_strerror(-EBADMSG));

        view->state = VIEW_AWAKE;
        view->status = json_object_get(status);
        return 0;
}

static int view_ask(View *views, size_t n_views, const Ctl *ctl) {
        Ask *asks = calloc(n_views, sizeof(*asks));
        char **paths = calloc(n_views, sizeof(*paths));
        int r = asks && paths ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < n_views; i++) {
                if (asprintf(&paths[i], "%s/%s/control", ctl->run_dir, views[i].name) < 0) {
                        paths[i] = NULL;
                        r = -ENOMEM;
                }
                asks[i].path = paths[i];
        }
        if (r == 0)
                r = ask_all(asks, n_views, CTL_INTERFACE ".GetStatus", ctl->status_usec);
        for (size_t i = 0; asks && paths && i < n_views; i++) {
                if (r == 0)
                        r = view_take_status(&views[i], &asks[i]);
                ask_done(&asks[i]);
                free(paths[i]);
        }

        free(paths);
        free(asks);
        return r;
}

/* What systemd has to do before a pool without a manager answers again. NULL: the manager runs. */
static const char *view_unit_word(const Units *units, const char *name) {
        char id[UNIT_NAME_MAX];
        int service = units_find(units, unit_name(id, sizeof(id), name, "service"));
        int socket = units_find(units, unit_name(id, sizeof(id), name, "socket"));
        const char *active = service >= 0 ? units_get(units, (size_t)service, "ActiveState") : "inactive";
        const char *sub = service >= 0 ? units_get(units, (size_t)service, "SubState") : "dead";
        const char *listening = socket >= 0 ? units_get(units, (size_t)socket, "ActiveState") : "inactive";

        if (strcmp(sub, "auto-restart") == 0)
                return "restarting"; /* it dies as soon as it starts */
        if (strcmp(active, "active") == 0 || strcmp(active, "reloading") == 0)
                return NULL;
        if (strcmp(active, "activating") == 0)
                return "starting";
        if (strcmp(active, "failed") == 0 || strcmp(listening, "failed") == 0)
                return "failed";
        return strcmp(listening, "active") == 0 ? "sleeping" : "stopped";
}

/* Its scripts can remove the control socket, and no words of the pool tell that from a sleeping one. */
static int view_look_behind(View *view, const Ctl *ctl) {
        int r = view_ask(view, 1, ctl); /* it may have been started just now */

        if (r < 0 || view->state != VIEW_SLEEPING)
                return r;
        return view_unreachable(view, "it runs, but its control socket is gone; a restart makes a new one");
}

static int view_look_at_units(View *views, size_t n_views, const Ctl *ctl) {
        _cleanup_(units_done) Units units = {};
        int r = 0;

        /* it only makes a word more exact */
        if (units_load(&units, "php-pool@*", "Id,ActiveState,SubState") < 0)
                return 0;

        for (size_t i = 0; r == 0 && i < n_views; i++) {
                if (views[i].state != VIEW_SLEEPING)
                        continue;
                views[i].unit_word = view_unit_word(&units, views[i].name);
                if (!views[i].unit_word)
                        r = view_look_behind(&views[i], ctl);
        }
        return r;
}

/* What a pool that does not say it will have, if its file names none. */
static int view_fill_versions(View *views, size_t n_views, const Ctl *ctl) {
        _cleanup_(freep) char *newest = NULL;
        int r = php_find_newest(&newest, ctl);

        for (size_t i = 0; r == 0 && newest && i < n_views; i++) {
                if (views[i].status || views[i].php)
                        continue;
                views[i].php = strdup(newest);
                r = views[i].php ? 0 : -ENOMEM;
        }
        return r;
}

static int view_load_all(View *views, size_t n_views, const Ctl *ctl) {
        bool sleeping = false;
        int r = 0;

        for (size_t i = 0; r == 0 && i < n_views; i++)
                r = view_load_config(&views[i], ctl);
        if (r == 0 && n_views > 0)
                r = view_ask(views, n_views, ctl);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n_views; i++)
                sleeping = sleeping || views[i].state == VIEW_SLEEPING;
        if (sleeping && ctl->systemd)
                r = view_look_at_units(views, n_views, ctl);
        return r == 0 && sleeping ? view_fill_versions(views, n_views, ctl) : r;
}

int view_load(View *ret, const Ctl *ctl, const char *name) {
        View view = { .name = name };
        int r;

        r = view_load_all(&view, 1, ctl);
        if (r < 0) {
                view_done(&view);
                return r;
        }

        *ret = view;
        return 0;
}

int views_load(Views *ret, const Ctl *ctl) {
        _cleanup_(views_done) Views views = {};
        int r;

        r = names_load(&views.names, ctl->config_dir);
        if (r < 0)
                return r;
        views.views = calloc(MAX2(views.names.n_items, (size_t)1), sizeof(*views.views));
        if (!views.views)
                return -ENOMEM;
        for (size_t i = 0; i < views.names.n_items; i++)
                if (!views.names.items[i].error)
                        views.views[views.n_views++].name = views.names.items[i].name;
        r = view_load_all(views.views, views.n_views, ctl);
        if (r < 0)
                return r;

        *ret = views;
        views = (Views){};
        return 0;
}

int view_load_proxy(View *ret, const Ctl *ctl, const char *path) {
        Ask ask = { .path = path };
        View view = { .name = "(proxy)" };
        int r;

        r = ask_all(&ask, 1, "io.phppool.Proxy.GetStatus", ctl->status_usec);
        if (r == 0)
                r = view_take_status(&view, &ask);
        ask_done(&ask);
        if (r < 0) {
                view_done(&view);
                return r;
        }

        *ret = view;
        return 0;
}

void views_done(Views *views) {
        for (size_t i = 0; i < views->n_views; i++)
                view_done(&views->views[i]);
        free(views->views);
        names_done(&views->names);
        *views = (Views){};
}

void view_done(View *view) {
        json_object_put(view->status);
        free(view->error);
        free(view->php);
        free(view->site);
        free(view->root);
        *view = (View){};
}
