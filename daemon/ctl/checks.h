/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is looked at by `check` and by `doctor`: one function for each subject
 */

#include <stdbool.h>
#include "config/pool.h"
#include "ctl/ctl.h"
#include "ctl/finding.h"
#include "ctl/php.h"
#include "ctl/unit-file.h"
#include "ctl/unit.h"

typedef struct Checks Checks;

/* One pool, and what is known of it. */
struct Checks {
        const Ctl *ctl;
        const char *name;
        Findings findings;
        PoolConfig *config; /* owned; NULL: the file is broken, or not there */
        ConfigFile *file;   /* owned; as config; for line numbers */
        Php php;
        Units service, socket; /* of `systemctl show`; empty where systemd does not run */
        UnitFile service_file, socket_file;
};

/* Reads it all; says what is wrong with the file. -ENOMEM. */
int checks_load(Checks *ret, const Ctl *ctl, const char *name);
void checks_done(Checks *checks);

/* The property of the service or the socket; "" if it is not known. */
const char *checks_service(const Checks *checks, const char *property);
const char *checks_socket(const Checks *checks, const char *property);

/* "FILE:LINE" of a key of the pool's file. */
const char *checks_where(const Checks *checks, const char *key, char *buffer, size_t size);

/* Does it look as if a variable, or a setting of PHP, held a secret? By its name, or by a password in the value. */
bool secrets_is_variable(const char *name);
bool secrets_is_setting(const char *name, const char *value);

/* They take a pool whose config is there. */
void check_worker(Checks *checks);
void check_settings(Checks *checks); /* of PHP */
void check_mail(Checks *checks);
void check_secrets(Checks *checks); /* in the pool's file, and in files that are known to hold some */
void check_limits(Checks *checks);  /* of the unit, against workers.max and the timeouts */
void check_unit(Checks *checks);    /* drop-ins that take away what a pool needs */
