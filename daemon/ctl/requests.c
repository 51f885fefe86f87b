/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl requests: what a pool runs now, and what took it long
 *
 * The stacks are read from outside while PHP goes on (GetStacks), so a request
 * may have ended, or another begun, since the list was made: a stack is shown
 * only with the request whose id it carries.
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

#define REQUESTS_FRAMES_MAX 64U
#define REQUESTS_TEXT_MAX   2048U

static bool requests_runs(struct json_object *worker) {
        const char *state =
                json_object_is_type(worker, json_type_object) ? field_string(worker, "state") : NULL;

        return state && (strcmp(state, "busy") == 0 || strcmp(state, "finished") == 0);
}

/* "basket() /srv/www/site/basket.php:12", as the journal has it; what is built into PHP has no file. */
static void requests_print_frame(size_t number, struct json_object *frame) {
        const char *function = field_string(frame, "function"), *file = field_string(frame, "file");
        _cleanup_(freep) char *text = NULL, *clean = NULL;
        char line[24] = "";

        if (file && *file)
                (void)snprintf(line, sizeof(line), ":%" PRIi64, field_int(frame, "line", 0));
        if (asprintf(&text,
                     "%s()%s%s%s",
                     function && *function ? function : "{main}",
                     *line ? " " : "",
                     *line ? file : "",
                     line) < 0) {
                text = NULL;
                return;
        }
        clean = text_clean(text, REQUESTS_TEXT_MAX);
        printf("      #%zu %s\n", number, clean ?: "");
}

static void requests_print_stack(struct json_object *stacks, const char *id) {
        size_t n = stacks && id ? json_object_array_length(stacks) : 0;

        for (size_t i = 0; i < n; i++) {
                struct json_object *stack = json_object_array_get_idx(stacks, i), *frames;
                const char *of;

                if (!json_object_is_type(stack, json_type_object))
                        continue;
                of = field_string(stack, "request_id");
                frames = field_array(stack, "frames");
                if (!of || strcmp(of, id) != 0 || !frames)
                        continue;

                for (size_t k = 0; k < MIN2(json_object_array_length(frames), (size_t)REQUESTS_FRAMES_MAX);
                     k++)
                        if (json_object_is_type(json_object_array_get_idx(frames, k), json_type_object))
                                requests_print_frame(k, json_object_array_get_idx(frames, k));
                return;
        }
}

static void requests_print_running(struct json_object *worker, struct json_object *stacks) {
        char age[48], memory[24];
        int64_t age_usec = field_int(worker, "age_usec", 0), bytes = field_int(worker, "memory", -1);
        const char *id = field_string(worker, "request_id"), *method = field_string(worker, "method");
        _cleanup_(freep) char *text = NULL, *clean = NULL;

        if (asprintf(&text,
                     "%s  worker %lld, pid %lld, %s%s%s: %s %s%s",
                     id && *id ? id : "-",
                     (long long)field_int(worker, "id", -1),
                     (long long)field_int(worker, "pid", -1),
                     text_duration(age, sizeof(age), (uint64_t)age_usec),
                     bytes > 0 ? ", " : "",
                     bytes > 0 ? text_bytes(memory, sizeof(memory), (uint64_t)bytes) : "",
                     method && *method ? method : "-",
                     field_string(worker, "uri") ?: "-",
                     strcmp(field_string(worker, "state") ?: "", "finished") == 0 ? " (answered, goes on)"
                                                                                  : "") < 0) {
                text = NULL;
                return;
        }
        clean = text_clean(text, REQUESTS_TEXT_MAX);
        printf("  %s\n", clean ?: "");
        requests_print_stack(stacks, id);
}

static int requests_add_slow(Table *table, struct json_object *request) {
        char duration[48], status[24], when[64];
        int64_t usec = field_int(request, "duration_usec", -1), at = field_int(request, "end_usec", -1);
        _cleanup_(freep) char *uri = NULL;

        if (asprintf(&uri,
                     "%s %s",
                     field_string(request, "method") ?: "-",
                     field_string(request, "uri") ?: "-") < 0) {
                uri = NULL;
                return -ENOMEM;
        }

        return table_add(
                table,
                (const char *const[]){
                        usec >= 0 ? text_duration(duration, sizeof(duration), (uint64_t)usec) : NULL,
                        field_number(status, sizeof(status), field_int(request, "status", -1)),
                        at >= 0 ? text_time(when, sizeof(when), (uint64_t)at) : NULL,
                        field_string(request, "request_id"),
                        uri,
                });
}

