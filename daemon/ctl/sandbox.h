/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A program in the sandbox of a pool: its user, its limits, its view of the system
 */

#include "ctl/ctl.h"

typedef struct Sandbox Sandbox;

struct Sandbox {
        char **arguments; /* owned; systemd-run and its options, ended by NULL */
        size_t n_arguments;
        char unit[96]; /* the transient unit's */
};

/*
 * What systemd-run has to be told, up to the program. @stdio is "--pipe" or "--pty". -errno, said why.
 */
int sandbox_new(Sandbox *ret, const Ctl *ctl, const char *name, const char *stdio);
void sandbox_done(Sandbox *sandbox);

/* One more argument, copied: of the program. "$" is made safe: systemd would fill in variables. -ENOMEM. */
int sandbox_add(Sandbox *sandbox, const char *argument);

/* The path of php-poolctl, which is the program as a rule. */
int sandbox_add_self(Sandbox *sandbox, const Ctl *ctl);
