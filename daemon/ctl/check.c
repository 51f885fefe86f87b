/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl check: mistakes of the configuration, before they cost a request
 *
 * The files are read by the code that the manager and the proxy read them with.
 * On top comes what neither can see from its sandbox, or only when it is too
 * late: directories, the worker of the PHP version, secrets in a file that
 * everyone can read. What stops a site is an error (EX_CONFIG), what may be
 * meant so is a warning.
 */
#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "config/pool.h"
#include "config/proxy.h"
#include "ctl/ctl.h"
#include "ctl/names.h"
#include "ctl/reach.h"
#include "util/log.h"

typedef struct Check Check;

/* One pool's file. */
struct Check {
        const Ctl *ctl;
        PoolConfig *config;
        ConfigFile *file; /* for line numbers only */
        unsigned int n_errors;
        unsigned int n_warnings;
};

static void check_say(Check *check, const char *key, const char *prefix, const char *format, va_list args) {
        ConfigError error = { .line = config_file_line(check->file, key) };
        size_t n = strlen(prefix);

        (void)snprintf(error.file, sizeof(error.file), "%s", check->config->path);
        memcpy(error.message, prefix, n + 1);
        (void)vsnprintf(error.message + n, sizeof(error.message) - n, format, args);
        ctl_print_config_error(stdout, &error);
}

static void check_error(Check *check, const char *key, const char *format, ...) _printf_(3, 4);
static void check_warning(Check *check, const char *key, const char *format, ...) _printf_(3, 4);

static void check_error(Check *check, const char *key, const char *format, ...) {
        va_list args;

        va_start(args, format);
        check_say(check, key, "", format, args);
        va_end(args);
        check->n_errors++;
}

static void check_warning(Check *check, const char *key, const char *format, ...) {
        va_list args;

        va_start(args, format);
        check_say(check, key, "warning: ", format, args);
        va_end(args);
        check->n_warnings++;
}

/* False: there is no use in looking below it. */
static bool check_directory_of(Check *check, const char *key, const char *path) {
        char component[PATH_MAX];
        int r;

        r = reach_directory(path, component, sizeof(component));
        switch (r) {
        case 0:
                return true;
        case REACH_E_MISSING:
                check_error(check, key, "'%s' does not exist", component);
                return false;
        case REACH_E_NOT_DIRECTORY:
                check_error(check, key, "'%s' is not a directory", component);
                return false;
        case REACH_E_CLOSED:
                check_warning(check,
                              key,
                              "'%s' is not open to other users (chmod o+rx, or a drop-in with "
                              "SupplementaryGroups= for the pool)",
                              component);
                return false;
        case REACH_E_HIDDEN:
                check_warning(check,
                              key,
                              "'%s' is hidden from the pool by its unit (%s): use another place, or a "
                              "drop-in with BindReadOnlyPaths=",
                              component,
                              strstr(component, "tmp") ? "PrivateTmp=" : "ProtectHome=");
                return false;
        default:
                check_warning(check, key, "'%s' cannot be looked at: %s", path, strerror(-r));
                return false;
        }
}

static void check_worker(Check *check) {
        const char *version = check->config->php_version;
        _cleanup_(freep) char *path = NULL;
        glob_t found = {};

        if (asprintf(&path, "%s/php-pool-worker-%s", check->ctl->worker_dir, version ?: "*") < 0) {
                path = NULL;
                return;
        }

        if (version && access(path, X_OK) < 0) {
                check_error(check,
                            "php.version",
                            "no worker for PHP %s: '%s': %s",
                            version,
                            path,
                            strerror(errno));
        } else if (!version) {
                if (glob(path, 0, NULL, &found) != 0)
                        check_error(check, "php.version", "no worker is installed: '%s'", path);
                globfree(&found);
        }
}

