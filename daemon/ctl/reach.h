/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Can somebody get at a file or a directory, and if not, at which component does it end?
 */

#include <stdbool.h>
#include <stddef.h>

typedef enum ReachKind {
        REACH_DIRECTORY, /* to be read and searched */
        REACH_WRITABLE,  /* a directory, to be written */
        REACH_FILE,      /* to be read */
} ReachKind;

typedef enum ReachAs {
        REACH_AS_OTHERS, /* a user who is nobody in particular: a guess from the modes */
        REACH_AS_ME,     /* this process: the kernel's word */
} ReachAs;

enum {
        _REACH_E_SUCCESS,
        REACH_E_MISSING,       /* a component does not exist */
        REACH_E_NOT_DIRECTORY, /* a component is something else */
        REACH_E_CLOSED,        /* a component may not be used so */
        REACH_E_HIDDEN,        /* it lies where the units' sandbox shows something else */
        REACH_E_NOT_FILE,      /* the last component is not a regular file */
};

/*
 * Looks at each component of the absolute @path, links followed. On a positive outcome
 * @ret_component (of @size bytes) is the very one, as an absolute path. -errno: could not be
 * looked at (-EACCES: not by us either).
 */
int reach(const char *path, ReachKind kind, ReachAs as, char *ret_component, size_t size);

/* Does an access list (acl(5)) of @path let @user, or a group of it, write to it? False also where there is none. */
bool reach_is_listed(const char *path, const char *user);

/* What hides a path ("/home"), where ProtectHome= or PrivateTmp= of the unit do; NULL: nothing does. */
const char *reach_find_hidden(const char *path);
