/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include "config.h"
#include "pool/control-interface.h"
#include "pool/control-methods.h"
#include "pool/json.h"

/*
 * Replies. Memory that is short makes them shorter, never the connection wait:
 * each path ends in control_peer_reply().
 */

void control_reply_error(ControlPeer *peer, const char *error, const char *key, const char *value) {
        struct json_object *parameters = key ? json_object_new_object() : NULL;

        if (key)
                json_add(parameters, key, json_object_new_string(value));
        /* larger than a reply only if the call was: it fits without what it said */
        if (control_peer_reply(peer, error, parameters) < 0)
                (void)control_peer_reply(peer, error, NULL);
        json_object_put(parameters);
}

void control_reply_reload(ControlPeer *peer, bool ok, const char *message) {
        struct json_object *parameters = json_object_new_object();

        json_add(parameters, "ok", json_object_new_boolean(ok));
        json_add(parameters, "message", json_object_new_string(message));
        if (control_peer_reply(peer, NULL, parameters) < 0) {
                json_object_object_del(parameters, "message");
                (void)control_peer_reply(peer, NULL, parameters);
        }
        json_object_put(parameters);
}

static void control_get_info(Control *control, ControlPeer *peer, struct json_object *in) {
        struct json_object *parameters = json_object_new_object(), *interfaces = json_object_new_array();

        if (interfaces) {
                (void)json_object_array_add(interfaces, json_object_new_string(CONTROL_INTERFACE_SERVICE));
                (void)json_object_array_add(interfaces, json_object_new_string(CONTROL_INTERFACE_POOL));
        }
        json_add(parameters, "vendor", json_object_new_string("php-pool"));
        json_add(parameters, "product", json_object_new_string("php-poold"));
        json_add(parameters, "version", json_object_new_string(PACKAGE_VERSION));
        json_add(parameters, "url", json_object_new_string("man:php-poolctl(1)"));
        json_add(parameters, "interfaces", interfaces);
        (void)control_peer_reply(peer, NULL, parameters);
        json_object_put(parameters);
}

static void control_get_description(Control *control, ControlPeer *peer, struct json_object *in) {
        struct json_object *parameters, *name = NULL;
        const char *description;

        if (!json_object_object_get_ex(in, "interface", &name) ||
            !json_object_is_type(name, json_type_string)) {
                control_reply_error(peer,
                                    CONTROL_INTERFACE_SERVICE ".InvalidParameter",
                                    "parameter",
                                    "interface");
                return;
        }

        description = control_interface_description(json_object_get_string(name));
        if (!description) {
                control_reply_error(peer,
                                    CONTROL_INTERFACE_SERVICE ".InterfaceNotFound",
                                    "interface",
                                    json_object_get_string(name));
                return;
        }

        parameters = json_object_new_object();
        json_add(parameters, "description", json_object_new_string(description));
        (void)control_peer_reply(peer, NULL, parameters);
        json_object_put(parameters);
}

static void control_get_status(Control *control, ControlPeer *peer, struct json_object *in) {
        struct json_object *parameters = json_object_new_object();
        struct json_object *status = parameters ? control->handler->get_status(control->userdata) : NULL;
        int r;

        if (!status) {
                json_object_put(parameters);
                control_reply_error(peer, CONTROL_INTERFACE_POOL ".StatusUnavailable", NULL, NULL);
                return;
        }

        json_add(parameters, "status", json_object_get(status));
        r = control_peer_reply(peer, NULL, parameters);
        if (r < 0) {
                json_object_object_del(status, "list");
                r = control_peer_reply(peer, NULL, parameters);
        }
        if (r < 0)
                control_reply_error(peer, CONTROL_INTERFACE_POOL ".StatusUnavailable", NULL, NULL);
        json_object_put(status);
        json_object_put(parameters);
}

static void control_wait_reload(Control *control, ControlPeer *peer, struct json_object *in) {
        if (control->reloading)
                peer->waits_for_reload = true;
        else
                control_reply_reload(peer, control->last_ok, control->last_message ?: "");
}

/* What tells of requests, or changes something, is for root. */
static bool control_is_root(ControlPeer *peer) {
        if (peer->uid == 0)
                return true;

        control_reply_error(peer, CONTROL_INTERFACE_POOL ".PermissionDenied", NULL, NULL);
        return false;
}

static void control_reload(Control *control, ControlPeer *peer, struct json_object *in) {
        int r;

        if (!control_is_root(peer))
                return;
        if (control->reloading) {
                control_reply_error(peer, CONTROL_INTERFACE_POOL ".ReloadInProgress", NULL, NULL);
                return;
        }

        peer->waits_for_reload = true;
        control_reload_started(control);
        r = control->handler->reload(control->userdata);
        if (r < 0 && control->reloading)
                control_reload_finished(control, false, strerror(-r));
}

