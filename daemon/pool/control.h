/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The control socket of a pool: varlink, interface io.phppool.Pool
 *
 *   GetStatus() -> (status: object)             everyone who can connect
 *   WaitReload() -> (ok: bool, message: string) everyone who can connect; changes nothing
 *   Reload() -> (ok: bool, message: string)     peer uid 0 only
 *   GetStacks() -> (stacks: object[])           peer uid 0 only
 *   Profile(hz, msec) -> (samples, folded)      peer uid 0 only
 *   KillRequest(id)                             peer uid 0 only
 *
 * Who can connect: the socket is 0600 and its directory 0750, both the pool
 * user's, so that is root, who holds CAP_DAC_OVERRIDE (php-pool-metrics), and
 * the pool's own user. The own user is the manager itself, php-poolctl in
 * ExecReload= and the pool's PHP, which nothing can tell apart; it may look,
 * and not change anything.
 *
 * Whether a peer is root says SO_PEERCRED (unix(7)), taken by the kernel at
 * connect(2) and shown in the ids of our user namespace. PrivateUsers=yes of a
 * system service maps root and the unit's own user to themselves and all others
 * to nobody (systemd.exec(5)), so root stays 0 and the proxy and the metrics
 * service show as nobody, who may not reload. In a namespace that
 * does not map 0 nobody can be told to be root and Reload is refused to all:
 * SIGHUP through the service manager still works there.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "util/cleanup.h"

typedef struct Control Control;
typedef struct ControlHandler ControlHandler;

struct json_object;

enum {
        /*
         * Priority of all event sources here. Whoever handles SIGHUP must use a
         * lower number: `kill -HUP` followed by WaitReload then finds the reload
         * begun (control_reload_started) even if both arrive in one iteration.
         */
        CONTROL_EVENT_PRIORITY = SD_EVENT_PRIORITY_NORMAL + 10,
        CONTROL_PROFILE_HZ_MAX = 1000,
        CONTROL_PROFILE_MSEC_MAX = 600000,
        CONTROL_CONNECTIONS_MAX = 32, /* half of them for peers of our own uid: PHP cannot lock root out */
};

struct ControlHandler {
        /* The status, a new reference. NULL: no memory. */
        struct json_object *(*get_status)(void *userdata);

        /*
         * Begins a reload; may call control_reload_finished() at once. Not
         * called while one is running; this one counts as running already, and
         * telling so once more is harmless. -errno: it could not be begun.
         */
        int (*reload)(void *userdata);

        /* These begin what control_answer() ends, at once or later; -EBUSY, other -errno: it will not be. */
        int (*get_stacks)(void *userdata, uint64_t ticket);
        int (*profile)(void *userdata, uint64_t ticket, uint64_t hz, uint64_t msec);

        /* Ends a request that runs. -ENOENT. */
        int (*kill_request)(void *userdata, const char *id);
};

#define CONTROL_ERROR_UNAVAILABLE "io.phppool.Pool.Unavailable"
#define CONTROL_ERROR_BUSY        "io.phppool.Pool.Busy"
#define CONTROL_ERROR_TOO_LARGE   "io.phppool.Pool.TooLarge"

/*
 * Binds @path, whose directory must exist; a socket left over there is
 * replaced. @handler and @userdata are borrowed. -EADDRINUSE: something that is
 * not a socket stands at @path. -ENAMETOOLONG. Other -errno.
 */
int control_new(Control **ret,
                sd_event *event,
                const char *path,
                const ControlHandler *handler,
                void *userdata);
Control *control_free(Control *control); /* closes all connections, removes the socket */
DEFINE_CLEANUP(Control *, control_free);

/* A reload runs from now on, whoever asked for it: WaitReload waits. @control may be NULL. */
void control_reload_started(Control *control);

/*
 * It is over: answers all who wait, and later callers of WaitReload. @message
 * is one line for people, copied. @control may be NULL.
 */
void control_reload_finished(Control *control, bool ok, const char *message);

/* Answers the call that got @ticket, if its peer is still there. @control may be NULL; @error or @parameters is. */
void control_answer(Control *control, uint64_t ticket, const char *error, struct json_object *parameters);
