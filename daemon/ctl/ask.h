/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The same question to many pools at once
 */

#include <stddef.h>
#include <stdint.h>
#include "ipc/varlink.h"

typedef struct Ask Ask;

/* One pool: what is asked, and what came of it. */
struct Ask {
        const char *path;   /* borrowed: the control socket */
        int result;         /* as of varlink_client_call() */
        VarlinkReply reply; /* owned; if result is 0 */

        /* of ask_all() alone */
        int fd;
        uint64_t deadline_usec;
        Buffer buffer; /* what is to be sent, then what came */
        bool sent;
};

/*
 * Calls @method, without parameters, at each of @asks (path set, all else zero). Each server
 * has @timeout_usec from the moment that it is its turn; all together take at
 * most twice that, and who had no turn by then ends as -ETIMEDOUT. -errno: nobody could be asked.
 */
int ask_all(Ask *asks, size_t n_asks, const char *method, uint64_t timeout_usec);
void ask_done(Ask *ask);
