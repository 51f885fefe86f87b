/* SPDX-License-Identifier: MIT */
/*
 * Can a user who is nobody in particular get at a directory?
 *
 * A pool runs as a user of its own (DynamicUser=), who owns nothing in a site's
 * directory and is in no group but php-pool: what the mode grants to "others"
 * is what it gets, unless a drop-in gives it a group or an access list grants
 * more. So "closed" is a strong hint, not a proof.
 *
 * The path is walked twice: as written, and with all symbolic links resolved,
 * since every directory of both has to be searched on the way (path_resolution(7)).
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "ctl/reach.h"
#include "util/cleanup.h"

static int reach_component(const char *component, bool last) {
        mode_t wanted = last ? S_IROTH | S_IXOTH : S_IXOTH;
        struct stat st;

        if (stat(component, &st) < 0)
                return errno == ENOENT ? REACH_E_MISSING : errno == ENOTDIR ? REACH_E_NOT_DIRECTORY : -errno;
        if (!S_ISDIR(st.st_mode))
                return REACH_E_NOT_DIRECTORY;

        return (st.st_mode & wanted) == wanted ? 0 : REACH_E_CLOSED;
}

static int reach_walk(const char *path, char *ret_component, size_t size) {
        _cleanup_(freep) char *copy = strdup(path);
        size_t length = strlen(path);
        int r;

        if (!copy)
                return -ENOMEM;

        for (size_t i = 1; i <= length; i++) {
                if (path[i] != '/' && path[i] != '\0')
                        continue;

                copy[i] = '\0';
                r = reach_component(copy, i == length);
                if (r != 0) {
                        if (r > 0)
                                (void)snprintf(ret_component, size, "%s", copy);
                        return r;
                }
                copy[i] = path[i];
        }

        return 0;
}

/* ProtectHome=yes and PrivateTmp=yes of the unit (systemd.exec(5)). */
static const char *reach_find_hidden(const char *path) {
        static const char *const hidden[] = { "/home", "/root", "/run/user", "/tmp", "/var/tmp" };

        for (size_t i = 0; i < ELEMENTSOF(hidden); i++) {
                size_t n = strlen(hidden[i]);

                if (strncmp(path, hidden[i], n) == 0 && (path[n] == '/' || path[n] == '\0'))
                        return hidden[i];
        }

        return NULL;
}

int reach_directory(const char *path, char *ret_component, size_t size) {
        _cleanup_(freep) char *real = NULL;
        const char *hidden;
        int r;

        r = reach_walk(path, ret_component, size);
        if (r != 0)
                return r;

        real = realpath(path, NULL);
        if (!real)
                return -errno;
        r = reach_walk(real, ret_component, size);
        if (r != 0)
                return r;

        hidden = reach_find_hidden(real);
        if (hidden) {
                (void)snprintf(ret_component, size, "%s", hidden);
                return REACH_E_HIDDEN;
        }

        return 0;
}
