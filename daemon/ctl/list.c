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
#include "ctl/field.h"
#include "ctl/output.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "ctl/view.h"
#include "util/log.h"

static int list_add_row(Table *table, const View *view) {
        char workers[80], busy[24], idle[24], max[24], queue[24], rate[32], since[48], memory[24];
        struct json_object *w = field_object(view->status, "workers");
        int64_t begin = field_int(view->status, "since_usec", -1), bytes = view_memory(view);
        uint64_t now = clock_wall_usec();
        int r;

        (void)snprintf(workers,
                       sizeof(workers),
                       "%s/%s/%s",
                       field_number(busy, sizeof(busy), field_int(w, "busy", -1)),
                       field_number(idle, sizeof(idle), field_int(w, "idle", -1)),
                       field_number(max, sizeof(max), field_int(w, "max", -1)));
        (void)snprintf(rate, sizeof(rate), "%.1f/s", MIN2(field_double(view->status, "rate"), 1e9));

        r = table_add(table,
                      (const char *const[]){
                              view->name,
                              view_state_string(view),
                              view->site,
                              field_string(view->status, "php") ?: view->php,
                              w ? workers : NULL,
                              field_number(queue, sizeof(queue), field_int(view->status, "queue", -1)),
                              view->status ? rate : NULL,
                              bytes >= 0 ? text_bytes(memory, sizeof(memory), (uint64_t)bytes) : NULL,
                              begin >= 0 && (uint64_t)begin <= now
                                      ? text_age(since, sizeof(since), now - (uint64_t)begin)
                                      : NULL,
                              view->root ?: field_string(view->status, "root"),
                      });
        if (r == 0)
                table_set_style(table, 1, view_style(view));
        return r;
}

/* The table has no room for the reason. */
static void list_complain(const char *name, const char *error) {
        _cleanup_(freep) char *clean = text_clean(error, 200);

        log_warning("'%s' is unreachable: %s", name, clean ?: "");
}

static int list_table(const Ctl *ctl, const Views *views) {
        static const char *const headers[] = {
                "NAME", "STATE", "SITE", "PHP", "WORKERS", "QUEUE", "RATE", "MEMORY", "SINCE", "ROOT",
        };
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        r = table_new(&table, headers, "llllrrrrrl", ELEMENTSOF(headers));
        for (size_t i = 0; r == 0 && i < views->n_views; i++)
                r = list_add_row(table, &views->views[i]);
        if (r < 0)
                return log_error_errno(r, "Failed to list the pools: %m");

        table_print(table, stdout, !ctl->no_legend, output_width());
        for (size_t i = 0; !ctl->no_legend && i < views->n_views; i++)
                if (views->views[i].error)
                        list_complain(views->views[i].name, views->views[i].error);
        return 0;
}

static int list_json(const Views *views) {
        struct json_object *array = json_object_new_array();
        int r = array ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < views->n_views; i++) {
                struct json_object *pool = view_to_json(&views->views[i]);

                if (!pool || json_object_array_add(array, pool) < 0) {
                        json_object_put(pool);
                        r = -ENOMEM;
                }
        }
        if (r == 0)
                r = text_print_json(stdout, array);
        json_object_put(array);

        return r < 0 ? log_error_errno(r, "Failed to list the pools: %m") : 0;
}

int verb_list(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(views_done) Views views = {};
        int r;

        r = views_load(&views, ctl);
        if (r < 0) {
                log_error_errno(r, "Failed to read '%s/conf.d': %m", ctl->config_dir);
                return EXIT_FAILURE;
        }

        r = ctl->json ? list_json(&views) : list_table(ctl, &views);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
