/* SPDX-License-Identifier: MIT */
/*
 * php-poold: the manager of one pool
 *
 * Arguments, configuration and sockets; the rest is manager.c. It lives as long
 * as the service and must never hold PHP.
 */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "config.h"
#include "pool/limits.h"
#include "pool/manager.h"
#include "util/log.h"
#include "util/message-ids.h"
#include "util/parse.h"
#include "util/process.h"

#define EXIT_USAGE  64
#define EXIT_CONFIG 78

static ManagerOptions arg_options = { .config_dir = PKGSYSCONFDIR };
static bool arg_check;
static bool arg_dump;

static int usage(FILE *f) {
        fprintf(f,
                "Usage: php-poold NAME [OPTION...]\n"
                "\n"
                "Runs the PHP pool NAME on the sockets that systemd passes.\n"
                "\n"
                "  --config-dir DIR  read DIR/conf.d/NAME.conf (default: " PKGSYSCONFDIR ")\n"
                "  --worker PATH     the worker executable (default: by php.version)\n"
                "  --check           check the configuration and the limits, and end\n"
                "  --dump-config     print the configuration in force, and end\n"
                "  --version         print the version\n"
                "  --help            print this text\n"
                "\n"
                "By hand:\n"
                "  systemd-socket-activate -l /tmp/site.sock --fdname=fastcgi \\\n"
                "          " PKGLIBEXECDIR "/php-poold site --config-dir DIR\n"
                "\n"
                "See php-pool(8) and php-pool.conf(5).\n");
        return f == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

/* -1: go on; else the exit status. */
static int parse_arguments(int argc, char **argv) {
        enum {
                ARG_CONFIG_DIR = 0x100,
                ARG_WORKER,
                ARG_CHECK,
                ARG_DUMP,
                ARG_VERSION,
                ARG_HELP,
        };
        static const struct option options[] = {
                { "config-dir", required_argument, NULL, ARG_CONFIG_DIR },
                { "worker", required_argument, NULL, ARG_WORKER },
                { "check", no_argument, NULL, ARG_CHECK },
                { "dump-config", no_argument, NULL, ARG_DUMP },
                { "version", no_argument, NULL, ARG_VERSION },
                { "help", no_argument, NULL, ARG_HELP },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case ARG_CONFIG_DIR:
                        arg_options.config_dir = optarg;
                        break;
                case ARG_WORKER:
                        arg_options.worker_path = optarg;
                        break;
                case ARG_CHECK:
                        arg_check = true;
                        break;
                case ARG_DUMP:
                        arg_dump = true;
                        break;
                case ARG_VERSION:
                        puts("php-poold " PACKAGE_VERSION);
                        return EXIT_SUCCESS;
                case ARG_HELP:
                        return usage(stdout);
                default:
                        return usage(stderr);
                }

        if (argc - optind != 1)
                return usage(stderr);

        arg_options.name = argv[optind];
        return -1;
}

static int load(PoolConfig **ret) {
        ConfigError error = {};
        const char *reason;
        char text[512];
        int r;

        r = parse_pool_name(arg_options.name, &reason);
        if (r < 0) {
                log_last_words("'%s' cannot be the name of a pool: %s", arg_options.name, reason);
                return r;
        }
        log_set_pool(arg_options.name);

        r = pool_config_load(ret, arg_options.config_dir, arg_options.name, &error);
        if (r < 0) {
                if (error.line > 0)
                        log_last_words_as(MESSAGE_ID_CONFIG_REFUSED,
                                          "%s:%u: %s",
                                          error.file,
                                          error.line,
                                          error.message);
                else
                        log_last_words_as(MESSAGE_ID_CONFIG_REFUSED,
                                          "%s: %s",
                                          error.file,
                                          error.message[0] ? error.message : strerror(-r));
                return r;
        }

        r = limits_check(*ret, text, sizeof(text));
        if (r < 0) {
                *ret = pool_config_free(*ret);
                log_last_words_as(MESSAGE_ID_LIMITS_TOO_LOW, "%s", text);
                return r;
        }
        if (text[0])
                log_struct(LOG_WARNING,
                           ((const char *const[]){ MESSAGE_ID_LIMITS_TOO_LOW, NULL }),
                           "%s",
                           text);

        r = limits_check_files(*ret, text, sizeof(text));
        if (r < 0) {
                log_last_words_as(MESSAGE_ID_CONFIG_REFUSED, "%s: %s", (*ret)->path, text);
                *ret = pool_config_free(*ret);
                return r;
        }
        return 0;
}

static int run(PoolConfig *config_taken) {
        _cleanup_(pool_config_freep) PoolConfig *config = config_taken;
        _cleanup_(manager_freep) Manager *manager = NULL;
        Listeners listeners = {};
        int r;

        r = listeners_take(&listeners);
        if (r == -ENOTCONN) {
                log_error("No sockets were passed. Start php-pool@%s.socket, or try it by hand with "
                          "'systemd-socket-activate -l /tmp/%s.sock --fdname=fastcgi php-poold %s'",
                          config->name,
                          config->name,
                          config->name);
                return EXIT_FAILURE;
        }
        if (r < 0)
                return log_error_errno(r, "Failed to take the sockets that were passed: %m"), EXIT_FAILURE;

        if (geteuid() == 0)
                log_warning(
                        "Running as root: PHP will be root too. The unit php-pool@%s.service runs it as a user "
                        "of its own",
                        config->name);

        r = process_raise_nofile(NULL);
        if (r < 0)
                (void)log_warning_errno(r, "Failed to raise the limit of open files, ignoring: %m");

        r = manager_new(&manager, &arg_options, TAKE_PTR(config), &listeners);
        if (r < 0)
                return EXIT_FAILURE; /* said where it happened */

        return manager_run(manager);
}

int main(int argc, char **argv) {
        _cleanup_(pool_config_freep) PoolConfig *config = NULL;
        int r;

        /* first of all: PHP in our workers runs under our uid and could write our memory through /proc */
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail for 0 */

        r = parse_arguments(argc, argv);
        if (r >= 0)
                return r;

        log_open("php-poold");
        if (arg_check || arg_dump)
                (void)unsetenv(
                        "NOTIFY_SOCKET"); /* the status line is the service's, not that of its ExecReload= */
        r = load(&config);
        if (r < 0)
                return EXIT_CONFIG;

        if (arg_dump)
                return pool_config_dump(config, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (arg_check)
                return EXIT_SUCCESS;

        return run(TAKE_PTR(config));
}
