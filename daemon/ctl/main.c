/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl: the table of verbs, the options, the help
 *
 * Each verb is a file of its own. Options may stand before and behind the verb.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "config.h"
#include "ctl/ctl.h"
#include "ctl/text.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/parse.h"

typedef struct Verb Verb;

struct Verb {
        const char *name;
        const char *arguments;
        const char *help;
        int min, max; /* number of arguments */
        bool has_json;
        int (*run)(const Ctl *ctl, int argc, char **argv);
};

static const Verb verbs[] = {
        { "list", "", "a line for each configured pool", 0, 0, true, verb_list },
        { "status", "[NAME]", "one pool, or all, in detail", 0, 1, true, verb_status },
        { "check", "[NAME]", "look for mistakes in the configuration", 0, 1, false, verb_check },
        { "reload", "NAME", "reload a pool; says why if it cannot", 1, 1, false, verb_reload },
        { "wait-reload",
          "[NAME]",
          "wait until a running reload is over (for ExecReload=)",
          0,
          1,
          false,
          verb_wait_reload },
};

static void main_help(FILE *f) {
        (void)fprintf(
                f,
                "php-poolctl [OPTIONS...] COMMAND ...\n\nLook at PHP pools, and control them.\n\nCommands:\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                char text[64];

                (void)snprintf(text, sizeof(text), "%s %s", verbs[i].name, verbs[i].arguments);
                (void)fprintf(f, "  %-20s %s\n", text, verbs[i].help);
        }
        (void)fprintf(f,
                      "\nOptions:\n"
                      "      --json           print JSON (list, status)\n"
                      "      --no-legend      print tables without their header\n"
                      "      --config-dir DIR (%s)\n"
                      "      --run-dir DIR    where NAME/control stands (/run/php-pool.d)\n"
                      "      --worker-dir DIR where php-pool-worker-VERSION stands\n"
                      "                       (%s)\n"
                      "      --help           show this\n"
                      "      --version        show the version\n",
                      PKGSYSCONFDIR,
                      PKGLIBEXECDIR);
}

static int main_hint(void) {
        (void)fprintf(stderr, "`php-poolctl --help` shows what there is.\n");
        return EX_USAGE;
}

static int main_usage(const char *problem, const char *what) {
        _cleanup_(freep) char *clean = text_clean(what, 64);

        (void)fprintf(stderr, "php-poolctl: %s%s\n", problem, clean ?: "");
        return main_hint();
}

bool ctl_check_name(const char *name) {
        _cleanup_(freep) char *clean = NULL;
        const char *error;

        if (parse_pool_name(name, &error) == 0)
                return true;

        clean = text_clean(name, 64);
        log_error("'%s' cannot be the name of a pool: %s", clean ?: "", error);
        return false;
}

void ctl_print_config_error(FILE *f, const ConfigError *error) {
        _cleanup_(freep) char *file = text_clean(error->file, sizeof(error->file)),
                              *message = text_clean(error->message, sizeof(error->message));

        if (error->line > 0)
                (void)fprintf(f, "%s:%u: %s\n", file ?: "", error->line, message ?: "");
        else
                (void)fprintf(f, "%s: %s\n", file ?: "", message ?: "");
}

size_t ctl_terminal_width(void) {
        struct winsize size;

        if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
                return 0;

        return size.ws_col;
}

static int main_run_verb(const Ctl *ctl, int argc, char **argv) {
        const Verb *verb = NULL;

        if (argc == 0)
                return main_usage("no command given", "");

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].name, argv[0]) == 0)
                        verb = &verbs[i];
        if (!verb)
                return main_usage("unknown command: ", argv[0]);

        argc--;
        argv++;
        if (argc > verb->max)
                return main_usage("too many arguments for ", verb->name);
        if (argc < verb->min)
                return main_usage("too few arguments for ", verb->name);
        if (ctl->json && !verb->has_json)
                return main_usage("there is no --json for ", verb->name);

        return verb->run(ctl, argc, argv);
}

int main(int argc, char **argv) {
        enum {
                OPTION_JSON = 256,
                OPTION_NO_LEGEND,
                OPTION_CONFIG,
                OPTION_RUN,
                OPTION_WORKER,
                OPTION_HELP,
                OPTION_VERSION
        };
        static const struct option options[] = {
                { "json", no_argument, NULL, OPTION_JSON },
                { "no-legend", no_argument, NULL, OPTION_NO_LEGEND },
                { "config-dir", required_argument, NULL, OPTION_CONFIG },
                { "run-dir", required_argument, NULL, OPTION_RUN },
                { "worker-dir", required_argument, NULL, OPTION_WORKER },
                { "help", no_argument, NULL, OPTION_HELP },
                { "version", no_argument, NULL, OPTION_VERSION },
                {},
        };
        Ctl ctl = {
                .config_dir = PKGSYSCONFDIR,
                .run_dir = "/run/php-pool.d",
                .worker_dir = PKGLIBEXECDIR,
                .legend = true,
        };
        int c, result;

        log_open("php-poolctl");
        if (argc > 0)
                argv[0] = program_invocation_short_name;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                switch (c) {
                case OPTION_JSON:
                        ctl.json = true;
                        break;
                case OPTION_NO_LEGEND:
                        ctl.legend = false;
                        break;
                case OPTION_CONFIG:
                        ctl.config_dir = optarg;
                        break;
                case OPTION_RUN:
                        ctl.run_dir = optarg;
                        break;
                case OPTION_WORKER:
                        ctl.worker_dir = optarg;
                        break;
                case OPTION_HELP:
                        main_help(stdout);
                        return EXIT_SUCCESS;
                case OPTION_VERSION:
                        printf("php-poolctl %s\n", PACKAGE_VERSION);
                        return EXIT_SUCCESS;
                default:
                        return main_hint(); /* getopt_long(3) has said what */
                }
        }

        result = main_run_verb(&ctl, argc - optind, argv + optind);
        if (fflush(stdout) != 0 && result == EXIT_SUCCESS) {
                log_error_errno(-errno, "Failed to write: %m");
                return EXIT_FAILURE;
        }
        return result;
}
