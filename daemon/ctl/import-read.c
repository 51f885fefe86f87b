/* SPDX-License-Identifier: MIT */
/*
 * What each directive of a php-fpm pool becomes
 *
 * Every directive is in one of the tables here, or handled by name; one that is
 * in none gets a line of its own, so that nothing is lost in silence.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "ctl/checks.h"
#include "ctl/import.h"

void import_add(Import *import, ImportList *list, const char *format, ...) {
        char **items = reallocarray(list->items, list->n_items + 1, sizeof(*items)), *text;
        va_list args;

        if (!items) {
                import->failed = true;
                return;
        }
        list->items = items;

        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                import->failed = true;
        else
                items[list->n_items++] = text;
        va_end(args);
}

void import_note(Import *import, const FpmDirective *directive, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        va_list args;

        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                text = NULL;
        va_end(args);
        if (!text)
                import->failed = true;
        else if (!directive)
                import_add(import, &import->notes, "%s", text);
        else if (directive->index)
                import_add(import,
                           &import->notes,
                           "%s:%u: %s[%s] = %s: %s",
                           directive->file,
                           directive->line,
                           directive->name,
                           directive->index,
                           directive->value,
                           text);
        else
                import_add(import,
                           &import->notes,
                           "%s:%u: %s = %s: %s",
                           directive->file,
                           directive->line,
                           directive->name,
                           directive->value,
                           text);
}

static void import_list_done(ImportList *list) {
        for (size_t i = 0; i < list->n_items; i++)
                free(list->items[i]);
        free(list->items);
}

void import_done(Import *import) {
        ImportList *const lists[] = { &import->hosts,        &import->index,    &import->values,
                                      &import->admin_values, &import->env,      &import->extensions,
                                      &import->service,      &import->socket,   &import->writable,
                                      &import->notes,        &import->suppress, &import->also };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                import_list_done(lists[i]);
        free(import->root);
        free(import->docroot);
        free(import->front_controller);
        *import = (Import){};
}

/* Carried over elsewhere, or what systemd and the manager do by themselves. */
static const char *const import_silent[] = {
        "user",
        "group",
        "listen",
        "listen.owner",
        "listen.group",
        "listen.mode",
        "listen.acl_users",
        "listen.acl_groups",
        "listen.allowed_clients",
        "listen.backlog",
        "pm",
        "pm.max_children",
        "pm.start_servers",
        "pm.min_spare_servers",
        "pm.max_spare_servers",
        "pm.max_spawn_rate",
        "pm.process_idle_timeout",
        "pm.max_requests",
        "request_terminate_timeout",
        "request_slowlog_timeout",
        "access.format",
        "pm.status_path",
        "ping.path",
        "ping.response",
        "catch_workers_output",
        "decorate_workers_output",
        "chroot",
        "chdir",
        "prefix",
        "security.limit_extensions",
        "php_value",
        "php_flag",
        "php_admin_value",
        "php_admin_flag",
};

static const struct {
        const char *name, *note;
} import_notes[] = {
        { "pm.status_listen",
          "php-poolctl status and php-pool-metrics.socket tell it, without taking a worker" },
        { "include", "nothing matches it" },
        { "slowlog", "slow requests are in the journal, with PHP's stack" },
        { "request_slowlog_trace_depth", "the stack is as deep as it is read" },
        { "request_terminate_timeout_track_finished",
          "timeouts.request ends with the answer; what a script does after it is not timed" },
        { "listen.setfib", "it is of FreeBSD" },
        { "process.dumpable", "workers of a pool may be looked at by their own user alone, always" },
};

/* [global]: for php-fpm as a whole. */
static const struct {
        const char *name, *note;
} import_global_notes[] = {
        { "include", "nothing matches it" },
        { "pid", NULL },
        { "daemonize", NULL },
        { "error_log", "errors go to the journal" },
        { "log_level", "say LogLevelMax= in the unit" },
        { "log_limit", NULL },
        { "log_buffering", NULL },
        { "syslog.facility", "say SyslogFacility= in the unit" },
        { "syslog.ident", NULL },
        { "events.mechanism", NULL },
        { "systemd_interval", NULL },
        { "emergency_restart_threshold", "a worker that dies is replaced, the others go on" },
        { "emergency_restart_interval", "a worker that dies is replaced, the others go on" },
        { "process.max", "say TasksMax= for php-pool.slice" },
};

