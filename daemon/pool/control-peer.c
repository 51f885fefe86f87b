/* SPDX-License-Identifier: MIT */
/*
 * One connection of the control socket
 *
 *            a call is complete              control_peer_reply()
 *   reading --------------------> busy ----------------------------> writing
 *      ^                                                                |
 *      +------------------------- all is sent --------------------------+
 *
 * One call at a time: while it is being answered and while its reply is not
 * sent nothing is read, so a peer cannot make us hold more than one call and
 * one reply. At most one call is taken per event: a peer that sends thousands
 * in one go waits its turn behind everyone else.
 *
 * A deadline runs from accept or the last reply to the end of the next call
 * and while a reply is being sent; none while busy, since the owner has its
 * own. The end of the peer's sending direction alone still gets it its replies.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "pool/control-peer.h"
#include "pool/control.h"
#include "util/clock.h"
#include "util/fd.h"

#define CONTROL_PEER_USEC  (5 * USEC_PER_SEC)
#define CONTROL_PEER_CHUNK 4096U

static bool peer_has_call(const ControlPeer *peer) {
        size_t size;

        return varlink_next(&peer->in, VARLINK_CALL_MAX, &size) != VARLINK_E_MORE;
}

/* Something is wrong with the connection: have on_gone called from the event loop. */
static void peer_break(ControlPeer *peer) {
        peer->broken = true;
        (void)sd_event_source_set_time(peer->timer, 0);
        (void)sd_event_source_set_enabled(peer->timer, SD_EVENT_ONESHOT);
}

static void peer_restart_deadline(ControlPeer *peer) {
        if (sd_event_source_set_time_relative(peer->timer, CONTROL_PEER_USEC) < 0 ||
            sd_event_source_set_enabled(peer->timer, SD_EVENT_ONESHOT) < 0)
                peer_break(peer);
}

/* What to wait for in the present state. EPOLLHUP always comes, also for no events at all (epoll_ctl(2)). */
static void peer_update_events(ControlPeer *peer) {
        uint32_t events = 0;

        if (peer->busy)
                events = 0;
        else if (buffer_size(&peer->out) > 0 || peer_has_call(peer))
                events = EPOLLOUT;
        else if (!peer->eof)
                events = EPOLLIN;

        if (sd_event_source_set_io_events(peer->io, events) < 0)
                peer_break(peer);
}

static void peer_send(ControlPeer *peer) {
        while (buffer_size(&peer->out) > 0) {
                ssize_t n = send(peer->fd,
                                 buffer_data(&peer->out),
                                 buffer_size(&peer->out),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0) {
                        peer_break(peer);
                        return;
                }
                buffer_consume(&peer->out, (size_t)n);
        }

        buffer_done(&peer->out); /* up to a MiB that is needed for a moment */
}

static void peer_receive(ControlPeer *peer) {
        size_t room = MIN2((size_t)CONTROL_PEER_CHUNK, VARLINK_CALL_MAX - buffer_size(&peer->in));
        uint8_t *p;
        ssize_t n;

        if (buffer_reserve(&peer->in, room, &p) < 0) {
                peer_break(peer);
                return;
        }

        n = recv(peer->fd, p, room, MSG_DONTWAIT);
        if (n > 0)
                buffer_commit(&peer->in, (size_t)n);
        else if (n == 0)
                peer->eof = true;
        else if (errno != EAGAIN && errno != EINTR)
                peer_break(peer);
}

/* Hands over the first call, if it is complete. */
static void peer_take_call(ControlPeer *peer) {
        VarlinkCall call;
        size_t size;
        int r;

        r = varlink_next(&peer->in, VARLINK_CALL_MAX, &size);
        if (r == VARLINK_E_MORE)
                return;
        if (r == 0)
                r = varlink_call_decode(&call, buffer_data(&peer->in), size);
        if (r != 0) {
                peer_break(peer);
                return;
        }

        buffer_consume(&peer->in, size + 1);
        peer->busy = true;
        peer->oneway = call.oneway;
        (void)sd_event_source_set_enabled(peer->timer, SD_EVENT_OFF);
        peer->handler->on_call(peer, &call, peer->userdata);
        varlink_call_done(&call);
}

static int peer_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        ControlPeer *peer = userdata;

        if (peer->busy) { /* it hung up */
                peer->broken = true;
        } else if (buffer_size(&peer->out) > 0) {
                peer_send(peer);
                if (buffer_size(&peer->out) == 0 && !peer->broken)
                        peer_restart_deadline(peer);
        } else {
                if (!peer_has_call(peer))
                        peer_receive(peer);
                if (!peer->broken)
                        peer_take_call(peer);
        }

        if (!peer->broken)
                peer_update_events(peer);
        if (peer->broken ||
            (peer->eof && !peer->busy && buffer_size(&peer->out) == 0 && !peer_has_call(peer)))
                peer->handler->on_gone(peer, peer->userdata);
        return 0;
}

static int peer_on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        ControlPeer *peer = userdata;

        peer->handler->on_gone(peer, peer->userdata);
        return 0;
}

int control_peer_reply(ControlPeer *peer, const char *error, struct json_object *parameters) {
        if (!peer->oneway) {
                int r = varlink_reply_encode(&peer->out, error, parameters);

                if (r == -ENOBUFS)
                        return r;
                if (r < 0) {
                        peer_break(peer);
                        return 0;
                }
        }

        peer->busy = false;
        peer_restart_deadline(peer);
        peer_send(peer);
        if (!peer->broken)
                peer_update_events(peer);
        return 0;
}

static int peer_add_sources(ControlPeer *peer, sd_event *event) {
        int r;

        r = sd_event_add_io(event, &peer->io, peer->fd, EPOLLIN, peer_on_io, peer);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(peer->io, CONTROL_EVENT_PRIORITY);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event,
                                       &peer->timer,
                                       CLOCK_MONOTONIC,
                                       CONTROL_PEER_USEC,
                                       0,
                                       peer_on_timer,
                                       peer);
        if (r < 0)
                return r;

        return sd_event_source_set_priority(peer->timer, CONTROL_EVENT_PRIORITY);
}

int control_peer_new(ControlPeer **ret,
                     sd_event *event,
                     int take_fd,
                     const ControlPeerHandler *handler,
                     void *userdata) {
        _cleanup_(control_peer_freep) ControlPeer *peer = NULL;
        struct ucred cred;
        socklen_t size = sizeof(cred);
        int r;

        peer = calloc(1, sizeof(*peer));
        if (!peer) {
                fd_close(take_fd);
                return -ENOMEM;
        }

        *peer = (ControlPeer){
                .fd = take_fd,
                .uid = (uid_t)-1,
                .in = BUFFER_NULL(VARLINK_CALL_MAX),
                .out = BUFFER_NULL(VARLINK_REPLY_MAX),
                .handler = handler,
                .userdata = userdata,
        };
        list_init(&peer->link);
        if (getsockopt(take_fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0)
                peer->uid = cred.uid;

        r = peer_add_sources(peer, event);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(peer);
        return 0;
}

ControlPeer *control_peer_free(ControlPeer *peer) {
        if (!peer)
                return NULL;

        list_remove(&peer->link);
        sd_event_source_disable_unref(peer->timer);
        sd_event_source_disable_unref(peer->io);
        buffer_done(&peer->out);
        buffer_done(&peer->in);
        fd_close(peer->fd);
        free(peer);
        return NULL;
}
