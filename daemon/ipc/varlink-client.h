/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Varlink calls over a unix socket, with a deadline
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

/*
 * The two halves of it, for those who call more than once, or many servers at a
 * time. The descriptor is a non-blocking one. @timeout_usec 0: does not wait for
 * a place in the backlog, -ETIMEDOUT says that there is none.
 */
int varlink_client_connect(int *ret, const char *path, uint64_t timeout_usec);

/* After a failure the connection is good for nothing but to be closed. */
int varlink_client_exchange(int fd,
                            uint64_t timeout_usec,
                            const char *method,
                            struct json_object *parameters,
                            VarlinkReply *ret);
