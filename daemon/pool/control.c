/* SPDX-License-Identifier: MIT */
/*
 * The control socket: the listener, the connections, the methods
 *
 * A Control knows of reloads only what it is told (control_reload_started,
 * control_reload_finished); peers that wait are marked, and answered together.
 *
 * A pool's PHP can connect like the manager's own helpers (control.h). What it
 * can do here is bounded: half of the places, a rate of accepts, a deadline for
 * each call, one call per turn of the event loop, and all of it at a priority
 * below everything that serves requests.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "config.h"
#include "pool/control-interface.h"
#include "pool/control-peer.h"
#include "pool/control.h"
#include "util/clock.h"
#include "util/fd.h"

#define CONTROL_OWN_CONNECTIONS_MAX (CONTROL_CONNECTIONS_MAX / 2U)

/* At most so many accepts in such a time; also what keeps EMFILE from spinning. */
#define CONTROL_ACCEPT_INTERVAL_USEC (100 * USEC_PER_MSEC)
#define CONTROL_ACCEPT_BURST         32U

struct Control {
        sd_event *event; /* a reference */
        char *path;
        int fd;
        sd_event_source *source;
        const ControlHandler *handler;
        void *userdata;
        List peers;
        unsigned int n_peers;
        unsigned int n_own_peers;
        bool reloading;
        bool last_ok;
        char *last_message; /* of the last reload; NULL: none yet, or no memory to keep it */
};

/*
 * Replies. Memory that is short makes them shorter, never the connection wait:
 * each path ends in control_peer_reply().
 */

/* Consumes @value. */
static void control_add(struct json_object *object, const char *key, struct json_object *value) {
        if (!object || !value || json_object_object_add(object, key, value) < 0)
                json_object_put(value);
}

static void control_reply_error(ControlPeer *peer, const char *error, const char *key, const char *value) {
        struct json_object *parameters = key ? json_object_new_object() : NULL;

        if (key)
                control_add(parameters, key, json_object_new_string(value));
        /* larger than a reply only if the call was: it fits without what it said */
        if (control_peer_reply(peer, error, parameters) < 0)
                (void)control_peer_reply(peer, error, NULL);
        json_object_put(parameters);
}

static void control_reply_reload(ControlPeer *peer, bool ok, const char *message) {
        struct json_object *parameters = json_object_new_object();

        control_add(parameters, "ok", json_object_new_boolean(ok));
        control_add(parameters, "message", json_object_new_string(message));
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
        control_add(parameters, "vendor", json_object_new_string("php-pool"));
        control_add(parameters, "product", json_object_new_string("php-poold"));
        control_add(parameters, "version", json_object_new_string(PACKAGE_VERSION));
        control_add(parameters, "url", json_object_new_string("man:php-poolctl(1)"));
        control_add(parameters, "interfaces", interfaces);
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
        control_add(parameters, "description", json_object_new_string(description));
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

        control_add(parameters, "status", json_object_get(status));
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

static void control_reload(Control *control, ControlPeer *peer, struct json_object *in) {
        int r;

        if (peer->uid != 0) {
                control_reply_error(peer, CONTROL_INTERFACE_POOL ".PermissionDenied", NULL, NULL);
                return;
        }
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

static void control_on_call(ControlPeer *peer, const VarlinkCall *call, void *userdata) {
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

static void control_on_gone(ControlPeer *peer, void *userdata) {
        Control *control = userdata;

        control->n_peers--;
        if (peer->uid == geteuid())
                control->n_own_peers--;
        control_peer_free(peer);
}

static const ControlPeerHandler control_peer_handler = {
        .on_call = control_on_call,
        .on_gone = control_on_gone,
};

static int control_on_accept(sd_event_source *source, int listener, uint32_t revents, void *userdata) {
        Control *control = userdata;
        ControlPeer *peer;
        int fd;

        /* What accept(2) fails with concerns that connection, or passes: EMFILE. */
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return 0;
        if (control->n_peers >= CONTROL_CONNECTIONS_MAX) {
                fd_close(fd);
                return 0;
        }
        if (control_peer_new(&peer, control->event, fd, &control_peer_handler, control) < 0)
                return 0;
        if (peer->uid == geteuid() && control->n_own_peers >= CONTROL_OWN_CONNECTIONS_MAX) {
                control_peer_free(peer);
                return 0;
        }

        list_append(&control->peers, &peer->link);
        control->n_peers++;
        if (peer->uid == geteuid())
                control->n_own_peers++;
        return 0;
}

static int control_remove_stale(const char *path) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EADDRINUSE;

        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int control_listen(Control *control) {
        _cleanup_(fd_closep) int fd = -EBADF;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int r;

        if (strlen(control->path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, control->path);

        r = control_remove_stale(control->path);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;

        /* bind(2) makes the file with the mode of the socket, less the umask: it is never wider than this */
        if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        control->fd = TAKE_FD(fd);
        return listen(control->fd, CONTROL_CONNECTIONS_MAX) < 0 ? -errno : 0;
}

static int control_add_source(Control *control) {
        int r;

        r = sd_event_add_io(control->event,
                            &control->source,
                            control->fd,
                            EPOLLIN,
                            control_on_accept,
                            control);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(control->source, CONTROL_EVENT_PRIORITY);
        if (r < 0)
                return r;

        return sd_event_source_set_ratelimit(control->source,
                                             CONTROL_ACCEPT_INTERVAL_USEC,
                                             CONTROL_ACCEPT_BURST);
}

int control_new(Control **ret,
                sd_event *event,
                const char *path,
                const ControlHandler *handler,
                void *userdata) {
        _cleanup_(control_freep) Control *control = NULL;
        int r;

        control = calloc(1, sizeof(*control));
        if (!control)
                return -ENOMEM;

        *control = (Control){
                .event = sd_event_ref(event),
                .path = strdup(path),
                .fd = -EBADF,
                .handler = handler,
                .userdata = userdata,
                .last_ok = true,
        };
        list_init(&control->peers);
        if (!control->path)
                return -ENOMEM;

        r = control_listen(control);
        if (r < 0)
                return r;
        r = control_add_source(control);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(control);
        return 0;
}

Control *control_free(Control *control) {
        if (!control)
                return NULL;

        LIST_FOREACH_SAFE (l, &control->peers)
                control_peer_free(list_entry(l, ControlPeer, link));
        free(control->last_message);
        sd_event_source_disable_unref(control->source);
        if (control->fd >= 0)
                (void)unlink(control->path);
        fd_close(control->fd);
        free(control->path);
        sd_event_unref(control->event);
        free(control);
        return NULL;
}

void control_reload_started(Control *control) {
        if (control)
                control->reloading = true;
}

void control_reload_finished(Control *control, bool ok, const char *message) {
        if (!control)
                return;

        control->reloading = false;
        control->last_ok = ok;
        free(control->last_message);
        control->last_message = strdup(message);

        LIST_FOREACH (l, &control->peers) {
                ControlPeer *peer = list_entry(l, ControlPeer, link);

                if (!peer->waits_for_reload)
                        continue;
                peer->waits_for_reload = false;
                control_reply_reload(peer, ok, message);
        }
}
