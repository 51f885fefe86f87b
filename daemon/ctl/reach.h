/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Can a user who is nobody in particular get at a directory?
 */

#include <stddef.h>

enum {
        _REACH_E_SUCCESS,
        REACH_E_MISSING,       /* a component does not exist */
        REACH_E_NOT_DIRECTORY, /* a component is something else */
        REACH_E_CLOSED,        /* a component is not open to others: no x, or no r for the last one */
        REACH_E_HIDDEN,        /* it lies where the units' sandbox shows something else */
};

/*
 * Looks at each component of @path, links followed. On a positive outcome
 * @ret_component (of @size bytes) is the very one, as an absolute path. -errno: could not be
 * looked at (-EACCES: not by us either).
 */
int reach_directory(const char *path, char *ret_component, size_t size);
