/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl status: one pool, or all, in detail
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>
#include "ctl/names.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "ctl/view.h"
#include "util/log.h"

#define STATUS_KEY_WIDTH 12
#define STATUS_VALUE_MAX 2048U

static void status_line(const char *key, const char *value) {
        _cleanup_(freep) char *clean = value ? text_clean(value, STATUS_VALUE_MAX) : NULL;

        if (clean && *clean)
                printf("%*s: %s\n", STATUS_KEY_WIDTH, key, clean);
}

static void status_since(struct json_object *status) {
        int64_t begin = view_int(status, "since_usec", -1);
        uint64_t now = clock_wall_usec();
        char text[160], date[64], age[48];
        struct tm tm;
        time_t t;

        if (begin < 0 || (uint64_t)begin > now)
                return;

        t = (time_t)((uint64_t)begin / USEC_PER_SEC);
        if (!localtime_r(&t, &tm) || strftime(date, sizeof(date), "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                return;

        (void)snprintf(text,
                       sizeof(text),
                       "%s; %s ago",
                       date,
                       text_age(age, sizeof(age), now - (uint64_t)begin));
        status_line("Since", text);
}

static void status_numbers(struct json_object *status) {
        static const struct {
                const char *key, *name;
        } counts[] = {
                { "slow", "slow" },
                { "crashes", "crashes" },
                { "timeouts", "timeouts" },
                { "refused", "refused" },
        };
        struct json_object *workers = view_object(status, "workers");
        char text[256];
        size_t n;

        if (workers) {
                (void)snprintf(text,
                               sizeof(text),
                               "%" PRIi64 " busy, %" PRIi64 " idle, %" PRIi64 " starting (min %" PRIi64
                               ", max %" PRIi64 ")",
                               view_int(workers, "busy", 0),
                               view_int(workers, "idle", 0),
                               view_int(workers, "starting", 0),
                               view_int(workers, "min", 0),
                               view_int(workers, "max", 0));
                status_line("Workers", text);
        }

        (void)snprintf(text,
                       sizeof(text),
                       "%" PRIi64 " requests waiting, %" PRIi64 " connections kept",
                       view_int(status, "queue", 0),
                       view_int(status, "parked", 0));
        status_line("Queue", text);

        n = (size_t)snprintf(text,
                             sizeof(text),
                             "%" PRIi64 ", %.1f/s",
                             view_int(status, "requests", 0),
                             MIN2(view_double(status, "rate"), 1e9));
        for (size_t i = 0; i < ELEMENTSOF(counts); i++)
                n += (size_t)snprintf(text + n,
                                      sizeof(text) - n,
                                      ", %" PRIi64 " %s",
                                      view_int(status, counts[i].key, 0),
                                      counts[i].name);
        status_line("Requests", text);
}

static int status_add_worker(Table *table, struct json_object *worker) {
        char id[24], pid[24], requests[24], age[48], memory[24];
        int64_t age_usec = view_int(worker, "age_usec", -1), bytes = view_int(worker, "memory", -1);
        _cleanup_(freep) char *uri = NULL;

        if (asprintf(&uri, "%s %s", view_string(worker, "method") ?: "", view_string(worker, "uri") ?: "") <
            0) {
                uri = NULL;
                return -ENOMEM;
        }

        return table_add(table,
                         (const char *const[]){
                                 view_number(id, sizeof(id), view_int(worker, "id", -1)),
                                 view_number(pid, sizeof(pid), view_int(worker, "pid", -1)),
                                 view_string(worker, "state"),
                                 view_number(requests, sizeof(requests), view_int(worker, "requests", -1)),
                                 age_usec >= 0 ? text_age(age, sizeof(age), (uint64_t)age_usec) : NULL,
                                 bytes >= 0 ? text_bytes(memory, sizeof(memory), (uint64_t)bytes) : NULL,
                                 *uri == ' ' ? uri + 1 : uri,
                         });
}

static int status_workers(const Ctl *ctl, struct json_object *list) {
        static const char *const headers[] = { "ID", "PID", "STATE", "REQUESTS", "AGE", "MEMORY", "URI" };
        _cleanup_(table_freep) Table *table = NULL;
        size_t n = json_object_array_length(list);
        int r;

        if (n == 0)
                return 0;

        r = table_new(&table, headers, "rrlrrrl", ELEMENTSOF(headers));
        for (size_t i = 0; r == 0 && i < n; i++) {
                struct json_object *worker = json_object_array_get_idx(list, i);

                if (json_object_is_type(worker, json_type_object))
                        r = status_add_worker(table, worker);
        }
        if (r < 0)
                return r;

        printf("\n");
        table_print(table, stdout, ctl->legend, ctl_terminal_width());
        return 0;
}

static int status_print(const Ctl *ctl, const char *name, const View *view) {
        struct json_object *status = view->status, *list = view_array(status, "list");
        char text[24];

        status_line("Pool", name);
        status_line("State", view_state_string(view));
        status_line("Error", view->error);
        status_line("Root", view->root ?: view_string(status, "root"));
        status_line("PHP", view_string(status, "php") ?: view->php);
        if (view->state == VIEW_SLEEPING)
                status_line("Control", "none; the next request wakes the pool if its socket unit is active");
        if (view->state != VIEW_AWAKE)
                return 0;

        if (view_int(status, "generation", -1) >= 0)
                status_line("Generation",
                            view_number(text, sizeof(text), view_int(status, "generation", 0)));
        status_since(status);
        status_numbers(status);
        status_line("Last error", view_string(status, "last_error"));
        return list ? status_workers(ctl, list) : 0;
}

static int status_json(const char *name, const View *view) {
        struct json_object *object = view->status ? json_object_get(view->status) : json_object_new_object();
        int r = -ENOMEM;

        if (!object)
                return -ENOMEM;

        /* the name we asked by and the state we found, whatever the pool says of itself */
        if (json_object_object_add(object, "name", json_object_new_string(name)) == 0 &&
            json_object_object_add(object, "state", json_object_new_string(view_state_string(view))) == 0 &&
            (!view->error ||
             json_object_object_add(object, "error", json_object_new_string(view->error)) == 0))
                r = text_write_json(stdout,
                                    json_object_to_json_string_ext(object,
                                                                   JSON_C_TO_STRING_PRETTY |
                                                                           JSON_C_TO_STRING_SPACED |
                                                                           JSON_C_TO_STRING_NOSLASHESCAPE));
        json_object_put(object);
        return r;
}

static int status_one(const Ctl *ctl, const char *name) {
        _cleanup_(view_done) View view = {};
        int r;

        r = view_load(&view, ctl, name);
        if (r == 0)
                r = ctl->json ? status_json(name, &view) : status_print(ctl, name, &view);
        if (r < 0) {
                log_error_errno(r, "Failed to show the status of '%s': %m", name);
                return EXIT_FAILURE;
        }

        return view.state == VIEW_UNREACHABLE ? EXIT_FAILURE : EXIT_SUCCESS;
}

int verb_status(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(names_done) Names names = {};
        int r, result = EXIT_SUCCESS, n_shown = 0;

        if (argc > 0)
                return ctl_check_name(argv[0]) ? status_one(ctl, argv[0]) : EX_USAGE;

        r = names_load(&names, ctl->config_dir);
        if (r < 0) {
                log_error_errno(r, "Failed to read '%s/conf.d': %m", ctl->config_dir);
                return EXIT_FAILURE;
        }

        for (size_t i = 0; i < names.n_items; i++) {
                if (names.items[i].error)
                        continue;
                if (n_shown++ > 0 && !ctl->json)
                        printf("\n");
                result = MAX2(status_one(ctl, names.items[i].name), result);
        }

        return result;
}