static void check_secrets(Check *check) {
        static const char *const patterns[] = { "*PASSWORD*", "*PASSWD*", "*SECRET*", "*TOKEN*", "*KEY*" };

        for (char **entry = check->config->env; *entry; entry++) {
                const char *value = strchr(*entry, '=');
                _cleanup_(freep) char *name = value ? strndup(*entry, (size_t)(value - *entry)) : NULL;

                if (!name || value[1] == '\0' ||
                    strncmp(value + 1, "@credential:", strlen("@credential:")) == 0)
                        continue;
                for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
                        if (fnmatch(patterns[i], name, FNM_CASEFOLD) != 0)
                                continue;
                        check_warning(check,
                                      "env",
                                      "%s looks like a secret, and everyone can read this file: use "
                                      "\"%s=@credential:NAME\" and LoadCredential= in the unit",
                                      name,
                                      name);
                        break;
                }
        }
}

static void check_surroundings(Check *check) {
        if (check_directory_of(check, "root", check->config->root) &&
            strcmp(check->config->docroot, check->config->root) != 0)
                (void)check_directory_of(check, "site.docroot", check->config->docroot);
        check_worker(check);
        check_secrets(check);
}

/* What the proxy finds wrong with @name although the file itself is right: another site has its host. */
static const ConfigError *check_find_broken(const ProxyConfig *proxy, const char *name) {
        for (size_t i = 0; proxy && i < proxy->n_broken; i++)
                if (strcmp(proxy->broken[i].name, name) == 0)
                        return &proxy->broken[i].error;

        return NULL;
}

static int check_pool(const Ctl *ctl, const ProxyConfig *proxy, const char *name) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(config_file_freep) ConfigFile *file = NULL;
        const ConfigError *broken;
        ConfigError error = {};
        Check check;

        if (pool_config_load(&config, ctl->config_dir, name, &error) < 0 ||
            config_file_load(&file, config->path, &error) < 0) {
                ctl_print_config_error(stdout, &error);
                return EX_CONFIG;
        }

        check = (Check){ .ctl = ctl, .config = config, .file = file };
        broken = check_find_broken(proxy, name);
        if (broken) {
                ctl_print_config_error(stdout, broken);
                check.n_errors++;
        }
        check_surroundings(&check);

        if (check.n_errors > 0)
                return EX_CONFIG;
        if (check.n_warnings > 0)
                printf("%s: ok, with %u warning%s\n",
                       name,
                       check.n_warnings,
                       check.n_warnings == 1 ? "" : "s");
        else
                printf("%s: ok\n", name);
        return EXIT_SUCCESS;
}

static int check_all(const Ctl *ctl, const ProxyConfig *proxy) {
        _cleanup_(names_done) Names names = {};
        int r, result = EXIT_SUCCESS;

        r = names_load(&names, ctl->config_dir);
        if (r < 0) {
                log_error_errno(r, "Failed to read '%s/conf.d': %m", ctl->config_dir);
                return EXIT_FAILURE;
        }

        for (size_t i = 0; i < names.n_items; i++) {
                ConfigError error = {};

                if (!names.items[i].error) {
                        result = MAX2(check_pool(ctl, proxy, names.items[i].name), result);
                        continue;
                }
                (void)snprintf(error.file,
                               sizeof(error.file),
                               "%s/conf.d/%s.conf",
                               ctl->config_dir,
                               names.items[i].name);
                (void)snprintf(error.message,
                               sizeof(error.message),
                               "the file's name cannot be the name of a pool: %s",
                               names.items[i].error);
                ctl_print_config_error(stdout, &error);
                result = EX_CONFIG;
        }

        return result;
}

int verb_check(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(proxy_config_freep) ProxyConfig *proxy = NULL;
        ConfigError error = {};
        int result = EXIT_SUCCESS, r;

        if (argc > 0 && !ctl_check_name(argv[0]))
                return EX_USAGE;

        if (proxy_config_load(&proxy, ctl->config_dir, &error) < 0 && argc == 0) {
                ctl_print_config_error(stdout, &error);
                result = EX_CONFIG;
        }

        r = argc > 0 ? check_pool(ctl, proxy, argv[0]) : check_all(ctl, proxy);
        return MAX2(r, result);
}