/* env[NAME] = value; a value "$NAME" is taken from php-fpm's own environment. */
static void import_env(Import *import, const FpmDirective *directive) {
        const char *value = import_word(directive);

        if (!directive->index || *directive->index == '\0') {
                import_note(import, directive, "it has no name in []");
                return;
        }
        if (*value != '$' && (!strstr(value, "${") || directive->quote == '\''))
                import_add(import, &import->env, "%s=%s", directive->index, value);
        else if (strcmp(value, "$HOSTNAME") == 0)
                import_add(import, &import->service, "Environment=%s=%%H", directive->index);
        else if (strcmp(value + 1, directive->index) == 0)
                import_add(import, &import->service, "PassEnvironment=%s", directive->index);
        else
                import_note(import,
                            directive,
                            "it came from php-fpm's environment; write its value into env");
}

static void import_number(Import *import, const char *name, unsigned long *ret) {
        const FpmDirective *directive = fpm_conf_get(import->conf, import->pool, name);
        char *end;
        unsigned long n;

        if (!directive)
                return;
        n = strtoul(directive->value, &end, 10);
        if (*directive->value == '\0' || *end || n > 999999999UL)
                import_note(import, directive, "not a number");
        else
                *ret = n;
}

/* False: it is not set. */
static bool import_seconds(Import *import, const char *section, const char *name, unsigned long *ret) {
        const FpmDirective *directive = fpm_conf_get(import->conf, section, name);

        if (!directive)
                return false;
        if (fpm_parse_seconds(directive->value, ret) < 0) {
                import_note(import, directive, "not a time");
                return false;
        }
        return true;
}

static void import_manager(Import *import) {
        const FpmDirective *pm = fpm_conf_get(import->conf, import->pool, "pm");
        const FpmDirective *children = fpm_conf_get(import->conf, import->pool, "pm.max_children");
        unsigned long spare = 0;

        import->max = 8;
        import->spare = 1;
        import_number(import, "pm.max_children", &import->max);
        if (import->max < 1 || import->max > 4096) {
                import_note(import, children, "workers.max goes from 1 to 4096");
                import->max = import->max < 1 ? 1 : 4096;
        }

        if (pm && strcmp(pm->value, "static") == 0) {
                import->min = import->max;
        } else if (pm && strcmp(pm->value, "ondemand") == 0) {
                import->spare = 0;
                import->idle_seconds = 10; /* php-fpm's default */
                import->has_idle = true;
        } else {
                import_number(import, "pm.min_spare_servers", &spare);
                import->spare = spare > 0 ? spare : 1;
                import->spare = import->spare > import->max ? import->max : import->spare;
        }
        if (import_seconds(import, import->pool, "pm.process_idle_timeout", &import->idle_seconds))
                import->has_idle = pm && strcmp(pm->value, "ondemand") == 0;
        import_number(import, "pm.max_requests", &import->max_requests);

        /* a process and a descriptor or two for each worker, twice during a reload */
        if (2 * import->max + 3 > 256)
                import_add(import, &import->service, "LimitNPROC=%lu", 2 * import->max + 16);
        if (2 * import->max + 3 > 512)
                import_add(import, &import->service, "TasksMax=%lu", 2 * import->max + 16);
}

static void import_times(Import *import) {
        const FpmDirective *extensions =
                fpm_conf_get(import->conf, import->pool, "security.limit_extensions");
        char *copy, *saved = NULL;

        /* not set, and 0, is no limit there */
        (void)import_seconds(import, import->pool, "request_terminate_timeout", &import->request_seconds);
        (void)import_seconds(import, import->pool, "request_slowlog_timeout", &import->slow_seconds);
        import->has_stop =
                import_seconds(import, "global", "process_control_timeout", &import->stop_seconds);
        if (import->has_stop && import->stop_seconds > 65)
                import_add(import, &import->service, "TimeoutStopSec=%lu", import->stop_seconds + 10);

        if (extensions && *extensions->value == '\0') {
                import_note(import, extensions, "a list that is empty would run any file; only .php is run");
                return;
        }
        copy = strdup(extensions ? extensions->value : ".php .phar"); /* php-fpm's default */
        if (!copy) {
                import->failed = true;
                return;
        }
        for (char *word = strtok_r(copy, " \t,", &saved); word; word = strtok_r(NULL, " \t,", &saved))
                import_add(import, &import->extensions, "%s", word);
        free(copy);
}

