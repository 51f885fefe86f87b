/* SPDX-License-Identifier: MIT */
/*
 * The verbs and the options of php-poolctl
 *
 * An option is for all verbs, or for those that name it; the parser, --help and
 * the complaint about one in the wrong place work from the same table.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "config.h"
#include "ctl/text.h"
#include "ctl/verbs.h"
#include "util/cleanup.h"
#include "util/parse.h"

typedef struct Option Option;

typedef enum OptionType {
        OPTION_FLAG,
        OPTION_TEXT,
        OPTION_NUMBER,
        OPTION_HOST,
        OPTION_HELP,
        OPTION_VERSION,
} OptionType;

struct Option {
        const char *name;
        char letter; /* 0: none */
        OptionType type;
        const char *argument; /* NULL: takes none */
        const char *help;
        unsigned int verbs; /* VerbOption; 0: for all */
        size_t offset;      /* in Ctl */
        uint64_t max;       /* of numbers */
};

static const Verb verbs[] = {
        { "list", "", "a line for each configured pool", 0, 0, VERB_JSON, true, verb_list },
        { "status",
          "[NAME]",
          "one pool, or all, in detail",
          0,
          1,
          VERB_JSON | VERB_LINES,
          true,
          verb_status },
        { "top", "", "all pools, as they are from second to second", 0, 0, 0, false, verb_top },
        { "requests",
          "NAME",
          "what runs now, with PHP's stack; the slowest",
          1,
          1,
          VERB_JSON,
          true,
          verb_requests },
        { "kill-request", "NAME ID", "end one running request", 2, 2, 0, false, verb_kill_request },
        { "profile",
          "NAME",
          "where PHP spends its time, as a flame graph",
          1,
          1,
          VERB_SECONDS | VERB_HZ | VERB_OUTPUT | VERB_FOLDED,
          false,
          verb_profile },
        { "logs",
          "NAME",
          "the journal of a pool",
          1,
          1,
          VERB_JSON | VERB_FOLLOW | VERB_LINES,
          false,
          verb_logs },
        { "check", "[NAME]", "look for mistakes in the configuration", 0, 1, 0, true, verb_check },
        { "doctor",
          "NAME",
          "say in words why a site does not work",
          1,
          1,
          VERB_FRONT_DIR,
          true,
          verb_doctor },
        { "reload", "NAME", "reload a pool; says why if it cannot", 1, 1, 0, false, verb_reload },
        { "wait-reload", "[NAME]", "wait until a running reload is over", 0, 1, 0, false, verb_wait_reload },
        { "exec", "NAME -- CMD...", "run a program as a pool runs PHP", 2, -1, 0, false, verb_exec },
        { "new", "NAME", "make a site", 1, 1, VERB_ROOT | VERB_HOST | VERB_PRINT, false, verb_new },
        { "import",
          "FILE...",
          "carry pools of php-fpm over",
          1,
          -1,
          VERB_PRINT | VERB_FORCE | VERB_UNIT_DIR | VERB_FRONT_DIR,
          false,
          verb_import },
        { "metrics", "", "print the figures of all pools as OpenMetrics", 0, 0, 0, false, verb_metrics },
        { "web", "", "serve a page of live figures to your browser", 0, 0, VERB_PORT, false, verb_web },
        { "inside", "NAME CMD...", NULL, 2, -1, 0, false, verb_inside },
        { "reach", "NAME", NULL, 1, 1, 0, false, verb_reach },
};

static const Option options[] = {
        { "json", 0, OPTION_FLAG, NULL, "print JSON", VERB_JSON, offsetof(Ctl, json), 0 },
        { "follow", 'f', OPTION_FLAG, NULL, "wait for more", VERB_FOLLOW, offsetof(Ctl, follow), 0 },
        { "lines",
          'n',
          OPTION_NUMBER,
          "N",
          "so many entries of the journal",
          VERB_LINES,
          offsetof(Ctl, lines),
          1000 },
        { "seconds",
          0,
          OPTION_NUMBER,
          "N",
          "how long to look (10)",
          VERB_SECONDS,
          offsetof(Ctl, seconds),
          600 },
        { "hz", 0, OPTION_NUMBER, "N", "how often in a second (99)", VERB_HZ, offsetof(Ctl, hz), 999 },
        { "folded",
          0,
          OPTION_FLAG,
          NULL,
          "folded stacks instead of SVG",
          VERB_FOLDED,
          offsetof(Ctl, folded),
          0 },
        { "output",
          'o',
          OPTION_TEXT,
          "FILE",
          "where to; - is stdout",
          VERB_OUTPUT,
          offsetof(Ctl, output),
          0 },
        { "root", 0, OPTION_TEXT, "DIR", "of the site (/srv/www/NAME)", VERB_ROOT, offsetof(Ctl, root), 0 },
        { "host", 0, OPTION_HOST, "HOST", "a host name of the site", VERB_HOST, offsetof(Ctl, hosts), 0 },
        { "print", 0, OPTION_FLAG, NULL, "write no file, print them", VERB_PRINT, offsetof(Ctl, print), 0 },
        { "force",
          0,
          OPTION_FLAG,
          NULL,
          "write over files that exist",
          VERB_FORCE,
          offsetof(Ctl, force),
          0 },
        { "port",
          0,
          OPTION_NUMBER,
          "N",
          "listen there, not where it is free",
          VERB_PORT,
          offsetof(Ctl, port),
          65535 },
        { "unit-dir",
          0,
          OPTION_TEXT,
          "DIR",
          "for drop-ins (/etc/systemd/system)",
          VERB_UNIT_DIR,
          offsetof(Ctl, unit_dir),
          0 },
        { "front-dir",
          0,
          OPTION_TEXT,
          "DIR",
          "holds nginx/ and apache2/ (/etc)",
          VERB_FRONT_DIR,
          offsetof(Ctl, front_dir),
          0 },
        { "no-legend", 0, OPTION_FLAG, NULL, "tables without their header", 0, offsetof(Ctl, no_legend), 0 },
        { "no-pager", 0, OPTION_FLAG, NULL, "no pager", 0, offsetof(Ctl, no_pager), 0 },
        { "config-dir", 0, OPTION_TEXT, "DIR", "(" PKGSYSCONFDIR ")", 0, offsetof(Ctl, config_dir), 0 },
        { "run-dir",
          0,
          OPTION_TEXT,
          "DIR",
          "where NAME/control stands (/run/php-pool.d)",
          0,
          offsetof(Ctl, run_dir),
          0 },
        { "worker-dir",
          0,
          OPTION_TEXT,
          "DIR",
          "where php-pool-worker-VERSION stands",
          0,
          offsetof(Ctl, worker_dir),
          0 },
        { "help", 'h', OPTION_HELP, NULL, "show this", 0, 0, 0 },
        { "version", 0, OPTION_VERSION, NULL, "show the version", 0, 0, 0 },
};

