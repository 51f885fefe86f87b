/* SPDX-License-Identifier: MIT */
/*
 * What can be seen of a pool
 *
 * The status is the word of whoever holds the socket, which a pool's PHP can
 * fake: each value is taken only if it has the type and range that we show, and
 * texts are made clean where they are printed (text.h, table.h).
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "config/pool.h"
#include "ctl/view.h"
#include "ipc/varlink-client.h"

int view_call(const Ctl *ctl,
              const char *name,
              const char *method,
              uint64_t timeout_usec,
              VarlinkReply *ret) {
        _cleanup_(freep) char *path = NULL;

        if (asprintf(&path, "%s/%s/control", ctl->run_dir, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        return varlink_client_call(path, timeout_usec, method, NULL, ret);
}

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

static int view_load_config(View *view, const Ctl *ctl, const char *name) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        ConfigError error = {};

        /* what is wrong with the file says `check` */
        if (pool_config_load(&config, ctl->config_dir, name, &error) < 0)
                return 0;

        view->root = strdup(config->root);
        if (!view->root)
                return -ENOMEM;
        if (config->php_version) {
                view->php = strdup(config->php_version);
                if (!view->php)
                        return -ENOMEM;
        }
        return 0;
}

static int view_unreachable(View *view, const char *error) {
        view->state = VIEW_UNREACHABLE;
        view->error = strdup(error);
        return view->error ? 0 : -ENOMEM;
}

static int view_load_status(View *view, const Ctl *ctl, const char *name) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        struct json_object *status;
        int r;

        r = view_call(ctl, name, "io.phppool.Pool.GetStatus", CTL_STATUS_USEC, &reply);
        if (r < 0 && !view_strerror(r)) {
                view->state = VIEW_SLEEPING;
                return 0;
        }
        if (r < 0)
                return view_unreachable(view, view_strerror(r));
        if (reply.error)
                return view_unreachable(view, reply.error);

        status = view_object(reply.parameters, "status");
        if (!status)
                return view_unreachable(view, view_strerror(-EBADMSG));

        view->state = VIEW_AWAKE;
        view->status = json_object_get(status);
        return 0;
}

int view_load(View *ret, const Ctl *ctl, const char *name) {
        View view = {};
        int r;

        r = view_load_config(&view, ctl, name);
        if (r == 0)
                r = view_load_status(&view, ctl, name);
        if (r < 0) {
                view_done(&view);
                return r;
        }

        *ret = view;
        return 0;
}

void view_done(View *view) {
        json_object_put(view->status);
        free(view->error);
        free(view->php);
        free(view->root);
        *view = (View){};
}

const char *view_state_string(const View *view) {
        static const char *const known[] = { "running", "reloading", "stopping" };
        const char *told = view_string(view->status, "state");

        if (view->state == VIEW_SLEEPING)
                return "sleeping";
        if (view->state == VIEW_UNREACHABLE)
                return "unreachable";
        for (size_t i = 0; told && i < ELEMENTSOF(known); i++)
                if (strcmp(known[i], told) == 0)
                        return known[i];

        return "unknown";
}

static struct json_object *view_member(struct json_object *object, const char *key, json_type type) {
        struct json_object *value;

        if (!object || !json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type))
                return NULL;

        return value;
}

const char *view_string(struct json_object *object, const char *key) {
        struct json_object *value = view_member(object, key, json_type_string);

        return value ? json_object_get_string(value) : NULL;
}

int64_t view_int(struct json_object *object, const char *key, int64_t fallback) {
        struct json_object *value = view_member(object, key, json_type_int);
        int64_t number = value ? json_object_get_int64(value) : -1;

        return number >= 0 ? number : fallback;
}

double view_double(struct json_object *object, const char *key) {
        struct json_object *value = view_member(object, key, json_type_double);
        double number;

        if (!value)
                return (double)view_int(object, key, 0);

        number = json_object_get_double(value);
        return isfinite(number) && number >= 0 ? number : 0;
}

struct json_object *view_object(struct json_object *object, const char *key) {
        return view_member(object, key, json_type_object);
}

struct json_object *view_array(struct json_object *object, const char *key) {
        return view_member(object, key, json_type_array);
}

const char *view_number(char *buffer, size_t size, int64_t number) {
        if (number < 0)
                (void)snprintf(buffer, size, "-");
        else
                (void)snprintf(buffer, size, "%" PRIi64, number);
        return buffer;
}

int64_t view_memory(const View *view) {
        struct json_object *list = view_array(view->status, "list");
        uint64_t sum = 0;

        if (!list)
                return -1;

        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *worker = json_object_array_get_idx(list, i);

                if (json_object_is_type(worker, json_type_object))
                        sum += (uint64_t)view_int(worker, "memory", 0);
                sum = MIN2(sum, (uint64_t)INT64_MAX);
        }

        return (int64_t)sum;
}
