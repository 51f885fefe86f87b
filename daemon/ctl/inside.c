/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl inside: the last step of `exec`, in the sandbox already
 *
 * Gives the program what a worker of the pool has: the directory, the
 * environment of the file with the credentials filled in, php.ini, the pool's
 * values, and the `php` of the pool's version. PHP on the command line takes its
 * php.ini from PHPRC and further files from PHP_INI_SCAN_DIR; the values become the last
 * of these, in a directory below /tmp, which is the sandbox's own.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config/pool.h"
#include "ctl/child.h"
#include "ctl/php.h"
#include "ctl/text.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/parse.h"

#define INSIDE_CREDENTIAL     "@credential:"
#define INSIDE_CREDENTIAL_MAX (1U << 20) /* systemd's own limit, systemd.exec(5) */

static int inside_set_credential(const char *name, const char *id) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(freep) char *value = NULL;
        char path[PATH_MAX];
        size_t size;
        int r;

        if (!directory || strchr(id, '/'))
                return -ENOENT;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, id);
        r = fd_read_file(path, INSIDE_CREDENTIAL_MAX, &value, &size);
        if (r < 0)
                return r;
        if (strlen(value) != size)
                return -EINVAL;
        if (size > 0 && value[size - 1] == '\n') /* as the worker does: editors end files with one */
                value[size - 1] = '\0';
        return setenv(name, value, /* overwrite= */ 1) < 0 ? -errno : 0;
}

static int inside_set_environment(char *const *env) {
        for (; *env; env++) {
                const char *equals = strchr(*env, '=');
                _cleanup_(freep) char *name = equals ? strndup(*env, (size_t)(equals - *env)) : NULL;
                int r;

                if (!name)
                        return -ENOMEM;
                if (strncmp(equals + 1, INSIDE_CREDENTIAL, strlen(INSIDE_CREDENTIAL)) == 0)
                        r = inside_set_credential(name, equals + 1 + strlen(INSIDE_CREDENTIAL));
                else
                        r = setenv(name, equals + 1, /* overwrite= */ 1) < 0 ? -errno : 0;
                if (r < 0)
                        return log_error_errno(r, "Failed to set '%s' of env: %m", name);
        }

        return 0;
}

/* "name=value" as sapi/ini-values.c writes it: quotes keep ; and spaces in the value, and make words of what PHP reads. */
static void inside_write_values(FILE *f, char *const *values) {
        for (; *values; values++) {
                const char *equals = strchr(*values, '=');

                if (equals && !parse_is_list(*values))
                        (void)fprintf(f,
                                      parse_is_unquoted(*values) ? "%.*s=%s\n" : "%.*s=\"%s\"\n",
                                      (int)(equals - *values),
                                      *values,
                                      equals + 1);
        }
}

/* What the pool has below php.ini, where php.ini says nothing. */
static void inside_write_defaults(FILE *f, const Php *php) {
        static const struct {
                const char *name, *leaf;
        } defaults[] = {
                { "session.save_path", "sessions" },
                { "upload_tmp_dir", "tmp" },
                { "sys_temp_dir", "tmp" },
        };
        const char *state = getenv("STATE_DIRECTORY");

        for (size_t i = 0; state && i < ELEMENTSOF(defaults); i++)
                if (!php_get(php, defaults[i].name))
                        (void)fprintf(f, "%s=\"%s/%s\"\n", defaults[i].name, state, defaults[i].leaf);
}

/* These are joined with php.ini's already. Where the pool has none PHP reads php.ini better than we. */
static void inside_write_lists(FILE *f, const Php *php) {
        for (size_t i = 0; parse_lists[i]; i++) {
                const PhpSetting *setting = php_get(php, parse_lists[i]);

                if (setting && setting->line == 0)
                        (void)fprintf(f, "%s=\"%s\"\n", setting->name, setting->value);
        }
}

static int inside_write_ini(const char *directory, const Php *php, const PoolConfig *config) {
        char path[PATH_MAX];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/php-pool.ini", directory);
        f = fopen(path, "wxe");
        if (!f)
                return -errno;

        inside_write_defaults(f, php);
        inside_write_values(f, config->php_values);
        inside_write_values(f, config->php_admin_values);
        inside_write_lists(f, php);
        return fclose(f) != 0 ? -errno : 0;
}

/* `php`, and "#!/usr/bin/env php", are to be the pool's version. */
static int inside_set_path(const char *directory, const char *version) {
        const char *path = getenv("PATH") ?: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        char program[PATH_MAX], link[PATH_MAX];
        _cleanup_(freep) char *longer = NULL;

        (void)snprintf(program, sizeof(program), "/usr/bin/php%s", version);
        if (access(program, X_OK) < 0)
                return 0; /* then `php` is what it is */
        (void)snprintf(link, sizeof(link), "%s/php", directory);
        if (symlink(program, link) < 0)
                return -errno;
        if (asprintf(&longer, "%s:%s", directory, path) < 0) {
                longer = NULL;
                return -ENOMEM;
        }
        return setenv("PATH", longer, /* overwrite= */ 1) < 0 ? -errno : 0;
}

static int inside_set_php(const Php *php, const PoolConfig *config) {
        char directory[] = "/tmp/php-pool-XXXXXX", scan[2 * PATH_MAX];
        int r;

        if (!mkdtemp(directory))
                return -errno;

        r = inside_write_ini(directory, php, config);
        if (r == 0 && php->version)
                r = inside_set_path(directory, php->version);
        if (r < 0)
                return r;

        /* an empty name is the directory that this PHP was built with: not where the unit says that there is none */
        (void)snprintf(scan, sizeof(scan), "%s%s%s", php->scan ?: "", php->scan ? ":" : "", directory);
        if (setenv("PHP_INI_SCAN_DIR", scan, /* overwrite= */ 1) < 0)
                return -errno;
        return php->ini && setenv("PHPRC", php->ini, /* overwrite= */ 1) < 0 ? -errno : 0;
}

int verb_inside(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(php_done) Php php = {};
        _cleanup_(freep) char *clean = NULL;
        int r;

        r = ctl_load_pool(ctl, argv[0], &config);
        if (r > 0)
                return r;

        r = php_load(&php, ctl, config, getenv("PHP_INI_SCAN_DIR"));
        if (r == 0)
                r = inside_set_php(&php, config);
        if (r < 0) {
                log_error_errno(r, "Failed to set up PHP's settings: %m");
                return EXIT_FAILURE;
        }
        if (inside_set_environment(config->env) < 0)
                return EXIT_FAILURE;
        if (chdir(config->root) < 0) {
                log_error_errno(-errno, "Failed to go to '%s': %m", config->root);
                return EXIT_FAILURE;
        }

        r = child_become((const char *const *)argv + 1);
        clean = text_clean(argv[1], 200);
        log_error_errno(r, "Failed to run '%s': %m", clean ?: "");
        return r == -ENOENT ? 127 : 126; /* as a shell has it */
}
