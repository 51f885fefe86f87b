/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One FastCGI request, ready to be sent as often as wanted
 */

#include <stdbool.h>
#include "util/buffer.h"

/*
 * Appends request 1 of @params ("NAME=VALUE") with @body_size bytes of body.
 * -EINVAL: a parameter without "=". -ENOBUFS, -ENOMEM.
 */
int request_append(Buffer *buffer, const char *const params[], size_t n_params, size_t body_size, bool keep);
