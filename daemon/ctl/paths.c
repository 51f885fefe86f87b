/* SPDX-License-Identifier: MIT */
/*
 * The paths that a pool needs, and whether it gets at them
 *
 * Modes, groups, access lists, the sandbox, a mount that is not there: who wants to
 * know whether the pool can read a file lets the pool's user try, in the pool's
 * sandbox. That is `php-poolctl reach NAME`, which prints a line "NUMBER OUTCOME
 * COMPONENT" for each of paths_list(). Without systemd, or without root, the
 * modes for others are a good guess.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "ctl/child.h"
#include "ctl/paths.h"
#include "ctl/reach.h"
#include "ctl/sandbox.h"
#include "util/log.h"

#define PATHS_TIMEOUT_USEC (30 * USEC_PER_SEC)

enum {
        PATHS_MAX = 64,
};

typedef struct Path Path;

struct Path {
        char key[64]; /* of the configuration file, or the setting of PHP */
        char path[PATH_MAX];
        ReachKind kind;
        int outcome; /* of reach() */
        char component[PATH_MAX];
        bool in_sandbox; /* outcome is the kernel's word */
};

static void
paths_add(Path *paths, size_t *n, const char *key, ReachKind kind, const char *directory, const char *leaf) {
        Path *path = &paths[*n];

        if (*n >= PATHS_MAX)
                return;

        *path = (Path){ .kind = kind };
        (void)snprintf(path->key, sizeof(path->key), "%s", key);
        if ((size_t)snprintf(path->path, sizeof(path->path), "%s%s", directory, leaf) < sizeof(path->path))
                ++*n;
}

/* The setting names a directory that PHP writes to; "N;/path" and "N;MODE;/path" of session.save_path. */
static void paths_add_setting(Path *paths, size_t *n, const Php *php, const char *name) {
        const char *value = php_get_value(php, name, ""), *last = strrchr(value, ';');

        value = last ? last + 1 : value;
        if (*value == '/')
                paths_add(paths, n, name, REACH_WRITABLE, value, "");
}

static size_t paths_list(Path *paths, const PoolConfig *config, const Php *php) {
        const SiteConfig *site = config->site;
        size_t n = 0;

        paths_add(paths, &n, "root", REACH_DIRECTORY, config->root, "");
        if (strcmp(config->docroot, config->root) != 0)
                paths_add(paths, &n, "site.docroot", REACH_DIRECTORY, config->docroot, "");
        if (site->front_controller)
                paths_add(paths,
                          &n,
                          "site.front_controller",
                          REACH_FILE,
                          config->docroot,
                          site->front_controller);
        for (char **also = site->also; *also; also++)
                paths_add(paths, &n, "site.also", REACH_DIRECTORY, *also, "");

        /* handlers that are no files have no directory */
        if (strcmp(php_get_value(php, "session.save_handler", "files"), "files") == 0)
                paths_add_setting(paths, &n, php, "session.save_path");
        paths_add_setting(paths, &n, php, "upload_tmp_dir");
        paths_add_setting(paths, &n, php, "sys_temp_dir");
        return n;
}

int verb_reach(const Ctl *ctl, int argc, char **argv) {
        static Path paths[PATHS_MAX]; /* too large for a stack */
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(php_done) Php php = {};
        ConfigError error = {};
        size_t n;

        if (!ctl_check_name(argv[0]))
                return EX_USAGE;
        if (pool_config_load(&config, ctl->config_dir, argv[0], &error) < 0)
                return EX_CONFIG;
        if (php_load(&php, ctl, config, getenv("PHP_INI_SCAN_DIR")) < 0)
                return EXIT_FAILURE;

        n = paths_list(paths, config, &php);
        for (size_t i = 0; i < n; i++) {
                char component[PATH_MAX] = "";
                int r = reach(paths[i].path, paths[i].kind, REACH_AS_ME, component, sizeof(component));

                printf("%zu %d %s\n", i, r, component);
        }
        return EXIT_SUCCESS;
}

/* Lets a process in the sandbox look. False: it could not; nothing is changed. */
static bool paths_try(Path *paths, size_t n, const Ctl *ctl, const char *name) {
        _cleanup_(sandbox_done) Sandbox sandbox = {};
        _cleanup_(freep) char *output = NULL;
        const char *line;

        if (!ctl->systemd || geteuid() != 0 || sandbox_new(&sandbox, ctl, name, "--pipe") < 0)
                return false;
        if (sandbox_add_self(&sandbox, ctl) < 0 || sandbox_add(&sandbox, "reach") < 0 ||
            sandbox_add(&sandbox, name) < 0)
                return false;
        if (child_run((const char *const *)sandbox.arguments,
                      PATHS_TIMEOUT_USEC,
                      /* with_errors= */ false,
                      &output) != 0)
                return false;

        line = output;
        for (size_t i = 0; i < n && *line; i++) {
                size_t number, size = strcspn(line, "\n");
                int outcome, at = 0;

                if (sscanf(line, "%zu %d %n", &number, &outcome, &at) < 2 || number != i)
                        return false;
                paths[i].outcome = outcome;
                paths[i].in_sandbox = true;
                if ((size_t)at < size)
                        (void)snprintf(paths[i].component,
                                       sizeof(paths[i].component),
                                       "%.*s",
                                       (int)(size - (size_t)at),
                                       line + at);
                line += size + (line[size] == '\n');
        }
        return true;
}

