/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/cleanup.h"
#include "util/fd.h"
#include "util/process.h"
#include "worker/environment.h"

#define CREDENTIAL_PREFIX   "@credential:"
#define CREDENTIAL_SIZE_MAX (1U << 20) /* systemd's own limit, systemd.exec(5) */

static int environment_credential(const char *name, const char *id) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(freep) char *path = NULL, *value = NULL;
        size_t size;
        int r;

        if (!directory || strchr(id, '/') || strcmp(id, "..") == 0)
                return -ENOENT;
        if (asprintf(&path, "%s/%s", directory, id) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        r = fd_read_file(path, CREDENTIAL_SIZE_MAX, &value, &size);
        if (r < 0)
                return r;
        if (strlen(value) != size)
                return -EINVAL;
        if (size > 0 && value[size - 1] == '\n') /* editors end files with one */
                value[size - 1] = '\0';

        return setenv(name, value, /* overwrite= */ 1) < 0 ? -errno : 0;
}

static int environment_set(const char *entry) {
        const char *equals = strchr(entry, '=');
        _cleanup_(freep) char *name = NULL;

        if (!equals)
                return -EINVAL;
        name = strndup(entry, (size_t)(equals - entry));
        if (!name)
                return -ENOMEM;

        if (strncmp(equals + 1, CREDENTIAL_PREFIX, strlen(CREDENTIAL_PREFIX)) == 0)
                return environment_credential(name, equals + 1 + strlen(CREDENTIAL_PREFIX));

        return setenv(name, equals + 1, /* overwrite= */ 1) < 0 ? -errno : 0;
}

int environment_prepare(char *const *env, const char **reterr_name) {
        process_forget_service_environment();

        for (; *env; env++) {
                int r = environment_set(*env);

                if (r < 0) {
                        *reterr_name = *env;
                        return r;
                }
        }

        return 0;
}

/* systemd gives a colon-separated list; ours has one entry. */
static char *environment_directory(const char *name) {
        const char *value = getenv(name);

        return value && *value == '/' ? strndup(value, strcspn(value, ":")) : NULL;
}

static int environment_fallback(char **directory, const char *base, const char *leaf) {
        if (*directory)
                return 0;
        if (asprintf(directory, "%s/%s", base, leaf) < 0) {
                *directory = NULL;
                return -ENOMEM;
        }
        return mkdir(*directory, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int environment_directories(char **ret_state, char **ret_cache) {
        _cleanup_(freep) char *state = environment_directory("STATE_DIRECTORY");
        _cleanup_(freep) char *cache = environment_directory("CACHE_DIRECTORY");
        int r;

        if (!state || !cache) {
                /* the same place for every generation: sessions outlive a reload */
                _cleanup_(freep) char *base = NULL;
                const char *root = getenv("TMPDIR");
                struct stat st;

                if (asprintf(&base, "%s/php-pool-%u", root ? root : "/tmp", (unsigned int)geteuid()) < 0) {
                        base = NULL;
                        return -ENOMEM;
                }
                /* somebody else may have made it, to read our sessions */
                if ((mkdir(base, 0700) < 0 && errno != EEXIST) || lstat(base, &st) < 0)
                        return -errno;
                if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
                        return -EPERM;

                r = environment_fallback(&state, base, "state");
                if (r < 0)
                        return r;
                r = environment_fallback(&cache, base, "cache");
                if (r < 0)
                        return r;
        }

        *ret_state = TAKE_PTR(state);
        *ret_cache = TAKE_PTR(cache);
        return 0;
}
