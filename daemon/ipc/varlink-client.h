/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One varlink call over a unix socket, blocking, with a deadline
 */

#include <stdint.h>
#include "ipc/varlink.h"

/*
 * Connects to @path, calls @method, reads one reply, closes. @timeout_usec is
 * for all of it together; USEC_INFINITY: as long as it takes. An error that the
 * server replies with is a success here: look at ret->error.
 *
 * -errno of socket(2), connect(2), ...: -ENOENT, -ECONNREFUSED, -EACCES say
 * that nobody is there or that we may not ask. -ELOOP: @path is a symbolic link.
 * -ENOTSOCK. -ETIMEDOUT. -ECONNRESET: it closed without a reply. -EMSGSIZE,
 * -EBADMSG: the reply is too large, or not a reply.
 */
int varlink_client_call(const char *path,
                        uint64_t timeout_usec,
                        const char *method,
                        struct json_object *parameters,
                        VarlinkReply *ret);
