/* SPDX-License-Identifier: MIT */
/*
 * How what is seen of a pool is told: in a word, in a sentence, as JSON
 *
 * What comes from the pool itself is a stranger's text: only known words are
 * passed on, and the rest is made clean on its way to a terminal (text.h).
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "ctl/field.h"
#include "ctl/text.h"
#include "ctl/view.h"
#include "util/log.h"

const char *view_strerror(int error) {
        switch (-error) {
        case ENOENT:
        case ENOTDIR:
        case ECONNREFUSED:
                return NULL;
        case EACCES:
        case EPERM:
                return "permission denied; only root and the pool's own user may ask it";
        case ELOOP:
        case ENOTSOCK:
                return "its control socket has been replaced by something else";
        case ETIMEDOUT:
                return "no answer in time";
        case ECONNRESET:
        case EPIPE:
                return "it closed the connection without an answer";
        case EBADMSG:
        case EMSGSIZE:
                return "its answer is not of the protocol";
        default:
                return strerror(-error);
        }
}

bool view_is_configured(const Ctl *ctl, const char *name) {
        _cleanup_(freep) char *path = NULL;

        if (asprintf(&path, "%s/conf.d/%s.conf", ctl->config_dir, name) < 0) {
                path = NULL;
                return true;
        }
        return access(path, F_OK) == 0 || errno != ENOENT;
}

void view_complain_none(const Ctl *ctl, const char *name) {
        log_error("There is no pool '%s': '%s/conf.d/%s.conf' does not exist.", name, ctl->config_dir, name);
}

void view_complain_call(const Ctl *ctl, const char *name, const char *what, int error) {
        const char *text = view_strerror(error);

        if (text || view_is_configured(ctl, name))
                log_error("Failed to %s '%s': %s", what, name, text ?: "it is not running");
        else
                view_complain_none(ctl, name);
}

bool view_complain_unless_awake(const View *view, const Ctl *ctl) {
        _cleanup_(freep) char *error = NULL;

        if (view->state == VIEW_AWAKE)
                return true;

        if (view->state == VIEW_UNREACHABLE) {
                error = text_clean(view->error, 200);
                log_error("'%s' is unreachable: %s", view->name, error ?: "");
        } else if (!view_is_configured(ctl, view->name)) {
                view_complain_none(ctl, view->name);
        } else {
                log_error("'%s' is %s: it runs nothing.", view->name, view_state_string(view));
        }
        return false;
}

const char *view_state_string(const View *view) {
        static const char *const known[] = { "starting", "running", "reloading", "stopping", "failing" };
        const char *told = field_string(view->status, "state");

        if (view->state == VIEW_SLEEPING)
                return view->unit_word ?: "sleeping";
        if (view->state == VIEW_UNREACHABLE)
                return "unreachable";
        for (size_t i = 0; told && i < ELEMENTSOF(known); i++)
                if (strcmp(known[i], told) == 0)
                        return known[i];

        return "unknown";
}

OutputStyle view_style(const View *view) {
        const char *state = view_state_string(view);

        if (view->state == VIEW_AWAKE)
                return strcmp(state, "running") == 0 ? OUTPUT_GOOD : OUTPUT_WARN;
        if (strcmp(state, "sleeping") == 0 || strcmp(state, "stopped") == 0)
                return OUTPUT_DIM;
        return strcmp(state, "starting") == 0 ? OUTPUT_WARN : OUTPUT_BAD;
}

/* Consumes @value. */
static int view_json_add(struct json_object *object, const char *key, struct json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(object, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

struct json_object *view_to_json(const View *view) {
        struct json_object *object = json_object_new_object();
        int r;

        if (!object)
                return NULL;

        r = view_json_add(object, "name", json_object_new_string(view->name));
        if (r == 0)
                r = view_json_add(object, "state", json_object_new_string(view_state_string(view)));
        if (r == 0 && view->root)
                r = view_json_add(object, "root", json_object_new_string(view->root));
        if (r == 0 && view->site)
                r = view_json_add(object, "site", json_object_new_string(view->site));
        if (r == 0 && view->php)
                r = view_json_add(object, "php", json_object_new_string(view->php));
        if (r == 0 && view->error)
                r = view_json_add(object, "error", json_object_new_string(view->error));
        if (r == 0 && view->status)
                r = view_json_add(object, "status", json_object_get(view->status));
        if (r < 0) {
                json_object_put(object);
                return NULL;
        }
        return object;
}

int64_t view_memory(const View *view) {
        struct json_object *list = field_array(view->status, "list");
        uint64_t sum = 0;

        if (!list)
                return -1;

        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *worker = json_object_array_get_idx(list, i);

                if (json_object_is_type(worker, json_type_object))
                        sum += (uint64_t)field_int(worker, "resident", field_int(worker, "memory", 0));
                sum = MIN2(sum, (uint64_t)INT64_MAX);
        }

        return (int64_t)sum;
}
