/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The tables of verbs and options, for the command line and for --help
 */

#include "ctl/ctl.h"

typedef struct Verb Verb;

/* Options that are not for every verb. */
typedef enum VerbOption {
        VERB_JSON = 1 << 0,
        VERB_FOLLOW = 1 << 1,
        VERB_FORCE = 1 << 2,
        VERB_PRINT = 1 << 3,
        VERB_FOLDED = 1 << 4,
        VERB_LINES = 1 << 5,
        VERB_SECONDS = 1 << 6,
        VERB_HZ = 1 << 7,
        VERB_PORT = 1 << 8,
        VERB_OUTPUT = 1 << 9,
        VERB_ROOT = 1 << 10,
        VERB_HOST = 1 << 11,
        VERB_UNIT_DIR = 1 << 12,
        VERB_FRONT_DIR = 1 << 13,
} VerbOption;

struct Verb {
        const char *name;
        const char *arguments;
        const char *help;     /* NULL: not for people */
        int min, max;         /* number of arguments; max -1: any */
        unsigned int options; /* VerbOption */
        bool pages;           /* its output goes through the pager */
        int (*run)(const Ctl *ctl, int argc, char **argv);
};

/* NULL: there is none of that name. */
const Verb *verb_find(const char *name);

enum { VERBS_E_DONE = 1 };

/* The summary of --help. */
void verbs_print_help(FILE *f);

/*
 * Reads the options into @ctl and their VerbOption into @ret_given; optind is then the
 * first argument. 0: go on. VERBS_E_DONE: it was --help or --version. EX_USAGE: said what is wrong.
 */
int verbs_parse_options(Ctl *ctl, int argc, char **argv, unsigned int *ret_given);

/* "--follow, --json" of the options in the mask, for a complaint. */
const char *verbs_option_name(unsigned int mask);
