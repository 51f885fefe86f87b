/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl: the command line
 *
 * Options may stand before and behind the verb (verbs.c). What belongs to no
 * verb ends with one sentence and 64.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "config.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/text.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/parse.h"

#define MAIN_RUN_DIR "/run/php-pool.d"

static int main_hint(void) {
        (void)fprintf(stderr, "`php-poolctl --help` shows what there is.\n");
        return EX_USAGE;
}

static int main_usage(const char *problem, const char *what, const char *where) {
        _cleanup_(freep) char *clean = text_clean(what, 64);

        (void)fprintf(stderr, "php-poolctl: %s%s%s\n", problem, clean ?: "", where);
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

int ctl_load_pool(const Ctl *ctl, const char *name, PoolConfig **ret) {
        ConfigError error = {};

        if (!ctl_check_name(name))
                return EX_USAGE;
        if (pool_config_load(ret, ctl->config_dir, name, &error) >= 0)
                return 0;

        ctl_print_config_error(stderr, &error);
        return EX_CONFIG;
}

static int main_run_verb(Ctl *ctl, unsigned int given, int argc, char **argv) {
        const Verb *verb;

        if (argc == 0)
                return main_usage("no command given", "", "");
        verb = verb_find(argv[0]);
        if (!verb)
                return main_usage("unknown command: ", argv[0], "");

        argc--;
        argv++;
        if (verb->max >= 0 && argc > verb->max)
                return main_usage("too many arguments for ", verb->name, "");
        if (argc < verb->min)
                return main_usage("too few arguments for ", verb->name, "");
        if (given & ~verb->options) {
                char where[64];

                (void)snprintf(where, sizeof(where), " for %s", verb->name);
                return main_usage("there is no --", verbs_option_name(given & ~verb->options), where);
        }

        if (verb->pages && !ctl->no_pager && !ctl->json)
                output_open_pager();
        return verb->run(ctl, argc, argv);
}

int main(int argc, char **argv) {
        Ctl ctl = {
                .config_dir = PKGSYSCONFDIR,
                .run_dir = MAIN_RUN_DIR,
                .worker_dir = PKGLIBEXECDIR,
                .php_dir = "/etc/php",
                .front_dir = "/etc",
                .status_usec = CTL_STATUS_USEC,
                .seconds = 10,
                .hz = 99,
        };
        unsigned int given = 0;
        int result, r;

        log_open("php-poolctl");
        output_init();
        if (argc > 0)
                argv[0] = program_invocation_short_name;

        r = verbs_parse_options(&ctl, argc, argv, &given);
        if (r == EX_USAGE)
                return main_hint();
        if (r == VERBS_E_DONE)
                return EXIT_SUCCESS;
        ctl.systemd = sd_booted() > 0 && strcmp(ctl.run_dir, MAIN_RUN_DIR) == 0;

        result = main_run_verb(&ctl, given, argc - optind, argv + optind);
        r = output_close();
        if (r < 0 && result == EXIT_SUCCESS) {
                log_error_errno(r, "Failed to write: %m");
                return EXIT_FAILURE;
        }
        return result;
}
