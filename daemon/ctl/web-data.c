/* SPDX-License-Identifier: MIT */
/*
 * What the page shows
 *
 * Several tabs, or somebody who asks a thousand times in a second, cost the pools
 * no more than one: a look is kept for WEB_LOOK_USEC, the journal, which is read
 * from the disk, for WEB_ERRORS_USEC. The text is valid JSON and nothing else: it is
 * made by json-c, and never put into a page but as text.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include "ctl/field.h"
#include "ctl/journal.h"
#include "ctl/unit.h"
#include "ctl/web-data.h"
#include "util/parse.h"

#define WEB_LOOK_USEC   (900 * USEC_PER_MSEC)
#define WEB_ERRORS_USEC (5 * USEC_PER_SEC)
#define WEB_POOLS_MAX   100U /* of which the journal is read */
#define WEB_ERRORS_MAX  10U  /* of each */

struct WebData {
        char *text; /* owned; the last look */
        uint64_t look_usec;
        struct json_object *errors; /* owned */
        uint64_t errors_usec;
};

int web_data_new(WebData **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

WebData *web_data_free(WebData *data) {
        if (!data)
                return NULL;

        json_object_put(data->errors);
        free(data->text);
        free(data);
        return NULL;
}

/* With short memory a member is missing. */
static void web_add(struct json_object *object, const char *key, struct json_object *value) {
        if (!value || json_object_object_add(object, key, value) < 0)
                json_object_put(value);
}

static void web_add_text(struct json_object *object, const char *key, const char *text) {
        if (text)
                web_add(object, key, json_object_new_string(text));
}

static void web_add_errors(struct json_object *array, const char *name) {
        _cleanup_(journal_done) Journal journal = {};
        char unit[UNIT_NAME_MAX];

        if (journal_load(&journal,
                         unit_name(unit, sizeof(unit), name, "service"),
                         LOG_WARNING,
                         0,
                         WEB_ERRORS_MAX) < 0)
                return;

        for (size_t i = 0; i < journal.n_entries; i++) {
                const JournalEntry *entry = &journal.entries[i];
                struct json_object *object = json_object_new_object();

                if (!object)
                        return;
                web_add(object, "when_usec", json_object_new_int64((int64_t)entry->wall_usec));
                web_add(object, "priority", json_object_new_int(entry->priority));
                web_add_text(object, "pool", name);
                web_add_text(object, "message", entry->message);
                web_add_text(object, "uri", entry->uri);
                web_add_text(object, "request_id", entry->request_id);
                if (json_object_array_add(array, object) < 0)
                        json_object_put(object);
        }
}

/* The newest first. */
static int web_compare_errors(const void *a, const void *b) {
        int64_t x = field_int(*(struct json_object *const *)a, "when_usec", 0);
        int64_t y = field_int(*(struct json_object *const *)b, "when_usec", 0);

        return (x < y) - (x > y);
}

static void web_look_at_errors(WebData *data, const Ctl *ctl, const Views *views, uint64_t now) {
        struct json_object *errors;

        if (data->errors && now - data->errors_usec < WEB_ERRORS_USEC)
                return;
        errors = json_object_new_array();
        if (!errors)
                return;

        for (size_t i = 0; ctl->systemd && i < MIN2(views->n_views, (size_t)WEB_POOLS_MAX); i++)
                web_add_errors(errors, views->views[i].name);
        json_object_array_sort(errors, web_compare_errors);
        json_object_put(data->errors);
        data->errors = errors;
        data->errors_usec = now;
}

static int web_compose(WebData *data, const Views *views, char **ret) {
        struct json_object *object = json_object_new_object(), *pools = json_object_new_array();
        const char *text;
        int r = object && pools ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < views->n_views; i++) {
                struct json_object *pool = view_to_json(&views->views[i]);

                if (!pool || json_object_array_add(pools, pool) < 0) {
                        json_object_put(pool);
                        r = -ENOMEM;
                }
        }
        if (r == 0) {
                web_add(object, "now_usec", json_object_new_int64((int64_t)clock_wall_usec()));
                web_add(object, "pools", json_object_get(pools));
                web_add(object, "errors", json_object_get(data->errors));
                text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
                *ret = text ? strdup(text) : NULL;
                r = *ret ? 0 : -ENOMEM;
        }

        json_object_put(pools);
        json_object_put(object);
        return r;
}

int web_data_get(WebData *data, const Ctl *ctl, char **ret) {
        _cleanup_(views_done) Views views = {};
        uint64_t now = clock_now_usec();
        char *text;
        int r;

        if (!data->text || now - data->look_usec >= WEB_LOOK_USEC) {
                r = views_load(&views, ctl);
                if (r < 0)
                        return r;
                web_look_at_errors(data, ctl, &views, now);
                r = web_compose(data, &views, &text);
                if (r < 0)
                        return r;
                free(data->text);
                data->text = text;
                data->look_usec = clock_now_usec();
        }

        *ret = strdup(data->text);
        return *ret ? 0 : -ENOMEM;
}

int web_data_get_stacks(const Ctl *ctl, HttpSlice query, char **ret) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        const char *text = "{}";
        char name[64];
        size_t n = strlen("pool=");

        if (!query.data || query.size <= n || query.size - n >= sizeof(name) ||
            memcmp(query.data, "pool=", n) != 0)
                return 0;
        (void)snprintf(name, sizeof(name), "%.*s", (int)(query.size - n), query.data + n);
        if (parse_pool_name(name, NULL) < 0)
                return 0;

        if (view_call(ctl, name, CTL_INTERFACE ".GetStacks", NULL, ctl->status_usec, &reply) == 0 &&
            !reply.error && reply.parameters)
                text = json_object_to_json_string_ext(reply.parameters, JSON_C_TO_STRING_PLAIN);
        *ret = text ? strdup(text) : NULL;
        return *ret ? 0 : -ENOMEM;
}
