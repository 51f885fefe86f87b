/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl list: a line for each pool that is configured
 *
 * Looking wakes nobody: the control socket is opened by the manager itself, and
 * where there is none the pool sleeps.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include "ctl/names.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "ctl/view.h"
#include "util/log.h"

static int list_add_row(Table *table, const char *name, const View *view) {
        char workers[80], busy[24], idle[24], max[24], queue[24], requests[24], since[48], memory[24];
        struct json_object *w = view_object(view->status, "workers");
        int64_t begin = view_int(view->status, "since_usec", -1), bytes = view_memory(view);
        uint64_t now = clock_wall_usec();

        (void)snprintf(workers,
                       sizeof(workers),
                       "%s/%s/%s",
                       view_number(busy, sizeof(busy), view_int(w, "busy", -1)),
                       view_number(idle, sizeof(idle), view_int(w, "idle", -1)),
                       view_number(max, sizeof(max), view_int(w, "max", -1)));

        return table_add(
                table,
                (const char *const[]){
                        name,
                        view_state_string(view),
                        view_string(view->status, "php") ?: view->php,
                        w ? workers : NULL,
                        view_number(queue, sizeof(queue), view_int(view->status, "queue", -1)),
                        view_number(requests, sizeof(requests), view_int(view->status, "requests", -1)),
                        begin >= 0 && (uint64_t)begin <= now
                                ? text_age(since, sizeof(since), now - (uint64_t)begin)
                                : NULL,
                        bytes >= 0 ? text_bytes(memory, sizeof(memory), (uint64_t)bytes) : NULL,
                        view->root ?: view_string(view->status, "root"),
                });
}

/* The table has no room for the reason. */
static void list_complain(const char *name, const char *error) {
        _cleanup_(freep) char *clean = text_clean(error, 200);

        log_warning("'%s' is unreachable: %s", name, clean ?: "");
}

static int list_table(const Ctl *ctl, const Names *names) {
        static const char *const headers[] = {
                "NAME", "STATE", "PHP", "WORKERS", "QUEUE", "REQUESTS", "SINCE", "MEMORY", "ROOT",
        };
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        r = table_new(&table, headers, "lllrrrrrl", ELEMENTSOF(headers));
        for (size_t i = 0; r == 0 && i < names->n_items; i++) {
                _cleanup_(view_done) View view = {};

                if (names->items[i].error)
                        continue;
                r = view_load(&view, ctl, names->items[i].name);
                if (r == 0)
                        r = list_add_row(table, names->items[i].name, &view);
                if (r == 0 && view.error && ctl->legend)
                        list_complain(names->items[i].name, view.error);
        }
        if (r < 0)
                return log_error_errno(r, "Failed to list the pools: %m");

        table_print(table, stdout, ctl->legend, ctl_terminal_width());
        return 0;
}

/* Consumes @value. */
static int list_json_add(struct json_object *object, const char *key, struct json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(object, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

static int list_json_pool(struct json_object *array, const char *name, const View *view) {
        struct json_object *pool = json_object_new_object();
        int r;

        if (!pool)
                return -ENOMEM;
        if (json_object_array_add(array, pool) < 0) {
                json_object_put(pool);
                return -ENOMEM;
        }

        r = list_json_add(pool, "name", json_object_new_string(name));
        if (r == 0)
                r = list_json_add(pool, "state", json_object_new_string(view_state_string(view)));
        if (r == 0 && view->root)
                r = list_json_add(pool, "root", json_object_new_string(view->root));
        if (r == 0 && view->error)
                r = list_json_add(pool, "error", json_object_new_string(view->error));
        if (r == 0 && view->status)
                r = list_json_add(pool, "status", json_object_get(view->status));
        return r;
}

static int list_json(const Ctl *ctl, const Names *names) {
        struct json_object *array = json_object_new_array();
        int r = array ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < names->n_items; i++) {
                _cleanup_(view_done) View view = {};

                if (names->items[i].error)
                        continue;
                r = view_load(&view, ctl, names->items[i].name);
                if (r == 0)
                        r = list_json_pool(array, names->items[i].name, &view);
        }
        if (r == 0)
                r = text_write_json(stdout,
                                    json_object_to_json_string_ext(array,
                                                                   JSON_C_TO_STRING_PRETTY |
                                                                           JSON_C_TO_STRING_SPACED |
                                                                           JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(array);

        return r < 0 ? log_error_errno(r, "Failed to list the pools: %m") : 0;
}

int verb_list(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(names_done) Names names = {};
        int r;

        r = names_load(&names, ctl->config_dir);
        if (r < 0) {
                log_error_errno(r, "Failed to read '%s/conf.d': %m", ctl->config_dir);
                return EXIT_FAILURE;
        }

        r = ctl->json ? list_json(ctl, &names) : list_table(ctl, &names);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