static void import_limits(Import *import, const FpmDirective *directive) {
        if (strcmp(directive->name, "rlimit_files") == 0)
                import_add(import, &import->service, "LimitNOFILE=%s", directive->value);
        else if (strcmp(directive->name, "rlimit_core") == 0)
                import_add(import,
                           &import->service,
                           "LimitCORE=%s",
                           strcmp(directive->value, "unlimited") == 0 ? "infinity" : directive->value);
        else if (strcmp(directive->name, "process.priority") == 0)
                import_add(import, &import->service, "Nice=%s", directive->value);
        else
                import_add(import, &import->service, "AppArmorProfile=%s", directive->value);
}

static bool import_is_limit(const char *name) {
        return strcmp(name, "rlimit_files") == 0 || strcmp(name, "rlimit_core") == 0 ||
               strcmp(name, "process.priority") == 0 || strcmp(name, "apparmor_hat") == 0;
}

static void import_directive(Import *import, const FpmDirective *directive) {
        const char *name = directive->name;

        for (size_t i = 0; i < ELEMENTSOF(import_silent); i++)
                if (strcmp(import_silent[i], name) == 0)
                        return;
        for (size_t i = 0; i < ELEMENTSOF(import_notes); i++)
                if (strcmp(import_notes[i].name, name) == 0) {
                        import_note(import, directive, "%s", import_notes[i].note);
                        return;
                }

        if (strcmp(name, "env") == 0)
                import_env(import, directive);
        else if (import_is_limit(name))
                import_limits(import, directive);
        else if (strcmp(name, "access.suppress_path") == 0)
                import_add(import, &import->suppress, "%s", directive->value);
        else if (strcmp(name, "access.log") == 0)
                import->logs_access = strcmp(directive->value, "/dev/null") != 0;
        else if (strcmp(name, "clear_env") == 0) {
                if (!fpm_parse_flag(directive->value))
                        import_note(
                                import,
                                directive,
                                "the environment is systemd's, which is empty but for PATH and the like: what scripts "
                                "need goes into env, or Environment= of the unit");
        } else
                import_note(import, directive, "it is not known");
}

static void import_global(Import *import, const FpmDirective *directive) {
        if (strcmp(directive->name, "process_control_timeout") == 0)
                return;
        if (import_is_limit(directive->name)) {
                if (!fpm_conf_get(import->conf, import->pool, directive->name))
                        import_limits(import, directive);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(import_global_notes); i++)
                if (strcmp(import_global_notes[i].name, directive->name) == 0) {
                        if (import_global_notes[i].note)
                                import_note(import, directive, "%s", import_global_notes[i].note);
                        return;
                }
        import_note(import, directive, "it is not known");
}

static bool import_is_secret(const FpmDirective *directive) {
        if (!directive->index)
                return false;
        return strcmp(directive->name, "env") == 0
                       ? *directive->value != '$' && secrets_is_variable(directive->index)
                       : strncmp(directive->name, "php_", 4) == 0 &&
                                 secrets_is_setting(directive->index, directive->value);
}

/*
 * conf.d is read by the proxy, and by each pool as a user of its own, which systemd makes as it
 * starts: no mode but 0644 lets them all in. php-fpm reads its files as root.
 */
static void import_secrets(Import *import) {
        for (size_t i = 0; i < import->conf->n_items; i++) {
                const FpmDirective *directive = &import->conf->items[i];
                struct stat st;

                if (strcmp(directive->pool, import->pool) != 0 || !import_is_secret(directive) ||
                    stat(directive->file, &st) < 0 || (st.st_mode & S_IROTH))
                        continue;
                import_add(
                        import,
                        &import->notes,
                        "%s:%u: %s[%s]: it looks like a secret, and others may not read this file, but everyone can "
                        "read conf.d: %s",
                        directive->file,
                        directive->line,
                        directive->name,
                        directive->index,
                        strcmp(directive->name, "env") == 0
                                ? "use @credential: in env, and LoadCredential= in the unit"
                                : "set it in a file that PHP_INI_SCAN_DIR= of the unit leads to");
        }
}

int import_read(Import *import) {
        for (size_t i = 0; i < import->conf->n_items; i++) {
                const FpmDirective *directive = &import->conf->items[i];

                if (strcmp(directive->pool, import->pool) == 0)
                        import_directive(import, directive);
                else if (strcmp(directive->pool, "global") == 0)
                        import_global(import, directive);
        }
        import_settings(import);
        import_secrets(import);
        import_manager(import);
        import_times(import);
        import_listen(import);
        import_place(import);

        return import->failed ? -ENOMEM : 0;
}
