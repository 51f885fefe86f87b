/* SPDX-License-Identifier: MIT */
/*
 * php-pool-worker-VERSION: the template of one generation
 *
 * Started by php-poold only, with its sockets on fixed descriptors
 * (ipc/channel.h). It lives as long as its generation and must never hold a
 * connection; what it forks does.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "config.h"
#include "config/pool.h"
#include "ipc/channel.h"
#include "ipc/scoreboard.h"
#include "sapi/sapi.h"
#include "util/fd.h"
#include "util/log.h"
#include "worker/environment.h"
#include "worker/figures.h"
#include "worker/run.h"
#include "worker/template.h"

#define EXIT_USAGE    64
#define LISTENERS_MAX 64

static int arg_listeners[LISTENERS_MAX];

static int usage(FILE *f) {
        fprintf(f,
                "Usage: php-pool-worker-VERSION NAME\n"
                "\n"
                "Runs PHP for the pool NAME. php-poold starts it; by hand it can do nothing.\n"
                "\n"
                "  --version  PHP's version\n"
                "  --help     this text\n"
                "\n"
                "See php-poold(8).\n");
        return f == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static size_t take_listeners(void) {
        size_t n = 0;

        for (int fd = TEMPLATE_FD_LISTENERS; n < LISTENERS_MAX && fcntl(fd, F_GETFD) >= 0; fd++) {
                (void)fd_set_cloexec(fd, true); /* an open descriptor cannot fail it */
                arg_listeners[n++] = fd;
        }

        return n;
}

static int run(const char *name) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        _cleanup_(freep) char *state = NULL, *cache = NULL;
        Scoreboard board = SCOREBOARD_NULL;
        ConfigError error = {};
        const char *entry = NULL;
        WorkerSetup setup;
        int r;

        for (int fd = TEMPLATE_FD_CHANNEL; fd < TEMPLATE_FD_LISTENERS; fd++)
                if (fd_set_cloexec(fd, true) < 0)
                        return usage(stderr);

        r = pool_config_load_path(&config, "/proc/self/fd/7", name, &error);
        if (r < 0)
                return log_error_errno(r, "Failed to take over the configuration: %s", error.message),
                       EXIT_FAILURE;
        (void)close(TEMPLATE_FD_CONFIG); /* open until here */

        r = scoreboard_open_take_fd(&board, TEMPLATE_FD_SCOREBOARD);
        if (r < 0)
                return log_error_errno(r, "Failed to map the scoreboard: %m"), EXIT_FAILURE;

        r = environment_directories(&state, &cache);
        if (r < 0)
                return log_error_errno(r, "Failed to make directories for state and cache: %m"),
                       EXIT_FAILURE;

        r = environment_prepare(config->env, &entry);
        if (r < 0)
                return log_error_errno(r, "Failed to set '%s' of env: %m", entry), EXIT_FAILURE;

        if (config->resident) {
                /* what worker scripts look for to know that they are one */
                (void)setenv("FRANKENPHP_WORKER",
                             "1",
                             /* overwrite= */ 1); /* or they say that they are none */
                (void)setenv("PHP_POOL_RESIDENT", "1", 1);
        }

        r = sapi_start(&(SapiOptions){
                .pool = config->name,
                .root = config->root,
                .also = config->also,
                .extensions = config->extensions,
                .ini = config->php_ini,
                .values = config->php_values,
                .admin_values = config->php_admin_values,
                .params_may_set_ini = config->params_may_set_ini,
                .is_resident = config->resident != NULL,
                .state_directory = state,
                .cache_directory = cache,
                .request_usec = config->request_usec,
                .get_status = figures_get,
                .clean_sessions = getenv("STATE_DIRECTORY") ? clean_sessions
                                                            : NULL, /* else the manager knows no place */
        });
        if (r < 0)
                return log_error_errno(r, "PHP did not start: %m"), EXIT_FAILURE;

        setup = (WorkerSetup){
                .config = config,
                .board = &board,
                .spool_directory = cache,
                .listeners = arg_listeners,
                .n_listeners = take_listeners(),
                .queue = TEMPLATE_FD_QUEUE,
                .wake = TEMPLATE_FD_WAKE,
        };
        figures_set_setup(&setup);
        return template_main(config, &setup);
}

int main(int argc, char **argv) {
        socklen_t size = sizeof(int);
        int type = 0;

        /* first of all: the workers of an older generation run under our uid and could write our memory */
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail for 0 */

        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return usage(stdout);
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                printf("php-pool-worker %s, PHP %s\n", PACKAGE_VERSION, sapi_php_version());
                return EXIT_SUCCESS;
        }
        if (argc != 2 || argv[1][0] == '-')
                return usage(stderr);
        if (getsockopt(TEMPLATE_FD_CHANNEL, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET)
                return usage(stderr);

        log_open("php-pool-worker");
        log_set_pool(argv[1]);
        return run(argv[1]);
}
