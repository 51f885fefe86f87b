/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A request as CGI variables (RFC 3875 section 4.1)
 */

#include <stdint.h>
#include "http/forwarded.h"
#include "http/request.h"
#include "util/pairs.h"

typedef struct ParamsInput ParamsInput;

struct ParamsInput {
        const HttpRequest *request;
        const char *request_id;
        const char *document_root;
        const char *script_name;
        const char *script_filename; /* NULL: script_name below document_root */
        const char *path_info;
        const Address *client;
        const Address *server;
        bool https;
        bool trusted; /* the forwarding headers of this kind that are read are passed on */
        HttpForwardedKind trusted_kind;
        uint64_t body_size;
};

/* Fills @pairs. 0, -ENOBUFS: more than @pairs may hold, -ENOMEM. */
int params_fill(Pairs *pairs, const ParamsInput *input);
