/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl status: one pool, or all, in detail
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include "ctl/field.h"
#include "ctl/journal.h"
#include "ctl/output.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "ctl/unit.h"
#include "ctl/view.h"
#include "util/log.h"

#define STATUS_KEY_WIDTH 12
#define STATUS_VALUE_MAX 2048U
#define STATUS_LINES     10U

enum {
        STATUS_MESSAGE_LINES = 20, /* of one entry */
};

static void status_line(const char *key, const char *value) {
        _cleanup_(freep) char *clean = value ? text_clean(value, STATUS_VALUE_MAX) : NULL;

        if (clean && *clean)
                printf("%*s: %s\n", STATUS_KEY_WIDTH, key, clean);
}

static void status_since(const char *key, struct json_object *object, const char *member) {
        int64_t begin = field_int(object, member, -1);
        uint64_t now = clock_wall_usec();
        char text[160], date[64], age[48];

        if (begin < 0 || (uint64_t)begin > now)
                return;

        (void)snprintf(text,
                       sizeof(text),
                       "%s; %s ago",
                       text_time(date, sizeof(date), (uint64_t)begin),
                       text_age(age, sizeof(age), now - (uint64_t)begin));
        status_line(key, text);
}

/* What systemd says: the one thing that is the same for a pool that is awake and one that is not. */
static void status_unit(const char *name) {
        static const struct {
                const char *key, *kind;
        } kinds[] = { { "Service", "service" }, { "Socket", "socket" } };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_(units_done) Units units = {};
                char id[UNIT_NAME_MAX], text[256];
                const char *restarts;

                if (units_load(&units,
                               unit_name(id, sizeof(id), name, kinds[i].kind),
                               "ActiveState,SubState,UnitFileState,NRestarts,Result") < 0)
                        return;
                restarts = units_get(&units, 0, "NRestarts");
                (void)snprintf(text,
                               sizeof(text),
                               "%s; %s (%s), %s%s%s%s",
                               id,
                               units_get(&units, 0, "ActiveState"),
                               units_get(&units, 0, "SubState"),
                               *units_get(&units, 0, "UnitFileState") ? units_get(&units, 0, "UnitFileState")
                                                                      : "not installed",
                               *restarts && strcmp(restarts, "0") != 0 ? ", restarted " : "",
                               *restarts && strcmp(restarts, "0") != 0 ? restarts : "",
                               *restarts && strcmp(restarts, "0") != 0 ? " times" : "");
                status_line(kinds[i].key, text);
        }
}

static void status_reload(struct json_object *status) {
        int64_t n = field_int(status, "reloads", 0), failed = field_int(status, "reloads_failed", 0);
        char text[160];

        if (n == 0)
                return;
        (void)snprintf(text,
                       sizeof(text),
                       "%" PRIi64 ", %" PRIi64 " failed; the last one %s",
                       n,
                       failed,
                       field_bool(status, "last_reload_ok") == 0 ? "failed" : "was well");
        status_line("Reloads", text);
}

/* Its first lines, one below the other: a slow request brings the stack of PHP along. */
static void status_entry(const JournalEntry *entry) {
        const char *style = output_style(entry->priority <= LOG_ERR ? OUTPUT_BAD : OUTPUT_WARN);
        const char *line = entry->message;
        char date[64];
        int indent;

        indent = printf("%s ", text_time(date, sizeof(date), entry->wall_usec));
        for (unsigned int i = 0; *line && i < STATUS_MESSAGE_LINES; i++) {
                size_t n = strcspn(line, "\n");
                _cleanup_(freep) char *copy = strndup(line, n),
                                      *clean = copy ? text_clean(copy, STATUS_VALUE_MAX) : NULL;
                bool cut = i + 1 == STATUS_MESSAGE_LINES && line[n] != '\0';

                printf("%*s%s%s%s%s\n",
                       i > 0 ? indent : 0,
                       "",
                       style,
                       clean ?: "",
                       cut ? " ..." : "",
                       output_style(OUTPUT_PLAIN));
                line += n + (line[n] == '\n');
        }
}

