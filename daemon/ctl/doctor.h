/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The stations that `doctor` walks, from the unit to the front end
 */

#include "ctl/checks.h"
#include "ctl/front.h"
#include "ctl/view.h"

typedef struct Doctor Doctor;

struct Doctor {
        Checks checks;
        View view;
        Fronts fronts;
        const char *log_dir;  /* "/var/log" */
        bool serves_directly; /* a front end other than ours speaks to the pool */
        bool has_journal;     /* it could be read */
};

/* Each adds what is wrong to checks.findings. All but the first two want checks.config. */
void doctor_unit(Doctor *doctor);
void doctor_socket(Doctor *doctor);
void doctor_worker(Doctor *doctor);
void doctor_site(Doctor *doctor);
void doctor_htaccess(Doctor *doctor);
void doctor_proxy(Doctor *doctor);
void doctor_fronts(Doctor *doctor);
void doctor_front_logs(Doctor *doctor);
void doctor_journal(Doctor *doctor);

/* The pool listens there, by its socket unit. */
bool doctor_listens_on(const Doctor *doctor, const char *address);
