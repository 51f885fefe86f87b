/* SPDX-License-Identifier: MIT */
/*
 * The control socket: the listener and the connections
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
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "pool/control-methods.h"
#include "util/clock.h"
#include "util/fd.h"

#define CONTROL_OWN_CONNECTIONS_MAX (CONTROL_CONNECTIONS_MAX / 2U)

/* At most so many accepts in such a time; also what keeps EMFILE from spinning. */
#define CONTROL_ACCEPT_INTERVAL_USEC (100 * USEC_PER_MSEC)
#define CONTROL_ACCEPT_BURST         32U

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

void control_answer(Control *control, uint64_t ticket, const char *error, struct json_object *parameters) {
        if (!control)
                return;

        LIST_FOREACH (l, &control->peers) {
                ControlPeer *peer = list_entry(l, ControlPeer, link);

                if (peer->ticket != ticket)
                        continue;
                peer->ticket = 0;
                if (error)
                        control_reply_error(peer, error, NULL, NULL);
                else if (control_peer_reply(peer, NULL, parameters) < 0)
                        control_reply_error(peer, CONTROL_ERROR_TOO_LARGE, NULL, NULL);
                return;
        }
}
