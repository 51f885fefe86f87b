/* SPDX-License-Identifier: MIT */
/*
 * php-pool-proxy: HTTP/1.1 in, FastCGI out, static files
 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include "config.h"
#include "proxy/proxy.h"
#include "proxy/supervisor.h"
#include "util/log.h"

typedef struct Arguments {
        const char *config_dir;
        bool check;
        bool dump;
} Arguments;

static void print_usage(FILE *f) {
        fputs("Usage: php-pool-proxy [OPTION...]\n\n"
              "Serves the sites of conf.d over HTTP: static files itself, scripts by their pools.\n\n"
              "  --config-dir DIR   where proxy.conf and conf.d are (" PKGSYSCONFDIR ")\n"
              "  --check            only say whether the configuration is good\n"
              "  --dump-config      print the configuration in force, with all defaults\n"
              "  --help             this text\n"
              "  --version          the version\n\n"
              "Sockets come from the service manager. By hand:\n"
              "  systemd-socket-activate -l 127.0.0.1:8080 --fdname=http php-pool-proxy --config-dir DIR\n",
              f);
}

/* Positive: go on. Else what to exit with, negated. */
static int parse_arguments(int argc, char **argv, Arguments *ret) {
        enum { OPTION_CONFIG_DIR = 256, OPTION_CHECK, OPTION_DUMP, OPTION_HELP, OPTION_VERSION };
        static const struct option options[] = {
                { "config-dir", required_argument, NULL, OPTION_CONFIG_DIR },
                { "check", no_argument, NULL, OPTION_CHECK },
                { "dump-config", no_argument, NULL, OPTION_DUMP },
                { "help", no_argument, NULL, OPTION_HELP },
                { "version", no_argument, NULL, OPTION_VERSION },
                {},
        };
        Arguments arguments = { .config_dir = PKGSYSCONFDIR };
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (option) {
                case OPTION_CONFIG_DIR:
                        arguments.config_dir = optarg;
                        break;
                case OPTION_CHECK:
                        arguments.check = true;
                        break;
                case OPTION_DUMP:
                        arguments.dump = true;
                        break;
                case OPTION_HELP:
                        print_usage(stdout);
                        return -EX_OK;
                case OPTION_VERSION:
                        puts("php-pool-proxy " PACKAGE_VERSION);
                        return -EX_OK;
                default:
                        print_usage(stderr);
                        return -EX_USAGE;
                }

        if (optind < argc) {
                fprintf(stderr, "php-pool-proxy: unexpected argument '%s'\n", argv[optind]);
                print_usage(stderr);
                return -EX_USAGE;
        }

        *ret = arguments;
        return 1;
}

/* In a process that the supervisor has made. */
static int serve(ProxyStart *start) {
        _cleanup_(proxy_freep) Proxy *proxy = NULL;
        int r;

        r = proxy_new(&proxy, start);
        if (r < 0) {
                log_error_errno(r, "Failed to start: %m");
                return EXIT_FAILURE;
        }

        r = proxy_run(proxy);
        if (r < 0) {
                log_error_errno(r, "The event loop failed: %m");
                return EXIT_FAILURE;
        }
        return EX_OK;
}

static int supervise(const Arguments *arguments, Sites *sites) {
        _cleanup_(supervisor_freep) Supervisor *supervisor = NULL;
        ProxyStart *start;
        int r;

        r = supervisor_new(&supervisor, arguments->config_dir, sites);
        if (r == -ENOTCONN) {
                log_error("No socket was passed. Start php-pool-proxy.socket, or try it by hand: "
                          "systemd-socket-activate -l 127.0.0.1:8080 --fdname=http php-pool-proxy");
                return EX_CONFIG;
        }
        if (r == -ENOTSOCK) {
                log_error("What was passed is not a listening stream socket");
                return EX_CONFIG;
        }
        if (r < 0) {
                log_error_errno(r, "Failed to start: %m");
                return EXIT_FAILURE;
        }

        r = supervisor_run(supervisor, &start);
        if (r == SUPERVISOR_E_PROCESS)
                return serve(start);
        if (r < 0) {
                log_error_errno(r, "Ended by a failure: %m");
                return EXIT_FAILURE;
        }
        return EX_OK;
}

int main(int argc, char **argv) {
        _cleanup_(sites_unrefp) Sites *sites = NULL;
        ConfigError error = {};
        Arguments arguments;
        int r;

        log_open("php-pool-proxy");

        r = parse_arguments(argc, argv, &arguments);
        if (r <= 0)
                return -r;
        if (arguments.check || arguments.dump)
                (void)unsetenv(
                        "NOTIFY_SOCKET"); /* the status line is the service's, not that of its ExecReload= */

        r = sites_load(&sites, arguments.config_dir, &error);
        if (r < 0) {
                if (error.line > 0)
                        log_last_words("%s:%u: %s", error.file, error.line, error.message);
                else
                        log_last_words("%s: %s", error.file, error.message);
                return EX_CONFIG;
        }

        if (arguments.dump)
                return proxy_config_dump(sites->config, stdout) < 0 ? EXIT_FAILURE : EX_OK;
        if (arguments.check)
                return sites->n_broken > 0 ? EX_CONFIG : EX_OK;

        return supervise(&arguments, TAKE_PTR(sites));
}
