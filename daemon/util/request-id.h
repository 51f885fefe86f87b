/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The id of a request, which proxy, pool and journal know it by
 *
 * A front end may bring its own (X-Request-Id). It goes into logs and on command
 * lines, so it has few kinds of bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define REQUEST_ID_MAX 64U /* bytes, without the NUL */

static inline bool request_id_is_good(const char *data, size_t size) {
        for (size_t i = 0; i < size; i++) {
                char c = data[i];

                if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
                    (c == '\0' || !strchr("-._", c)))
                        return false;
        }

        return size > 0 && size <= REQUEST_ID_MAX;
}
