/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A request as CGI variables (RFC 3875 section 4.1)
 */

#include <stdint.h>
#include "http/request.h"
#include "util/pairs.h"

typedef struct ParamsInput ParamsInput;

struct ParamsInput {
        const HttpRequest *request;
        const char *request_id;
        const char *document_root;
        const char *script_name;
        const char *path_info;
        const char *remote_address;
        const char *server_address;
        uint16_t remote_port; /* 0: no IP */
        uint16_t server_port; /* 0: no IP */
        uint64_t body_size;
};

/* Fills @pairs. 0, -ENOBUFS: more than @pairs may hold, -ENOMEM. */
int params_fill(Pairs *pairs, const ParamsInput *input);
