/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl check: mistakes of the configuration, before they cost a request
 *
 * The files are read by the code that the manager and the proxy read them with.
 * On top comes what neither can see from its sandbox, or only when it is too
 * late: directories, the worker of the PHP version, drop-ins of the units,
 * secrets in a file that everyone can read. What stops a site is an error
 * (EX_CONFIG), what may be meant so is a warning.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "config/proxy.h"
#include "ctl/checks.h"
#include "ctl/names.h"
#include "ctl/paths.h"
#include "util/log.h"

/* What the proxy finds wrong with @name although the file itself is right: another site has its host. */
static void check_add_broken(Checks *checks, const ProxyConfig *proxy) {
        char where[1024];

        for (size_t i = 0; proxy && i < proxy->n_broken; i++) {
                const ConfigError *error = &proxy->broken[i].error;

                if (strcmp(proxy->broken[i].name, checks->name) == 0)
                        findings_add(&checks->findings,
                                     FINDING_ERROR,
                                     FINDING_SITE,
                                     finding_where(where, sizeof(where), error->file, error->line),
                                     "%s",
                                     error->message);
        }
}

static void check_print_verdict(const Checks *checks) {
        const Findings *findings = &checks->findings;

        for (size_t i = 0; i < findings->n_items; i++)
                finding_print(&findings->items[i], stdout);
        if (findings->n_errors > 0)
                return;

        printf("%s: ok", checks->name);
        if (findings->n_warnings > 0)
                printf(", with %u warning%s", findings->n_warnings, findings->n_warnings == 1 ? "" : "s");
        printf("; PHP %s, php.ini %s, user %s\n",
               checks->php.version ?: "?",
               checks->php.ini ?: "of the distribution",
               *checks_service(checks, "User") ? checks_service(checks, "User") : "of the unit");
}

static int check_pool(const Ctl *ctl, const ProxyConfig *proxy, const char *name) {
        _cleanup_(checks_done) Checks checks = {};
        int r;

        r = checks_load(&checks, ctl, name);
        if (r < 0) {
                log_error_errno(r, "Failed to check '%s': %m", name);
                return EXIT_FAILURE;
        }
        if (checks.config) {
                check_add_broken(&checks, proxy);
                paths_check(&checks.findings, ctl, checks.config, checks.file, &checks.php);
                check_worker(&checks);
                check_settings(&checks);
                check_mail(&checks);
                check_secrets(&checks);
                check_limits(&checks);
                check_unit(&checks);
        }

        check_print_verdict(&checks);
        return checks.findings.n_errors > 0 ? EX_CONFIG : EXIT_SUCCESS;
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
