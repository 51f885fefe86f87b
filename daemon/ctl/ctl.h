/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * php-poolctl: what main gives to each verb
 *
 * A verb has a file of its own and one function. It gets the arguments behind
 * its name, and gives the exit status; it has said itself what went wrong.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <sysexits.h>
#include "config/loader.h"
#include "util/clock.h"

typedef struct Ctl Ctl;

struct Ctl {
        const char *config_dir;
        const char *run_dir;    /* holds NAME/control */
        const char *worker_dir; /* holds php-pool-worker-VERSION */
        bool json;
        bool legend;
};

/* Longest time a pool gets to tell its status: its event loop answers in milliseconds. */
#define CTL_STATUS_USEC (3 * USEC_PER_SEC)

int verb_list(const Ctl *ctl, int argc, char **argv);
int verb_status(const Ctl *ctl, int argc, char **argv);
int verb_check(const Ctl *ctl, int argc, char **argv);
int verb_reload(const Ctl *ctl, int argc, char **argv);
int verb_wait_reload(const Ctl *ctl, int argc, char **argv);

/* Is it a pool name? Complains if not; EX_USAGE is then the status. */
bool ctl_check_name(const char *name);

/* "FILE:LINE: MESSAGE" on @f, made clean. */
void ctl_print_config_error(FILE *f, const ConfigError *error);

/* Columns of the terminal that stdout is; 0: it is none. */
size_t ctl_terminal_width(void);
