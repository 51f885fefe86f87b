/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * php-poolctl: what main gives to each verb
 *
 * A verb has a file of its own and one function. It gets the arguments behind
 * its name, and gives the exit status; it has said itself what went wrong.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include "config/loader.h"
#include "config/pool.h"
#include "util/clock.h"

typedef struct Ctl Ctl;

enum {
        CTL_HOSTS_MAX = 16, /* --host */
};

struct Ctl {
        const char *config_dir;
        const char *run_dir;    /* holds NAME/control */
        const char *worker_dir; /* holds php-pool-worker-VERSION */
        const char *php_dir;    /* holds VERSION/fpm/php.ini: "/etc/php" */
        uint64_t status_usec;   /* longest time that a pool gets to tell its status */
        bool systemd;           /* PID 1 is systemd, and run_dir is what its units use */
        bool json;
        bool no_legend;
        bool no_pager;

        /* each of some verbs alone; main refuses it for others */
        bool follow;
        bool force;
        bool print;
        bool folded;
        uint64_t lines;
        uint64_t seconds;
        uint64_t hz;
        uint64_t port;
        const char *output;
        const char *root;
        const char *unit_dir;
        const char *front_dir; /* where the configuration of nginx and Apache is looked for: "/etc" */
        const char *hosts[CTL_HOSTS_MAX + 1];
};

/* For anything that a pool does at once: its event loop answers in milliseconds. */
#define CTL_STATUS_USEC (3 * USEC_PER_SEC)

/* For a reload: the manager gives a new generation two minutes (pool/generation.c). */
#define CTL_RELOAD_USEC (150 * USEC_PER_SEC)

int verb_list(const Ctl *ctl, int argc, char **argv);
int verb_status(const Ctl *ctl, int argc, char **argv);
int verb_top(const Ctl *ctl, int argc, char **argv);
int verb_requests(const Ctl *ctl, int argc, char **argv);
int verb_kill_request(const Ctl *ctl, int argc, char **argv);
int verb_profile(const Ctl *ctl, int argc, char **argv);
int verb_logs(const Ctl *ctl, int argc, char **argv);
int verb_check(const Ctl *ctl, int argc, char **argv);
int verb_doctor(const Ctl *ctl, int argc, char **argv);
int verb_reload(const Ctl *ctl, int argc, char **argv);
int verb_wait_reload(const Ctl *ctl, int argc, char **argv);
int verb_exec(const Ctl *ctl, int argc, char **argv);
int verb_import(const Ctl *ctl, int argc, char **argv);
int verb_new(const Ctl *ctl, int argc, char **argv);
int verb_metrics(const Ctl *ctl, int argc, char **argv);
int verb_web(const Ctl *ctl, int argc, char **argv);

/* In the sandbox of a pool; for exec, check and doctor. */
int verb_inside(const Ctl *ctl, int argc, char **argv);
int verb_reach(const Ctl *ctl, int argc, char **argv);

/* Is it a pool name? Complains if not; EX_USAGE is then the status. */
bool ctl_check_name(const char *name);

/* The configuration of a pool by its name. Positive: the exit status, and it has said what is wrong. */
int ctl_load_pool(const Ctl *ctl, const char *name, PoolConfig **ret);

/* "FILE:LINE: MESSAGE" on @f, made clean. */
void ctl_print_config_error(FILE *f, const ConfigError *error);
