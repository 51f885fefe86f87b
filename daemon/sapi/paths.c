/* SPDX-License-Identifier: MIT */
/*
 * Finding the script
 *
 * The front end names a file (script.c tells which). It runs if it is a regular,
 * readable file, if its name ends in an allowed extension, and if its real
 * path, all links followed, lies below root or one of the `also` directories.
 *
 * Following links costs a system call per path component, so the outcome is
 * kept per path. A stat(2) proves that the path still means the same file (device,
 * inode, change time): a `current` link that was switched leads to another inode
 * and is resolved anew. It is made for each request, except for those that a worker
 * gets within SEEN_USEC of the last one for that path, so that a change is seen
 * SEEN_USEC later at most. What stat(2) cannot see, a directory renamed above
 * the file or a root that moved, is seen within CACHE_USEC.
 */

#include "sapi/internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/clock.h"

#define CACHE_USEC  USEC_PER_SEC
#define SEEN_USEC   (2 * USEC_PER_MSEC)
#define CACHE_SLOTS 64U

struct PathEntry {
        char *path; /* as the front end wrote it; owned */
        char *real; /* owned */
        dev_t device;
        ino_t inode;
        struct timespec changed;
        uint64_t checked_usec;
        uint64_t seen_usec; /* by the last stat(2) */
};

static struct PathEntry path_cache[CACHE_SLOTS];
static char path_reason[2 * PATH_MAX + 128];

static struct PathEntry *path_entry(const char *path) {
        uint32_t hash = 2166136261U; /* FNV-1a */

        for (const char *p = path; *p; p++)
                hash = (hash ^ (uint8_t)*p) * 16777619U;

        return &path_cache[hash % CACHE_SLOTS];
}

static bool path_is_same(const struct PathEntry *entry, const char *path, const struct stat *st) {
        return entry->path && entry->inode == st->st_ino && entry->device == st->st_dev &&
               entry->changed.tv_sec == st->st_ctim.tv_sec &&
               entry->changed.tv_nsec == st->st_ctim.tv_nsec && strcmp(entry->path, path) == 0;
}

int embed_stat_script(const char *path, struct stat *ret) {
        struct PathEntry *entry = path_entry(path);
        uint64_t now = clock_now_usec();

        if (entry->path && now - entry->seen_usec < SEEN_USEC && strcmp(entry->path, path) == 0) {
                *ret = (struct stat){
                        .st_mode = S_IFREG,
                        .st_dev = entry->device,
                        .st_ino = entry->inode,
                        .st_ctim = entry->changed,
                };
                return 0;
        }

        if (stat(path, ret) < 0)
                return -errno;
        if (path_is_same(entry, path, ret))
                entry->seen_usec = now;
        return 0;
}

static bool path_has_extension(const char *path) {
        size_t size = strlen(path);

        for (char **e = embed_options->extensions; *e; e++) {
                size_t n = strlen(*e);

                if (size > n && memcmp(path + size - n, *e, n) == 0 && path[size - n - 1] != '/')
                        return true;
        }

        return false;
}

/* @directory is resolved now: it may lead through a link that was switched. */
static bool path_is_below(const char *real, const char *directory) {
        char *resolved = realpath(directory, NULL);
        size_t size = resolved ? strlen(resolved) : 0;
        bool below = resolved && strncmp(real, resolved, size) == 0 && (real[size] == '/' || size == 1);

        free(resolved);
        return below;
}

static bool path_is_allowed(const char *real) {
        if (path_is_below(real, embed_options->root))
                return true;

        for (char **also = embed_options->also; *also; also++)
                if (path_is_below(real, *also))
                        return true;

        return false;
}

/* @real (may be NULL): where @path leads. */
static SapiPathOutcome path_refuse(SapiPathOutcome outcome,
                                   const char **ret_reason,
                                   const char *path,
                                   const char *real,
                                   const char *what) {
        (void)snprintf(path_reason,
                       sizeof(path_reason),
                       "'%s'%s%s%s %s",
                       path,
                       real ? " (which is '" : "",
                       real ? real : "",
                       real ? "')" : "",
                       what);
        *ret_reason = path_reason;
        return outcome;
}

