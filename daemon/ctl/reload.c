/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl reload: new configuration, new PHP, no request lost
 *
 * Where systemd is PID 1 it is asked, so that `systemctl status` and the journal
 * know of the reload; else, in a container, the pool's control socket is. What
 * is printed when it fails is the pool's reason; systemctl's "Job failed. See ..."
 * only where the pool has none.
 */
#include <json-c/json.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "config/pool.h"
#include "ctl/field.h"
#include "ctl/text.h"
#include "ctl/view.h"
#include "util/fd.h"
#include "util/log.h"

/* Exit status of systemctl, or -errno. What it has to say goes to @stderr_fd. */
static int reload_run_systemctl(const char *name, int stderr_fd) {
        _cleanup_(freep) char *unit = NULL;
        int status;
        pid_t pid;

        if (asprintf(&unit, "php-pool@%s.service", name) < 0) {
                unit = NULL;
                return -ENOMEM;
        }

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                if (dup2(stderr_fd, STDERR_FILENO) >= 0)
                        (void)execlp("systemctl", "systemctl", "reload", "--", unit, NULL);
                (void)dprintf(STDERR_FILENO, "Failed to run systemctl: %m\n");
                _exit(127);
        }
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;

        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void reload_copy_to_stderr(int fd) {
        char text[4096];
        ssize_t n;

        n = pread(fd, text, sizeof(text), 0);
        if (n > 0)
                (void)fd_write_all(STDERR_FILENO, text, (size_t)n);
}

/* What the reply of Reload or WaitReload says; 0, or 1 with the reason printed. */
static int reload_report(const char *name, int error, const VarlinkReply *reply) {
        _cleanup_(freep) char *message = NULL;

        if (error < 0) {
                log_error("The reload of '%s' failed: %s",
                          name,
                          view_strerror(error) ?: "it is not running");
                return EXIT_FAILURE;
        }
        if (reply->error && strcmp(reply->error, CTL_INTERFACE ".PermissionDenied") == 0) {
                log_error("Only root may reload '%s'.", name);
                return EXIT_FAILURE;
        }
        if (reply->error && strcmp(reply->error, CTL_INTERFACE ".ReloadInProgress") == 0) {
                log_error("A reload of '%s' is running already; `php-poolctl wait-reload %s` waits for it.",
                          name,
                          name);
                return EXIT_FAILURE;
        }

        message = text_clean(reply->error ?: field_string(reply->parameters, "message") ?: "", 1024);
        if (!reply->error && field_bool(reply->parameters, "ok") == 1) {
                if (message && *message)
                        printf("%s\n", message);
                return EXIT_SUCCESS;
        }

        log_error("The reload of '%s' failed: %s", name, message && *message ? message : "no reason given");
        log_info("What ran before still serves.");
        return EXIT_FAILURE;
}

static int reload_by_systemd(const Ctl *ctl, const char *name) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        _cleanup_(fd_closep) int words = -EBADF;
        int r;

        words = fd_open_spool(NULL);
        r = words < 0 ? words : reload_run_systemctl(name, words);
        if (r == 0)
                return EXIT_SUCCESS;
        if (r < 0) {
                log_error_errno(r, "Failed to run systemctl: %m");
                return EXIT_FAILURE;
        }

        /* the pool knows why, if it came so far; a success it tells of is an earlier one */
        r = view_call(ctl, name, CTL_INTERFACE ".WaitReload", NULL, CTL_STATUS_USEC, &reply);
        if (r == 0 && !reply.error && field_bool(reply.parameters, "ok") == 0)
                return reload_report(name, 0, &reply);

        reload_copy_to_stderr(words);
        log_error("systemd did not reload '%s': `journalctl -u php-pool@%s.service` says more.", name, name);
        return EXIT_FAILURE;
}

static int reload_by_socket(const Ctl *ctl, const char *name) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        int r;

        r = view_call(ctl, name, CTL_INTERFACE ".Reload", NULL, CTL_RELOAD_USEC, &reply);
        return reload_report(name, r, &reply);
}

/* systemd knows better than a control socket, which the pool's scripts can remove. */
static int reload_is_needed(const Ctl *ctl, const char *name) {
        View view;
        bool needed;
        int r;

        r = view_load(&view, ctl, name);
        if (r < 0)
                return r;
        needed = view.state != VIEW_SLEEPING;
        view_done(&view);
        return needed;
}

int verb_reload(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        ConfigError error = {};
        const char *name = argv[0];
        int r;

        if (!ctl_check_name(name))
                return EX_USAGE;

        r = pool_config_load(&config, ctl->config_dir, name, &error);
        if (r < 0) {
                ctl_print_config_error(stderr, &error);
                return EX_CONFIG;
        }

        r = reload_is_needed(ctl, name);
        if (r < 0) {
                log_error_errno(r, "Failed to ask '%s': %m", name);
                return EXIT_FAILURE;
        }
        if (r == 0) {
                printf("'%s' is not running: it will read its configuration when it is started.\n", name);
                return EXIT_SUCCESS;
        }
        return ctl->systemd ? reload_by_systemd(ctl, name) : reload_by_socket(ctl, name);
}