/* The last lines of the journal, as systemctl shows them, but errors alone. */
static void status_journal(const Ctl *ctl, const char *name) {
        _cleanup_(journal_done) Journal journal = {};
        char id[UNIT_NAME_MAX];

        if (journal_load(&journal,
                         unit_name(id, sizeof(id), name, "service"),
                         LOG_WARNING,
                         /* since_usec= */ 0,
                         ctl->lines ?: STATUS_LINES) < 0)
                return;

        if (journal.n_entries > 0)
                printf("\n");
        for (size_t i = 0; i < journal.n_entries; i++)
                status_entry(&journal.entries[i]);
}

static void status_numbers(struct json_object *status) {
        static const struct {
                const char *key, *one, *many;
        } counts[] = {
                { "slow", "slow", "slow" },
                { "crashes", "crash", "crashes" },
                { "timeouts", "timeout", "timeouts" },
                { "refused", "refused", "refused" },
        };
        struct json_object *workers = field_object(status, "workers");
        int64_t draining = field_int(workers, "draining", 0);
        char text[256], number[24];
        size_t n;

        if (workers) {
                (void)snprintf(text,
                               sizeof(text),
                               "%" PRIi64 " busy, %" PRIi64 " idle, %" PRIi64 " starting%s%s%s (min %" PRIi64
                               ", max %" PRIi64 ")",
                               field_int(workers, "busy", 0),
                               field_int(workers, "idle", 0),
                               field_int(workers, "starting", 0),
                               draining > 0 ? ", " : "",
                               draining > 0 ? field_number(number, sizeof(number), draining) : "",
                               draining > 0 ? " draining" : "",
                               field_int(workers, "min", 0),
                               field_int(workers, "max", 0));
                status_line("Workers", text);
        }

        (void)snprintf(text,
                       sizeof(text),
                       "%" PRIi64 " requests waiting, %" PRIi64 " connections kept",
                       field_int(status, "queue", 0),
                       field_int(status, "parked", 0));
        status_line("Queue", text);

        n = (size_t)snprintf(text,
                             sizeof(text),
                             "%" PRIi64 ", %.1f/s",
                             field_int(status, "requests", 0),
                             MIN2(field_double(status, "rate"), 1e9));
        for (size_t i = 0; i < ELEMENTSOF(counts); i++)
                n += (size_t)snprintf(text + n,
                                      sizeof(text) - n,
                                      ", %" PRIi64 " %s",
                                      field_int(status, counts[i].key, 0),
                                      field_int(status, counts[i].key, 0) == 1 ? counts[i].one
                                                                               : counts[i].many);
        status_line("Requests", text);
}

static void status_resident(struct json_object *status) {
        struct json_object *resident = field_object(status, "resident_script");
        char boot[32], kept[24], growth[24], text[400];
        uint64_t usec;

        if (!resident)
                return;

        usec = (uint64_t)MAX2(field_int(resident, "boot_usec", 0), INT64_C(0));
        (void)snprintf(text,
                       sizeof(text),
                       "%.256s; boots in %s, keeps %s, grows by %s per 1000 requests",
                       field_string(resident, "file") ?: "?",
                       text_duration(boot, sizeof(boot), usec),
                       text_bytes(kept,
                                  sizeof(kept),
                                  (uint64_t)MAX2(field_int(resident, "memory_kept", 0), INT64_C(0))),
                       text_bytes(growth,
                                  sizeof(growth),
                                  (uint64_t)MAX2(field_int(resident, "growth", 0), INT64_C(0))));
        status_line("Resident", text);
}

static int status_add_worker(Table *table, struct json_object *worker) {
        char id[24], pid[24], requests[24], age[48], memory[24];
        int64_t age_usec = field_int(worker, "age_usec", -1),
                bytes = field_int(worker, "resident", field_int(worker, "memory", -1));
        const char *state = field_string(worker, "state");
        _cleanup_(freep) char *uri = NULL;
        int r;

        if (asprintf(&uri,
                     "%s %s",
                     field_string(worker, "method") ?: "",
                     field_string(worker, "uri") ?: "") < 0) {
                uri = NULL;
                return -ENOMEM;
        }

        r = table_add(table,
                      (const char *const[]){
                              field_number(id, sizeof(id), field_int(worker, "id", -1)),
                              field_number(pid, sizeof(pid), field_int(worker, "pid", -1)),
                              state,
                              field_number(requests, sizeof(requests), field_int(worker, "requests", -1)),
                              age_usec >= 0 ? text_age(age, sizeof(age), (uint64_t)age_usec) : NULL,
                              bytes >= 0 ? text_bytes(memory, sizeof(memory), (uint64_t)bytes) : NULL,
                              *uri == ' ' ? uri + 1 : uri,
                      });
        if (r == 0 && state && strcmp(state, "busy") == 0)
                table_set_style(table, 2, OUTPUT_GOOD);
        return r;
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
        table_print(table, stdout, !ctl->no_legend, output_width());
        return 0;
}

