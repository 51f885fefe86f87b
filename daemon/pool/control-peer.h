/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One connection of the control socket
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>
#include "ipc/varlink.h"
#include "util/cleanup.h"
#include "util/list.h"

typedef struct ControlPeer ControlPeer;
typedef struct ControlPeerHandler ControlPeerHandler;

struct ControlPeerHandler {
        /* A call: owes one control_peer_reply(), at once or later. The next call comes after it. */
        void (*on_call)(ControlPeer *peer, const VarlinkCall *call, void *userdata);

        /* It is over, whyever: the owner frees it. Never called from within control_peer_reply(). */
        void (*on_gone)(ControlPeer *peer, void *userdata);
};

struct ControlPeer {
        List link; /* the owner's */
        uid_t uid; /* SO_PEERCRED: (uid_t)-1 if the kernel did not say */
        bool waits_for_reload;
        uint64_t ticket; /* of an answer that will come later; 0: none */

        /* private */
        int fd;
        Buffer in;
        Buffer out;
        sd_event_source *io;
        sd_event_source *timer;
        const ControlPeerHandler *handler;
        void *userdata;
        bool busy;   /* a call is being answered: nothing is read, and no deadline runs */
        bool oneway; /* and it wants no reply */
        bool eof;
        bool broken;
};

/* Takes @take_fd in any case. @handler and @userdata are borrowed. */
int control_peer_new(ControlPeer **ret,
                     sd_event *event,
                     int take_fd,
                     const ControlPeerHandler *handler,
                     void *userdata);
ControlPeer *control_peer_free(ControlPeer *peer);
DEFINE_CLEANUP(ControlPeer *, control_peer_free);

/*
 * Answers the call. 0, also if the peer cannot be reached any more (on_gone
 * follows). -ENOBUFS: too large for a reply, the call is still open; answer
 * with less.
 */
int control_peer_reply(ControlPeer *peer, const char *error, struct json_object *parameters);
