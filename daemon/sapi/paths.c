/* SPDX-License-Identifier: MIT */
/*
 * Finding the script
 *
 * The front end names a file in SCRIPT_FILENAME. It runs if it is a regular,
 * readable file, if its name ends in an allowed extension, and if its real
 * path, all links followed, lies below root or one of the `also` directories.
 *
 * Following links costs a system call per path component, so the outcome is
 * kept per path. One stat(2) per request proves that the path still means the
 * same file (device, inode, change time): a `current` link that was switched
 * leads to another inode and is resolved anew at once. What stat(2) cannot see,
 * a directory renamed above the file or a root that moved, is seen within
 * CACHE_USEC.
 */

#include "sapi/internal.h"

#include <errno.h>
#include <ext/standard/url.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/clock.h"

#define CACHE_USEC  USEC_PER_SEC
#define CACHE_SLOTS 64U

struct PathEntry {
        char *path; /* as the front end wrote it; owned */
        char *real; /* owned */
        dev_t device;
        ino_t inode;
        struct timespec changed;
        uint64_t checked_usec;
};

static struct PathEntry path_cache[CACHE_SLOTS];
static char path_reason[2 * PATH_MAX + 128];

static struct PathEntry *path_entry(const char *path) {
        uint32_t hash = 2166136261U; /* FNV-1a */

        for (const char *p = path; *p; p++)
                hash = (hash ^ (uint8_t)*p) * 16777619U;

        return &path_cache[hash % CACHE_SLOTS];
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
static SapiPathOutcome
path_resolve(const char *path, const struct stat *st, char **ret_real, const char **ret_reason) {
        struct PathEntry *entry = path_entry(path);
        uint64_t now = clock_now_usec();
        SapiPathOutcome outcome;
        char *copy, *real;

        if (entry->path && entry->inode == st->st_ino && entry->device == st->st_dev &&
            entry->changed.tv_sec == st->st_ctim.tv_sec && entry->changed.tv_nsec == st->st_ctim.tv_nsec &&
            now - entry->checked_usec < CACHE_USEC && strcmp(entry->path, path) == 0) {
                *ret_real = entry->real;
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
        return SAPI_PATH_FOUND;
}

/*
 * Apache's mod_proxy_fcgi writes "proxy:fcgi://host:port/path?query" (also
 * "proxy:balancer://"): gives the path, and cuts the query off @path.
 */
static char *path_strip_proxy(char *path) {
        static const char *const prefixes[] = { "proxy:fcgi://", "proxy:balancer://" };

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                size_t n = strlen(prefixes[i]);
                char *slash;

                if (strncasecmp(path, prefixes[i], n) != 0)
                        continue;

                slash = strchr(path + n, '/');
                if (!slash)
                        return path;
                slash[strcspn(slash, "?")] = '\0';
                return slash;
        }

        return path;
}

/*
 * ProxyPassMatch of Apache leaves the path %-encoded, SetHandler does not. A
 * file that is there under the name as it stands is the latter's. -EINVAL: a NUL
 * came out.
 */
static int path_decode(char *path) {
        struct stat st;
        size_t size;

        if (!strchr(path, '%') || (stat(path, &st) == 0 && S_ISREG(st.st_mode)))
                return 0;

        size = php_raw_url_decode(path, strlen(path));
        return size == strlen(path) ? 0 : -EINVAL;
}

/* SCRIPT_NAME without the path info behind it; PATH_INFO; PATH_TRANSLATED. All or none. */
static void path_set_info(SapiContext *context, const char *info) {
        const Pairs *params = context->request->params;
        const char *name = pairs_get(params, "SCRIPT_NAME", NULL);
        const char *root = pairs_get(params, "DOCUMENT_ROOT", NULL);
        size_t info_size = strlen(info), name_size = name ? strlen(name) : 0;

        context->path_info = strdup(info);
        if (name_size >= info_size && strcmp(name + name_size - info_size, info) == 0)
                context->script_name = strndup(name, name_size - info_size);
        if (root && asprintf(&context->path_translated, "%s%s", root, info) < 0)
                context->path_translated = NULL;
}

/* What scripts see as SCRIPT_FILENAME: the file alone, links not followed, as under php-fpm. */
static void path_set_filename(SapiContext *context, const char *path) {
        const char *name = pairs_get(context->request->params, "SCRIPT_FILENAME", NULL);

        if (!name || strcmp(name, path) != 0)
                context->script_filename = strdup(path);
}

/* Walks back over '/' until a regular file stands there: "/a/b.php/c/d" is b.php with path info "/c/d". */
static SapiPathOutcome
path_walk(SapiContext *context, char *path, char **ret_real, const char **ret_reason) {
        char *end = path + strlen(path);
        struct stat st;

        for (;;) {
                char cut = *end;

                *end = '\0';
                if (stat(path, &st) == 0) {
                        if (S_ISREG(st.st_mode)) {
                                SapiPathOutcome outcome = path_resolve(path, &st, ret_real, ret_reason);

                                if (outcome == SAPI_PATH_FOUND)
                                        path_set_filename(context, path);
                                *end = cut;
                                if (outcome == SAPI_PATH_FOUND && cut != '\0')
                                        path_set_info(context, end);
                                return outcome;
                        }
                        *end = cut;
                        return path_refuse(SAPI_PATH_MISSING,
                                           ret_reason,
                                           path,
                                           NULL,
                                           "is not a regular file");
                }
                if (errno == EACCES) {
                        *end = cut;
                        return path_refuse(SAPI_PATH_DENIED,
                                           ret_reason,
                                           path,
                                           NULL,
                                           "stands in a directory that the pool's user may not enter");
                }
                *end = cut;

                do {
                        if (end == path)
                                return path_refuse(SAPI_PATH_MISSING,
                                                   ret_reason,
                                                   path,
                                                   NULL,
                                                   "does not exist");
                        end--;
                } while (*end != '/');
                if (end == path)
                        return path_refuse(SAPI_PATH_MISSING, ret_reason, path, NULL, "does not exist");
        }
}

SapiPathOutcome embed_find_script(SapiContext *context, char **ret_script, const char **ret_reason) {
        const Pairs *params = context->request->params;
        char buffer[PATH_MAX], *path;
        const char *name;
        size_t size;

        name = pairs_get(params, "SCRIPT_FILENAME", &size);
        if (!name || size == 0)
                name = pairs_get(params, "PATH_TRANSLATED", &size); /* IIS */
        if (!name || size == 0) {
                *ret_reason = "The front end sent no SCRIPT_FILENAME";
                return SAPI_PATH_MISSING;
        }
        if (strlen(name) != size) {
                *ret_reason = "SCRIPT_FILENAME has a NUL in it";
                return SAPI_PATH_DENIED;
        }
        if (size >= sizeof(buffer)) {
                *ret_reason = "SCRIPT_FILENAME is longer than a path can be";
                return SAPI_PATH_MISSING;
        }

        memcpy(buffer, name, size + 1);
        path = path_strip_proxy(buffer);
        if (path != buffer && path_decode(path) < 0) {
                *ret_reason = "SCRIPT_FILENAME has a NUL in it";
                return SAPI_PATH_DENIED;
        }

        return path_walk(context, path, ret_script, ret_reason);
}
