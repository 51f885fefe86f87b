/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A varlink service on a unix socket, for programs with util/loop.h: one
 * interface whose methods have no parameters, and org.varlink.service
 *
 * The socket is 0600: root and the program's own user can connect.
 */

#include "util/cleanup.h"
#include "util/loop.h"

typedef struct VarlinkServer VarlinkServer;
typedef struct VarlinkService VarlinkService;

struct json_object;

/* All borrowed for ever. */
struct VarlinkService {
        const char *product;
        const char *interface;
        const char *description; /* of the interface, in varlink's language */
        /* The reply to @method, without the interface's name: a new reference. NULL: there is no such method. */
        struct json_object *(*answer)(void *userdata, const char *method);
};

/* Binds @path; a socket left over there is replaced. */
int varlink_server_new(VarlinkServer **ret,
                       Loop *loop,
                       const char *path,
                       const VarlinkService *service,
                       void *userdata);
VarlinkServer *varlink_server_free(VarlinkServer *server);
DEFINE_CLEANUP(VarlinkServer *, varlink_server_free);
