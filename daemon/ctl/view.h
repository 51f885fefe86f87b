/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What can be seen of a pool: its file, and its control socket
 */

#include <stdint.h>
#include "ctl/ctl.h"
#include "ctl/names.h"
#include "ctl/output.h"
#include "ipc/varlink.h"

typedef struct View View;
typedef struct Views Views;

#define CTL_INTERFACE "io.phppool.Pool"

typedef enum ViewState {
        VIEW_SLEEPING,    /* no control socket, or a dead one: systemd starts it on the next request */
        VIEW_UNREACHABLE, /* there is one, but no status to be had; error says why */
        VIEW_AWAKE,       /* status is there */
} ViewState;

struct View {
        const char *name; /* borrowed; a good pool name */
        ViewState state;
        char *root;                 /* owned; of the file; NULL: the file is broken */
        char *site;                 /* owned; of the file: a host name, or "(default)" */
        char *php;                  /* owned; php.version of the file, or NULL */
        char *error;                /* owned; in words */
        const char *unit_word;      /* static; of a sleeping one: what systemd says; NULL: not known */
        struct json_object *status; /* owned; an object. Everything in it is the pool's word */
};

/* All pools that are configured and have a good name. */
struct Views {
        Names names;
        View *views; /* owned */
        size_t n_views;
};

/* RUN_DIR/NAME/control: calls @method with @parameters (may be NULL). As varlink_client_call(). */
int view_call(const Ctl *ctl,
              const char *name,
              const char *method,
              struct json_object *parameters,
              uint64_t timeout_usec,
              VarlinkReply *ret);

/* What -errno of view_call() means, in words. NULL: the pool sleeps. */
const char *view_strerror(int error);

/* @name stays borrowed. 0 or -ENOMEM. */
int view_load(View *ret, const Ctl *ctl, const char *name);
void view_done(View *view);

/* The same of the proxy, whose control socket is at @path. */
int view_load_proxy(View *ret, const Ctl *ctl, const char *path);

/* Is there a file of that name, be it good or broken? */
bool view_is_configured(const Ctl *ctl, const char *name);

/* One sentence: there is no such pool; or view_call(), which was to @what the pool, failed with @error. */
void view_complain_none(const Ctl *ctl, const char *name);
void view_complain_call(const Ctl *ctl, const char *name, const char *what, int error);

/* Says in one sentence why there is no status, if there is none. */
bool view_complain_unless_awake(const View *view, const Ctl *ctl);

/* All at once, so that ten silent pools cost no more than one. -errno of names_load(), or -ENOMEM. */
int views_load(Views *ret, const Ctl *ctl);
void views_done(Views *views);

/*
 * "running", "reloading", "stopping", "starting"; "unknown" if the status says anything else;
 * "unreachable"; without a manager "sleeping", and where systemd knows better "stopped",
 * "failed" or "restarting".
 */
const char *view_state_string(const View *view);

OutputStyle view_style(const View *view);

/* {"name", "state", "root", "site", "php", "error", "status"}, what there is of them. NULL: no memory. */
struct json_object *view_to_json(const View *view);

/* The memory of all workers together, as far as it is in RAM; -1: not told. */
int64_t view_memory(const View *view);
