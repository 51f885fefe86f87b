/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What can be seen of a pool: its file, and its control socket
 */

#include <stdint.h>
#include "ctl/ctl.h"
#include "ipc/varlink.h"

typedef struct View View;

typedef enum ViewState {
        VIEW_SLEEPING,    /* no control socket, or a dead one: systemd starts it on the next request */
        VIEW_UNREACHABLE, /* there is one, but no status to be had; error says why */
        VIEW_AWAKE,       /* status is there */
} ViewState;

struct View {
        ViewState state;
        char *root;                 /* owned; of the file; NULL: the file is broken */
        char *php;                  /* owned; php.version of the file, or NULL */
        char *error;                /* owned; in words */
        struct json_object *status; /* owned; an object. Everything in it is the pool's word */
};

/* RUN_DIR/NAME/control: calls @method. As varlink_client_call(). */
int view_call(const Ctl *ctl,
              const char *name,
              const char *method,
              uint64_t timeout_usec,
              VarlinkReply *ret);

/* What -errno of view_call() means, in words. NULL: the pool sleeps. */
const char *view_strerror(int error);

/* 0 or -ENOMEM. */
int view_load(View *ret, const Ctl *ctl, const char *name);
void view_done(View *view);

/* "sleeping", "unreachable", "running", "reloading", "stopping"; "unknown" if the status says anything else. */
const char *view_state_string(const View *view);

/* The member @key of @object, or the fallback if it is missing or of another type. @object may be NULL. */
const char *view_string(struct json_object *object, const char *key);            /* NULL */
int64_t view_int(struct json_object *object, const char *key, int64_t fallback); /* never negative else */
double view_double(struct json_object *object, const char *key);                 /* 0; finite */
struct json_object *view_object(struct json_object *object, const char *key);    /* NULL; borrowed */
struct json_object *view_array(struct json_object *object, const char *key);     /* NULL; borrowed */

/* Decimal, or "-" for a negative number. */
const char *view_number(char *buffer, size_t size, int64_t number);

/* The memory of all workers together; -1: not told. */
int64_t view_memory(const View *view);