/* The peer is known by a ticket until its answer comes; it may go away meanwhile. */
static uint64_t control_give_ticket(Control *control, ControlPeer *peer) {
        peer->ticket = ++control->last_ticket;
        return peer->ticket;
}

/* 0 and positive: @peer will be answered. */
static void control_reply_result(ControlPeer *peer, int r) {
        if (r >= 0)
                return;

        peer->ticket = 0;
        if (r == -EBUSY)
                control_reply_error(peer, CONTROL_ERROR_BUSY, NULL, NULL);
        else
                control_reply_error(peer, CONTROL_ERROR_UNAVAILABLE, NULL, NULL);
}

static void control_get_stacks(Control *control, ControlPeer *peer, struct json_object *in) {
        if (control_is_root(peer))
                control_reply_result(
                        peer,
                        control->handler->get_stacks(control->userdata, control_give_ticket(control, peer)));
}

/* An integer of the call between 1 and @max. */
static bool control_take_number(ControlPeer *peer,
                                struct json_object *in,
                                const char *key,
                                uint64_t max,
                                uint64_t *ret) {
        struct json_object *value = NULL;

        if (!json_object_object_get_ex(in, key, &value) || !json_object_is_type(value, json_type_int) ||
            json_object_get_int64(value) < 1 || (uint64_t)json_object_get_int64(value) > max) {
                control_reply_error(peer, CONTROL_INTERFACE_SERVICE ".InvalidParameter", "parameter", key);
                return false;
        }

        *ret = (uint64_t)json_object_get_int64(value);
        return true;
}

static void control_profile(Control *control, ControlPeer *peer, struct json_object *in) {
        uint64_t hz, msec;

        if (!control_is_root(peer) || !control_take_number(peer, in, "hz", CONTROL_PROFILE_HZ_MAX, &hz) ||
            !control_take_number(peer, in, "msec", CONTROL_PROFILE_MSEC_MAX, &msec))
                return;

        control_reply_result(
                peer,
                control->handler->profile(control->userdata, control_give_ticket(control, peer), hz, msec));
}

static void control_kill_request(Control *control, ControlPeer *peer, struct json_object *in) {
        struct json_object *id = NULL;

        if (!control_is_root(peer))
                return;
        if (!json_object_object_get_ex(in, "id", &id) || !json_object_is_type(id, json_type_string)) {
                control_reply_error(peer, CONTROL_INTERFACE_SERVICE ".InvalidParameter", "parameter", "id");
                return;
        }

        if (control->handler->kill_request(control->userdata, json_object_get_string(id)) < 0)
                control_reply_error(peer, CONTROL_INTERFACE_POOL ".NoSuchRequest", NULL, NULL);
        else
                (void)control_peer_reply(peer, NULL, NULL); /* an empty reply always fits */
}

void control_on_call(ControlPeer *peer, const VarlinkCall *call, void *userdata) {
        static const struct {
                const char *name;
                void (*method)(Control *control, ControlPeer *peer, struct json_object *in);
                bool has_parameters;
        } table[] = {
                { CONTROL_INTERFACE_SERVICE ".GetInfo", control_get_info, false },
                { CONTROL_INTERFACE_SERVICE ".GetInterfaceDescription", control_get_description, true },
                { CONTROL_INTERFACE_POOL ".GetStatus", control_get_status, false },
                { CONTROL_INTERFACE_POOL ".WaitReload", control_wait_reload, false },
                { CONTROL_INTERFACE_POOL ".Reload", control_reload, false },
                { CONTROL_INTERFACE_POOL ".GetStacks", control_get_stacks, false },
                { CONTROL_INTERFACE_POOL ".Profile", control_profile, true },
                { CONTROL_INTERFACE_POOL ".KillRequest", control_kill_request, true },
        };
        const char *dot = strrchr(call->method, '.');
        _cleanup_(freep) char *interface = dot ? strndup(call->method, (size_t)(dot - call->method)) : NULL;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                if (strcmp(table[i].name, call->method) != 0)
                        continue;

                if (!table[i].has_parameters && call->parameters) {
                        json_object_object_foreach(call->parameters, key, value) {
                                (void)value;
                                control_reply_error(peer,
                                                    CONTROL_INTERFACE_SERVICE ".InvalidParameter",
                                                    "parameter",
                                                    key);
                                return;
                        }
                }
                table[i].method(userdata, peer, call->parameters);
                return;
        }

        if (interface && !control_interface_description(interface))
                control_reply_error(peer,
                                    CONTROL_INTERFACE_SERVICE ".InterfaceNotFound",
                                    "interface",
                                    interface);
        else
                control_reply_error(peer,
                                    CONTROL_INTERFACE_SERVICE ".MethodNotFound",
                                    "method",
                                    call->method);
}