/* What is there outside, and not inside, is hidden by the sandbox. */
static void paths_tell_hidden(Path *path) {
        char component[PATH_MAX];
        const char *hidden = reach_find_hidden(path->path);

        if (!hidden || (path->outcome != REACH_E_MISSING && path->outcome != REACH_E_CLOSED &&
                        path->outcome != -EACCES))
                return;
        if (access(path->path, F_OK) < 0)
                return;
        (void)snprintf(component, sizeof(component), "%s", hidden);
        memcpy(path->component, component, sizeof(component));
        path->outcome = REACH_E_HIDDEN;
}

static void path_report_closed(Findings *findings, const Path *path, const char *where, const char *name) {
        FindingLevel level = path->in_sandbox ? FINDING_ERROR : FINDING_WARNING;

        if (path->kind == REACH_WRITABLE)
                findings_add(findings,
                             level,
                             FINDING_PHP,
                             where,
                             "%s = '%s' cannot be written by the pool: leave it out, or give it away with "
                             "ReadWritePaths= and its owner ('systemctl edit php-pool@%s.service')",
                             path->key,
                             path->component,
                             name);
        else
                findings_add(
                        findings,
                        level,
                        FINDING_SITE,
                        where,
                        "'%s' is not open to %s (chmod o+%s, or a drop-in with SupplementaryGroups= for the pool)",
                        path->component,
                        path->in_sandbox ? "the pool's user" : "other users",
                        path->kind == REACH_FILE && strcmp(path->component, path->path) == 0 ? "r" : "rx");
}

/* Below ProtectHome=yes a bind is dropped (systemd.exec(5)). */
static void path_report_hidden(Findings *findings, const Path *path, const char *where) {
        bool temporary = strstr(path->component, "tmp");

        findings_add(findings,
                     path->in_sandbox ? FINDING_ERROR : FINDING_WARNING,
                     FINDING_SITE,
                     where,
                     "'%s' is hidden from the pool by its unit (%s): use another place, or a drop-in with "
                     "%s%s=%s",
                     path->component,
                     temporary ? "PrivateTmp=" : "ProtectHome=",
                     temporary ? "" : "ProtectHome=tmpfs and ",
                     path->kind == REACH_WRITABLE ? "BindPaths" : "BindReadOnlyPaths",
                     path->path);
}

static void path_report(Findings *findings, const Path *path, const char *where, const char *name) {
        static const char *const wrong[] = {
                [REACH_E_MISSING] = "does not exist",
                [REACH_E_NOT_DIRECTORY] = "is not a directory",
                [REACH_E_NOT_FILE] = "is not a file",
        };

        if (path->outcome == REACH_E_CLOSED)
                path_report_closed(findings, path, where, name);
        else if (path->outcome == REACH_E_HIDDEN)
                path_report_hidden(findings, path, where);
        else if (path->outcome > 0 && (size_t)path->outcome < ELEMENTSOF(wrong))
                findings_add(findings,
                             FINDING_ERROR,
                             FINDING_SITE,
                             where,
                             "'%s' %s",
                             path->component,
                             wrong[path->outcome]);
        else if (path->outcome != 0)
                findings_add(findings,
                             FINDING_WARNING,
                             FINDING_SITE,
                             where,
                             "'%s' cannot be looked at: %s",
                             path->path,
                             strerror(path->outcome < 0 ? -path->outcome : EINVAL));
}

void paths_check(Findings *findings,
                 const Ctl *ctl,
                 const PoolConfig *config,
                 const ConfigFile *config_file,
                 const Php *php) {
        static Path paths[PATHS_MAX]; /* too large for a stack */
        size_t n = paths_list(paths, config, php);
        bool tried = paths_try(paths, n, ctl, config->name), broken = false;

        for (size_t i = 0; i < n && !broken; i++) {
                Path *path = &paths[i];
                const PhpSetting *setting = php_get(php, path->key);
                char where[1024];

                /* from outside nothing is known of what the pool may write */
                if (!tried && path->kind == REACH_WRITABLE)
                        continue;
                if (!tried)
                        path->outcome = reach(path->path,
                                              path->kind,
                                              REACH_AS_OTHERS,
                                              path->component,
                                              sizeof(path->component));
                else
                        paths_tell_hidden(path);
                if (setting && setting->line > 0)
                        (void)finding_where(where, sizeof(where), setting->file, setting->line);
                else
                        (void)finding_where(
                                where,
                                sizeof(where),
                                config->path,
                                config_file_line(config_file, setting ? "php.admin_values" : path->key));
                path_report(findings, path, where, config->name);
                broken = i == 0 && path->outcome != 0; /* there is no use in looking below root */
        }
}