static SapiPathOutcome path_check(const char *path, char **ret_real, const char **ret_reason) {
        const char *what = NULL;
        char *real;

        if (!path_has_extension(path))
                return path_refuse(SAPI_PATH_DENIED,
                                   ret_reason,
                                   path,
                                   NULL,
                                   "has no extension of security.extensions");

        real = realpath(path, NULL);
        if (!real)
                return path_refuse(SAPI_PATH_MISSING, ret_reason, path, NULL, "does not exist");

        if (!path_is_allowed(real))
                what = "is outside root and also";
        else if (!path_has_extension(real))
                what = "has no extension of security.extensions";
        else if (access(real, R_OK) < 0)
                what = "may not be read by the pool's user";

        if (what) {
                (void)path_refuse(SAPI_PATH_DENIED, ret_reason, path, real, what);
                free(real);
                return SAPI_PATH_DENIED;
        }

        *ret_real = real;
        return SAPI_PATH_FOUND;
}

/* @st: of @path, a regular file, now. */
static SapiPathOutcome path_resolve(const char *path,
                                    const struct stat *st,
                                    char **ret_real,
                                    bool *ret_known,
                                    const char **ret_reason) {
        struct PathEntry *entry = path_entry(path);
        uint64_t now = clock_now_usec();
        SapiPathOutcome outcome;
        char *copy, *real;

        if (now - entry->checked_usec < CACHE_USEC && path_is_same(entry, path, st)) {
                *ret_real = entry->real;
                *ret_known = true;
                return SAPI_PATH_FOUND;
        }

        outcome = path_check(path, &real, ret_reason);
        if (outcome != SAPI_PATH_FOUND)
                return outcome;

        copy = strdup(path);
        if (!copy) {
                free(real);
                return path_refuse(SAPI_PATH_MISSING, ret_reason, path, NULL, "found no memory");
        }

        free(entry->path);
        free(entry->real);
        *entry = (struct PathEntry){
                .path = copy,
                .real = real,
                .device = st->st_dev,
                .inode = st->st_ino,
                .changed = st->st_ctim,
                .checked_usec = now,
        };
        *ret_real = real;
        *ret_known = false;
        return SAPI_PATH_FOUND;
}

SapiPathOutcome
embed_find_script(SapiContext *context, char **ret_script, bool *ret_known, const char **ret_reason) {
        SapiPathOutcome outcome;
        char path[PATH_MAX] = "";
        struct stat st;
        int r;

        *ret_reason = NULL;
        r = embed_locate_script(context, path, &st, ret_reason);
        if (*ret_reason)
                return r == -EINVAL ? SAPI_PATH_DENIED : SAPI_PATH_MISSING;
        if (r == -EACCES)
                return path_refuse(SAPI_PATH_DENIED,
                                   ret_reason,
                                   path,
                                   NULL,
                                   "stands in a directory that the pool's user may not enter");
        if (r == -ENOMEM)
                return path_refuse(SAPI_PATH_MISSING, ret_reason, path, NULL, "found no memory");
        if (!embed_ini.fix_pathinfo &&
            !path_has_extension(path)) /* php-fpm does not look whether it exists */
                return path_refuse(SAPI_PATH_DENIED,
                                   ret_reason,
                                   path,
                                   NULL,
                                   "has no extension of security.extensions");
        if (r < 0)
                return path_refuse(SAPI_PATH_MISSING, ret_reason, path, NULL, "does not exist");
        if (!S_ISREG(st.st_mode))
                return path_refuse(SAPI_PATH_MISSING, ret_reason, path, NULL, "is not a regular file");

        outcome = path_resolve(path, &st, ret_script, ret_known, ret_reason);
        if (outcome == SAPI_PATH_FOUND)
                context->path = path_entry(path)->path;
        return outcome;
}
