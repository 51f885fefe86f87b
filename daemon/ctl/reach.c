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
#include <endian.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "ctl/reach.h"
#include "util/cleanup.h"

enum {
        REACH_GROUPS_MAX = 256,
        REACH_ENTRIES_MAX = 512, /* of an access list; a longer one counts as none */
};

/* What the last component has to grant; all before it have to be searched alone. */
static int reach_component(const char *component, bool last, ReachKind kind, ReachAs as) {
        int wanted = !last                    ? X_OK
                     : kind == REACH_FILE     ? R_OK
                     : kind == REACH_WRITABLE ? W_OK | X_OK
                                              : R_OK | X_OK;
        bool directory = !last || kind != REACH_FILE;
        struct stat st;

        if (stat(component, &st) < 0)
                return errno == ENOENT ? REACH_E_MISSING : errno == ENOTDIR ? REACH_E_NOT_DIRECTORY : -errno;
        if (directory && !S_ISDIR(st.st_mode))
                return REACH_E_NOT_DIRECTORY;
        if (!directory && !S_ISREG(st.st_mode))
                return REACH_E_NOT_FILE;

        if (as == REACH_AS_ME) {
                if (access(component, wanted) == 0)
                        return 0;
                return errno == EACCES || errno == EROFS ? REACH_E_CLOSED : -errno;
        }
        /* R_OK, W_OK and X_OK are the bits of "others" (chmod(2)) */
        return ((int)st.st_mode & wanted) == wanted ? 0 : REACH_E_CLOSED;
}

static int reach_walk(const char *path, ReachKind kind, ReachAs as, char *ret_component, size_t size) {
        _cleanup_(freep) char *copy = strdup(path);
        size_t length = strlen(path);
        int r;

        if (!copy)
                return -ENOMEM;

        for (size_t i = 1; i <= length; i++) {
                if (path[i] != '/' && path[i] != '\0')
                        continue;

                copy[i] = '\0';
                r = reach_component(copy, i == length, kind, as);
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
const char *reach_find_hidden(const char *path) {
        static const char *const hidden[] = { "/home", "/root", "/run/user", "/tmp", "/var/tmp" };

        for (size_t i = 0; i < ELEMENTSOF(hidden); i++) {
                size_t n = strlen(hidden[i]);

                if (strncmp(path, hidden[i], n) == 0 && (path[n] == '/' || path[n] == '\0'))
                        return hidden[i];
        }

        return NULL;
}

int reach(const char *path, ReachKind kind, ReachAs as, char *ret_component, size_t size) {
        _cleanup_(freep) char *real = NULL;
        const char *hidden;
        int r;

        r = reach_walk(path, kind, as, ret_component, size);
        if (r != 0)
                return r;
        real = realpath(path, NULL);
        if (!real)
                return -errno;
        r = reach_walk(real, kind, as, ret_component, size);
        if (r != 0 || as == REACH_AS_ME)
                return r;

        hidden = reach_find_hidden(real);
        if (hidden) {
                (void)snprintf(ret_component, size, "%s", hidden);
                return REACH_E_HIDDEN;
        }
        return 0;
}

static bool reach_has_group(const char *user, gid_t primary, gid_t group) {
        gid_t groups[REACH_GROUPS_MAX];
        int n = REACH_GROUPS_MAX;

        if (getgrouplist(user, primary, groups, &n) < 0)
                n = REACH_GROUPS_MAX; /* there are more; these are some of them */
        for (int i = 0; i < n; i++)
                if (groups[i] == group)
                        return true;

        return false;
}

/* The list as the kernel keeps it, little-endian (linux/posix_acl_xattr.h); its mask bounds what it grants. */
bool reach_is_listed(const char *path, const char *user) {
        struct {
                struct posix_acl_xattr_header header;
                struct posix_acl_xattr_entry entries[REACH_ENTRIES_MAX];
        } list;
        const struct passwd *passwd = getpwnam(user);
        ssize_t size = getxattr(path, "system.posix_acl_access", &list, sizeof(list));
        unsigned int granted = 0, mask = ACL_READ | ACL_WRITE;
        size_t n;

        if (!passwd || size < (ssize_t)sizeof(list.header) ||
            le32toh(list.header.a_version) != POSIX_ACL_XATTR_VERSION)
                return false;

        n = ((size_t)size - sizeof(list.header)) / sizeof(list.entries[0]);
        for (size_t i = 0; i < n; i++) {
                unsigned int tag = le16toh(list.entries[i].e_tag), id = le32toh(list.entries[i].e_id),
                             bits = le16toh(list.entries[i].e_perm);

                if (tag == ACL_MASK)
                        mask = bits;
                else if ((tag == ACL_USER && id == passwd->pw_uid) ||
                         (tag == ACL_GROUP && reach_has_group(user, passwd->pw_gid, id)))
                        granted |= bits;
        }
        return granted & mask & ACL_WRITE;
}
