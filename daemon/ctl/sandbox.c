/* SPDX-License-Identifier: MIT */
/*
 * A program in the sandbox of a pool
 *
 * The settings of php-pool@NAME.service, in their order and drop-ins included,
 * become properties of a transient service (systemd-run(1)). Left out is what
 * makes it a pool: how it is started, watched and stopped, and RuntimeDirectory=,
 * which systemd would remove with the program, and the control socket in it.
 * Everything else goes along, and what systemd-run does not know makes it fail:
 * a sandbox with a hole is not what was asked for.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "ctl/sandbox.h"
#include "ctl/text.h"
#include "ctl/unit-file.h"
#include "ctl/unit.h"
#include "util/log.h"

enum {
        SANDBOX_ARGUMENTS_MAX = 8192,
};

/* A key that begins so is the pool's own. */
static const char *const sandbox_left_out[] = {
        "BusName",
        "Exec",
        "ExitType",
        "FileDescriptorStore",
        "FinalKillSignal",
        "GuessMainPID",
        "Kill",
        "NonBlocking",
        "NotifyAccess",
        "OOMPolicy",
        "OpenFile",
        "PIDFile",
        "ReloadSignal",
        "RemainAfterExit",
        "Restart",
        "RootDirectoryStartOnly",
        "RuntimeDirectory",
        "RuntimeMaxSec",
        "RuntimeRandomizedExtraSec",
        "SendSIG",
        "Sockets",
        "Standard",
        "SuccessExitStatus",
        "SyslogIdentifier",
        "TTY",
        "Timeout",
        "Type",
        "Watchdog",
};

/* ExecPaths= is no command. */
static bool sandbox_leaves_out(const char *key) {
        if (strcmp(key, "ExecPaths") == 0 || strcmp(key, "ExecSearchPath") == 0)
                return false;

        for (size_t i = 0; i < ELEMENTSOF(sandbox_left_out); i++)
                if (strncmp(key, sandbox_left_out[i], strlen(sandbox_left_out[i])) == 0)
                        return true;

        return false;
}

/* Takes @argument, in any case. */
static int sandbox_take(Sandbox *sandbox, char *argument) {
        char **arguments;

        if (!argument)
                return -ENOMEM;
        if (sandbox->n_arguments >= SANDBOX_ARGUMENTS_MAX) {
                free(argument);
                return -E2BIG;
        }
        arguments = reallocarray(sandbox->arguments, sandbox->n_arguments + 2, sizeof(*arguments));
        if (!arguments) {
                free(argument);
                return -ENOMEM;
        }

        sandbox->arguments = arguments;
        arguments[sandbox->n_arguments++] = argument;
        arguments[sandbox->n_arguments] = NULL;
        return 0;
}

int sandbox_add(Sandbox *sandbox, const char *argument) {
        size_t n = strlen(argument);
        char *safe = malloc(2 * n + 1), *out = safe;

        if (!safe)
                return -ENOMEM;

        for (; *argument; argument++) {
                if (*argument == '$')
                        *out++ = '$';
                *out++ = *argument;
        }
        *out = '\0';
        return sandbox_take(sandbox, safe);
}

int sandbox_add_self(Sandbox *sandbox, const Ctl *ctl) {
        char path[PATH_MAX];
        ssize_t n;
        int r;

        n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        if (n < 0)
                return -errno;
        path[n] = '\0';

        r = sandbox_add(sandbox, path);
        if (r == 0)
                r = sandbox_add(sandbox, "--config-dir");
        if (r == 0)
                r = sandbox_add(sandbox, ctl->config_dir);
        if (r == 0)
                r = sandbox_add(sandbox, "--worker-dir");
        if (r == 0)
                r = sandbox_add(sandbox, ctl->worker_dir);
        return r;
}

/*
 * The runtime directory is there only while the pool runs: a list of paths must
 * not insist on it. "/run/php-pool.d/site" becomes "-/run/php-pool.d/site" (systemd.exec(5)).
 */
static char *sandbox_property(const UnitSetting *setting) {
        static const char runtime[] = "/run/php-pool.d/";
        size_t n = strlen(setting->key);
        bool paths = n > 5 && strcmp(setting->key + n - 5, "Paths") == 0;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;

        (void)fprintf(f, "--property=%s=", setting->key);
        for (const char *p = setting->value; *p; p++) {
                if (paths && strncmp(p, runtime, strlen(runtime)) == 0 &&
                    (p == setting->value || p[-1] == ' '))
                        (void)fputc('-', f);
                (void)fputc(*p, f);
        }
        if (fclose(f) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static int sandbox_add_settings(Sandbox *sandbox, const UnitFile *file) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < file->n_settings; i++) {
                const UnitSetting *setting = &file->settings[i];

                if (strcmp(setting->section, "Service") != 0 || sandbox_leaves_out(setting->key))
                        continue;
                r = sandbox_take(sandbox, sandbox_property(setting));
        }

        return r;
}

static int sandbox_fill(Sandbox *sandbox, const UnitFile *file, const char *name, const char *stdio) {
        const char *options[] = { "systemd-run", "--quiet", "--collect",
                                  "--wait",      stdio,     "--service-type=exec" };
        char *text;
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(options); i++)
                r = sandbox_take(sandbox, strdup(options[i]));
        if (r == 0)
                r = sandbox_take(sandbox, asprintf(&text, "--unit=%s", sandbox->unit) < 0 ? NULL : text);
        if (r == 0)
                r = sandbox_take(
                        sandbox,
                        asprintf(&text, "--description=Program in the sandbox of PHP pool %s", name) < 0
                                ? NULL
                                : text);
        if (r == 0)
                r = sandbox_take(
                        sandbox,
                        asprintf(&text, "--property=SyslogIdentifier=php-pool@%s", name) < 0 ? NULL : text);
        if (r == 0)
                r = sandbox_add_settings(sandbox, file);
        return r == 0 ? sandbox_take(sandbox, strdup("--")) : r;
}

int sandbox_new(Sandbox *ret, const Ctl *ctl, const char *name, const char *stdio) {
        _cleanup_(unit_file_done) UnitFile file = {};
        _cleanup_(sandbox_done) Sandbox sandbox = {};
        _cleanup_(freep) char *unknown = NULL, *clean = NULL;
        char unit[UNIT_NAME_MAX];
        int r;

        if (!ctl->systemd)
                return log_error_errno(-EOPNOTSUPP, "A sandbox is systemd's, which does not run here.");

        r = unit_file_load(&file, unit_name(unit, sizeof(unit), name, "service"), &unknown);
        if (r == -EOPNOTSUPP) {
                clean = text_clean(unknown ?: "", 500);
                return log_error_errno(r, "A specifier that is not understood: %s", clean ?: "");
        }
        if (r < 0)
                return log_error_errno(r, "Failed to read the unit '%s': %m", unit);

        (void)snprintf(sandbox.unit,
                       sizeof(sandbox.unit),
                       "php-pool-exec-%s-%d.service",
                       name,
                       (int)getpid());
        r = sandbox_fill(&sandbox, &file, name, stdio);
        if (r < 0)
                return log_error_errno(r, "Failed to describe the sandbox of '%s': %m", name);

        *ret = sandbox;
        sandbox = (Sandbox){};
        return 0;
}

void sandbox_done(Sandbox *sandbox) {
        for (size_t i = 0; i < sandbox->n_arguments; i++)
                free(sandbox->arguments[i]);
        free(sandbox->arguments);
        *sandbox = (Sandbox){};
}
