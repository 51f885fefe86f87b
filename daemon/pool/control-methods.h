/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The methods of the control socket; what control.c and control-methods.c share
 */

#include <stdbool.h>
#include <systemd/sd-event.h>
#include "ipc/varlink.h"
#include "pool/control-peer.h"
#include "pool/control.h"
#include "util/list.h"

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
        uint64_t last_ticket;
        bool reloading;
        bool last_ok;
        char *last_message; /* of the last reload; NULL: none yet, or no memory to keep it */
};

/* Answers a call, at once or later. @userdata: the Control. */
void control_on_call(ControlPeer *peer, const VarlinkCall *call, void *userdata);

void control_reply_error(ControlPeer *peer, const char *error, const char *key, const char *value);
void control_reply_reload(ControlPeer *peer, bool ok, const char *message);