static int status_print(const Ctl *ctl, const View *view) {
        struct json_object *status = view->status, *list = field_array(status, "list");
        char text[24];
        int r = 0;

        status_line("Pool", view->name);
        printf("%*s: %s%s%s\n",
               STATUS_KEY_WIDTH,
               "State",
               output_style(view_style(view)),
               view_state_string(view),
               output_style(OUTPUT_PLAIN));
        status_line("Error", view->error);
        status_line("Site", view->site);
        status_line("Root", view->root ?: field_string(status, "root"));
        status_line("PHP", field_string(status, "php") ?: view->php);
        if (ctl->systemd)
                status_unit(view->name);
        if (view->state == VIEW_SLEEPING && !view->unit_word)
                status_line("Control", "none; the next request wakes the pool if its socket unit is active");

        if (view->state == VIEW_AWAKE) {
                if (field_int(status, "generation", -1) >= 0)
                        status_line("Generation",
                                    field_number(text, sizeof(text), field_int(status, "generation", 0)));
                status_since("Since", status, "since_usec");
                status_numbers(status);
                status_resident(status);
                status_line("Memory", text_bytes(text, sizeof(text), (uint64_t)MAX2(view_memory(view), 0)));
                status_line("Last error", field_string(status, "last_error"));
                status_reload(status);
                if (list)
                        r = status_workers(ctl, list);
        }

        if (ctl->systemd)
                status_journal(ctl, view->name);
        return r;
}

static int status_json(const View *view) {
        struct json_object *object = view->status ? json_object_get(view->status) : json_object_new_object();
        int r = -ENOMEM;

        if (!object)
                return -ENOMEM;

        /* the name we asked by and the state we found, whatever the pool says of itself */
        if (json_object_object_add(object, "name", json_object_new_string(view->name)) == 0 &&
            json_object_object_add(object, "state", json_object_new_string(view_state_string(view))) == 0 &&
            (!view->error ||
             json_object_object_add(object, "error", json_object_new_string(view->error)) == 0))
                r = text_print_json(stdout, object);
        json_object_put(object);
        return r;
}

static int status_show(const Ctl *ctl, const View *view) {
        int r = ctl->json ? status_json(view) : status_print(ctl, view);

        if (r < 0) {
                log_error_errno(r, "Failed to show the status of '%s': %m", view->name);
                return EXIT_FAILURE;
        }

        return view->state == VIEW_UNREACHABLE ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int status_one(const Ctl *ctl, const char *name) {
        _cleanup_(view_done) View view = {};
        int r;

        if (!ctl_check_name(name))
                return EX_USAGE;

        r = view_load(&view, ctl, name);
        if (r < 0) {
                log_error_errno(r, "Failed to look at '%s': %m", name);
                return EXIT_FAILURE;
        }
        if (view.state == VIEW_SLEEPING && !view.root && !view_is_configured(ctl, name)) {
                view_complain_none(ctl, name);
                return EXIT_FAILURE;
        }

        return status_show(ctl, &view);
}

int verb_status(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(views_done) Views views = {};
        int r, result = EXIT_SUCCESS;

        if (argc > 0)
                return status_one(ctl, argv[0]);

        r = views_load(&views, ctl);
        if (r < 0) {
                log_error_errno(r, "Failed to read '%s/conf.d': %m", ctl->config_dir);
                return EXIT_FAILURE;
        }

        for (size_t i = 0; i < views.n_views; i++) {
                if (i > 0 && !ctl->json)
                        printf("\n");
                result = MAX2(status_show(ctl, &views.views[i]), result);
        }
        return result;
}