static int requests_print_slowest(const Ctl *ctl, struct json_object *status) {
        static const char *const headers[] = { "DURATION", "STATUS", "ENDED", "ID", "REQUEST" };
        struct json_object *slowest = field_array(status, "slowest");
        _cleanup_(table_freep) Table *table = NULL;
        int r;

        if (!slowest || json_object_array_length(slowest) == 0)
                return 0;

        r = table_new(&table, headers, "rrlll", ELEMENTSOF(headers));
        for (size_t i = 0; r == 0 && i < json_object_array_length(slowest); i++)
                if (json_object_is_type(json_object_array_get_idx(slowest, i), json_type_object))
                        r = requests_add_slow(table, json_object_array_get_idx(slowest, i));
        if (r < 0)
                return r;

        printf("\nThe slowest of late:\n");
        table_print(table, stdout, !ctl->no_legend, output_width());
        return 0;
}

static int requests_print(const Ctl *ctl, const View *view, struct json_object *stacks) {
        struct json_object *list = field_array(view->status, "list");
        size_t n_running = 0;

        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                struct json_object *worker = json_object_array_get_idx(list, i);

                if (!requests_runs(worker))
                        continue;
                if (n_running++ == 0)
                        printf("Running:\n");
                requests_print_running(worker, stacks);
        }
        if (!list)
                printf("The pool has too many workers to list them.\n");
        else if (n_running == 0)
                printf("No request is running.\n");

        return requests_print_slowest(ctl, view->status);
}

/* {"running": [...], "stacks": [...], "slowest": [...]}, as the pool said it. */
static int requests_json(const View *view, struct json_object *stacks) {
        struct json_object *object = json_object_new_object(), *running = json_object_new_array();
        struct json_object *list = field_array(view->status, "list");
        struct json_object *slowest = field_array(view->status, "slowest");
        int r = object && running ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && list && i < json_object_array_length(list); i++) {
                struct json_object *worker = json_object_array_get_idx(list, i);

                if (requests_runs(worker))
                        r = json_object_array_add(running, json_object_get(worker)) < 0 ? -ENOMEM : 0;
        }
        if (r == 0 && (json_object_object_add(object, "running", json_object_get(running)) < 0 ||
                       json_object_object_add(object, "stacks", json_object_get(stacks)) < 0 ||
                       json_object_object_add(object, "slowest", json_object_get(slowest)) < 0))
                r = -ENOMEM;
        if (r == 0)
                r = text_print_json(stdout, object);

        json_object_put(running);
        json_object_put(object);
        return r;
}

int verb_requests(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(view_done) View view = {};
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        struct json_object *stacks = NULL;
        int r;

        if (!ctl_check_name(argv[0]))
                return EX_USAGE;
        r = view_load(&view, ctl, argv[0]);
        if (r < 0) {
                log_error_errno(r, "Failed to look at '%s': %m", argv[0]);
                return EXIT_FAILURE;
        }
        if (!view_complain_unless_awake(&view, ctl))
                return EXIT_FAILURE;

        /* the pool may be of a version that cannot, or the kernel may refuse it: the list is good without */
        if (view_call(ctl, argv[0], CTL_INTERFACE ".GetStacks", NULL, CTL_STATUS_USEC, &reply) == 0 &&
            !reply.error)
                stacks = field_array(reply.parameters, "stacks");
        else if (!ctl->no_legend)
                log_info("The pool gives no stacks of PHP; `php-poolctl doctor %s` says why.", argv[0]);

        r = ctl->json ? requests_json(&view, stacks) : requests_print(ctl, &view, stacks);
        if (r < 0) {
                log_error_errno(r, "Failed to show the requests of '%s': %m", argv[0]);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
