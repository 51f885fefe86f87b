/* SPDX-License-Identifier: MIT */
/*
 * Secrets that everyone can read
 *
 * The files of conf.d are read by the proxy, so every process can. And a site's files
 * that are open to others, as the pool's dynamic user needs them to be, are open to
 * the users of all other pools as well: a .env file with a password in it belongs
 * to root and a group, which a drop-in gives to the pool.
 */
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "ctl/checks.h"
#include "ctl/file.h"
#include "ctl/reach.h"

#define SECRETS_FILE_MAX (256U * 1024)

static bool secrets_match(const char *const *patterns, size_t n, const char *text) {
        for (size_t i = 0; i < n; i++)
                if (fnmatch(patterns[i], text, FNM_CASEFOLD) == 0)
                        return true;

        return false;
}

bool secrets_is_variable(const char *name) {
        static const char *const names[] = { "*PASSWORD*", "*PASSWD*", "*SECRET*", "*TOKEN*", "*KEY*" };

        return secrets_match(names, ELEMENTSOF(names), name);
}

/* "mysqli.default_pw"; "tcp://10.0.0.1:6379?auth=x", "redis://user:x@host" of session.save_path. */
bool secrets_is_setting(const char *name, const char *value) {
        static const char *const names[] = { "*password*", "*passwd*", "*_pw", "*secret*" };
        static const char *const values[] = { "*auth=?*",
                                              "*auth[[]?*",
                                              "*password=?*",
                                              "*passwd=?*",
                                              "*://*:?*@?*" };

        return *value && (secrets_match(names, ELEMENTSOF(names), name) ||
                          secrets_match(values, ELEMENTSOF(values), value));
}

static void secrets_check_settings(Checks *checks, char *const *values, const char *key) {
        char where[1024];

        for (; *values; values++) {
                const char *value = strchr(*values, '=');
                _cleanup_(freep) char *name = value ? strndup(*values, (size_t)(value - *values)) : NULL;

                if (!name || !secrets_is_setting(name, value + 1))
                        continue;
                findings_add(
                        &checks->findings,
                        FINDING_WARNING,
                        FINDING_SITE,
                        checks_where(checks, key, where, sizeof(where)),
                        "%s looks as if it held a secret, and everyone can read this file: set it in a file of a "
                        "further directory in PHP_INI_SCAN_DIR= that only a group of the pool can read",
                        name);
        }
}

static void secrets_check_env(Checks *checks) {
        char where[1024];

        for (char **entry = checks->config->env; *entry; entry++) {
                const char *value = strchr(*entry, '=');
                _cleanup_(freep) char *name = value ? strndup(*entry, (size_t)(value - *entry)) : NULL;

                if (!name || value[1] == '\0' ||
                    strncmp(value + 1, "@credential:", strlen("@credential:")) == 0 ||
                    !secrets_is_variable(name))
                        continue;
                findings_add(&checks->findings,
                             FINDING_WARNING,
                             FINDING_SITE,
                             checks_where(checks, "env", where, sizeof(where)),
                             "%s looks like a secret, and everyone can read this file: use "
                             "\"%s=@credential:NAME\" and LoadCredential= in the unit",
                             name,
                             name);
        }
}

/* Can everyone read it, and has it a line that gives such a name a value? In .env files, and in PHP: define('DB_PASSWORD', 'x'). */
static bool secrets_are_in(const char *path) {
        _cleanup_(freep) char *text = NULL;
        char *saved = NULL;
        size_t size;

        if (file_read_foreign(AT_FDCWD, path, 0, S_IROTH, SECRETS_FILE_MAX, &text, &size) < 0)
                return false;

        for (char *line = strtok_r(text, "\n", &saved); line; line = strtok_r(NULL, "\n", &saved)) {
                char *value = strpbrk(line, "=,>");
                char c;

                line += strspn(line, " \t");
                if (!value || *line == '#' || *line == '/' || *line == '*')
                        continue;
                c = *value;
                *value = '\0';
                if (!secrets_is_variable(line))
                        continue;
                value += 1 + strspn(value + 1, " \t=>\"'");
                /* nothing, or nothing but the end of a statement: it is only a place for one */
                if (*value && !strchr(");,\r", *value) && strncmp(value, "getenv", 6) != 0 && c)
                        return true;
        }

        return false;
}

static void secrets_check_files(Checks *checks) {
        static const char *const names[] = {
                ".env",
                ".env.local",
                "wp-config.php",
                "config/database.php",
                "config.php",
                "configuration.php",
                "config/config.php",
                "sites/default/settings.php",
                "app/etc/env.php",
                "LocalSettings.php",
        };
        const char *const roots[] = { checks->config->root, checks->config->docroot };
        size_t n_roots = strcmp(roots[0], roots[1]) == 0 ? 1 : 2;

        for (size_t r = 0; r < n_roots; r++)
                for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                        char path[PATH_MAX], component[PATH_MAX];
                        int reached;

                        (void)snprintf(path, sizeof(path), "%s/%s", roots[r], names[i]);
                        /* not where a directory above lets no others through; what a sandbox hides others see */
                        reached = reach(path, REACH_FILE, REACH_AS_OTHERS, component, sizeof(component));
                        if ((reached != 0 && reached != REACH_E_HIDDEN) || !secrets_are_in(path))
                                continue;
                        findings_add(
                                &checks->findings,
                                FINDING_WARNING,
                                FINDING_SITE,
                                path,
                                "it holds secrets, and every user of the system can read it, other pools "
                                "included: chgrp it to a group, chmod 0640, and give the pool that group with "
                                "SupplementaryGroups=");
                }
}

void check_secrets(Checks *checks) {
        secrets_check_env(checks);
        secrets_check_settings(checks, checks->config->php_values, "php.values");
        secrets_check_settings(checks, checks->config->php_admin_values, "php.admin_values");
        secrets_check_files(checks);
}
