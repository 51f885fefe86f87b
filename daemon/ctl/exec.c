/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl exec: run a program as a pool runs PHP
 *
 * For what belongs to a site and is not a request: artisan, wp-cli, composer,
 * cron. The program gets the pool's user, sandbox, environment and php.ini
 * (sandbox.c, inside.c), our stdin, stdout and stderr, and its exit status is ours.
 *
 * systemd-run waits for a unit that is not its child: when we are told to end, the unit
 * is stopped, or the program would go on without anybody to see it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "config/pool.h"
#include "ctl/child.h"
#include "ctl/sandbox.h"
#include "util/log.h"

#define EXEC_STOP_USEC (30 * USEC_PER_SEC)

static volatile sig_atomic_t exec_signal;
static volatile pid_t exec_child;

static void exec_on_signal(int signo) {
        exec_signal = signo;
        if (exec_child > 0)
                (void)kill(exec_child, SIGTERM);
}

static int exec_wait(const Sandbox *sandbox) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
        const char *const stop[] = { "systemctl", "stop", "--", sandbox->unit, NULL };
        const struct sigaction action = { .sa_handler = exec_on_signal };
        int status;

        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void)sigaction(signals[i], &action, NULL);

        (void)fflush(NULL);
        exec_child = fork();
        if (exec_child < 0)
                return -errno;
        if (exec_child == 0) {
                int r = child_become((const char *const *)sandbox->arguments);

                (void)dprintf(STDERR_FILENO, "php-poolctl: failed to run systemd-run: %s\n", strerror(-r));
                _exit(127);
        }

        status = child_wait(exec_child);
        exec_child = 0;
        if (exec_signal == 0)
                return status;

        (void)child_run(stop,
                        EXEC_STOP_USEC,
                        /* with_errors= */ false,
                        NULL); /* it may have ended by itself */
        return 128 + exec_signal;
}

int verb_exec(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(sandbox_done) Sandbox sandbox = {};
        int r;

        r = ctl_load_pool(ctl, argv[0], &config);
        if (r > 0)
                return r;
        if (geteuid() != 0) {
                log_error("Only root may run a program as the user of a pool.");
                return EXIT_FAILURE;
        }

        /* a terminal of its own, so that the program cannot type into ours (TIOCSTI, ioctl_tty(2)) */
        r = sandbox_new(&sandbox,
                        ctl,
                        argv[0],
                        isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? "--pty" : "--pipe");
        if (r < 0)
                return EXIT_FAILURE;
        r = sandbox_add_self(&sandbox, ctl);
        if (r == 0)
                r = sandbox_add(&sandbox, "inside");
        if (r == 0)
                r = sandbox_add(&sandbox, "--");
        for (int i = 0; r == 0 && i < argc; i++)
                r = sandbox_add(&sandbox, argv[i]);
        if (r == 0)
                r = exec_wait(&sandbox);
        if (r < 0) {
                log_error_errno(r, "Failed to run '%s' in the sandbox of '%s': %m", argv[1], argv[0]);
                return EXIT_FAILURE;
        }
        return r;
}