const Verb *verb_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];

        return NULL;
}

static void option_print_help(const Option *option, FILE *f) {
        char text[64], letter[8] = "   ";
        const char *separator = " (";

        if (option->letter)
                (void)snprintf(letter, sizeof(letter), "-%c,", option->letter);
        (void)snprintf(text, sizeof(text), "--%s %s", option->name, option->argument ?: "");
        (void)fprintf(f, "  %s %-16s %s", letter, text, option->help);

        for (size_t i = 0; option->verbs && i < ELEMENTSOF(verbs); i++) {
                if (!(verbs[i].options & option->verbs))
                        continue;
                (void)fprintf(f, "%s%s", separator, verbs[i].name);
                separator = ", ";
        }
        (void)fputs(option->verbs ? ")\n" : "\n", f);
}

void verbs_print_help(FILE *f) {
        (void)fputs(
                "php-poolctl [OPTIONS...] COMMAND ...\n\nLook at PHP pools, and control them.\n\nCommands:\n",
                f);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                char text[64];

                if (!verbs[i].help)
                        continue;
                (void)snprintf(text, sizeof(text), "%s %s", verbs[i].name, verbs[i].arguments);
                (void)fprintf(f, "  %-20s %s\n", text, verbs[i].help);
        }

        (void)fputs("\nOptions:\n", f);
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                option_print_help(&options[i], f);
}

const char *verbs_option_name(unsigned int mask) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (options[i].verbs & mask)
                        return options[i].name;

        return "";
}

static int option_complain(const Option *option, const char *value, const char *why) {
        _cleanup_(freep) char *clean = text_clean(value, 64);

        (void)fprintf(stderr, "php-poolctl: --%s %s: %s\n", option->name, clean ?: "", why);
        return EX_USAGE;
}

static int option_add_host(const Option *option, const char **hosts, const char *host) {
        size_t n = 0;

        while (hosts[n])
                n++;
        if (n >= CTL_HOSTS_MAX)
                return option_complain(option, host, "too many of them");

        hosts[n] = host;
        return 0;
}

static int option_apply(const Option *option, Ctl *ctl, const char *value) {
        void *at = (char *)ctl + option->offset;
        uint64_t number;

        switch (option->type) {
        case OPTION_FLAG:
                *(bool *)at = true;
                return 0;
        case OPTION_TEXT:
                *(const char **)at = value;
                return *value ? 0 : option_complain(option, value, "it is empty");
        case OPTION_HOST:
                return option_add_host(option, at, value);
        case OPTION_NUMBER:
                if (parse_u64(value, strlen(value), option->max, &number) < 0 || number == 0)
                        return option_complain(option, value, "not a number, or out of range");
                *(uint64_t *)at = number;
                return 0;
        case OPTION_HELP:
                verbs_print_help(stdout);
                return VERBS_E_DONE;
        case OPTION_VERSION:
        default:
                printf("php-poolctl %s\n", PACKAGE_VERSION);
                return VERBS_E_DONE;
        }
}

static const Option *option_find(int c) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (c == 256 + (int)i || c == options[i].letter)
                        return &options[i];

        return NULL;
}

int verbs_parse_options(Ctl *ctl, int argc, char **argv, unsigned int *ret_given) {
        struct option list[ELEMENTSOF(options) + 1] = {};
        unsigned int given = 0;
        char letters[2 * ELEMENTSOF(options) + 1];
        size_t n = 0;
        int c, r;

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                list[i] = (struct option){ options[i].name,
                                           options[i].argument ? required_argument : no_argument,
                                           NULL,
                                           256 + (int)i };
                if (options[i].letter) {
                        letters[n++] = options[i].letter;
                        if (options[i].argument)
                                letters[n++] = ':';
                }
        }
        letters[n] = '\0';

        while ((c = getopt_long(argc, argv, letters, list, NULL)) >= 0) {
                const Option *option = c == '?' ? NULL : option_find(c);

                if (!option)
                        return EX_USAGE; /* getopt_long(3) has said what */
                r = option_apply(option, ctl, optarg);
                if (r != 0)
                        return r;
                given |= option->verbs;
        }

        *ret_given = given;
        return 0;
}
