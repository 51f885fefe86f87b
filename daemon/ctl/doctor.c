/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl doctor: why a site does not work, in words
 *
 * Walks the way of a request backwards, from the unit to the front end, and at
 * each station looks for what is known to go wrong there. Nothing is changed
 * and no script is run; a pool that sleeps is not woken. What `check` would say is said too,
 * since what may be meant so is often what it is.
 */
#include <stdio.h>
#include <string.h>
#include "ctl/doctor.h"
#include "ctl/output.h"
#include "ctl/paths.h"
#include "util/log.h"

static int doctor_load(Doctor *doctor, const Ctl *ctl, const char *name) {
        int r;

        r = checks_load(&doctor->checks, ctl, name);
        if (r == 0)
                r = view_load(&doctor->view, ctl, name);
        if (r == 0)
                r = fronts_load(&doctor->fronts, ctl->front_dir);
        doctor->log_dir = strcmp(ctl->front_dir, "/etc") == 0 ? "/var/log" : ctl->front_dir;
        return r;
}

static void doctor_done(Doctor *doctor) {
        fronts_done(&doctor->fronts);
        view_done(&doctor->view);
        checks_done(&doctor->checks);
}

static void doctor_walk(Doctor *doctor) {
        Checks *checks = &doctor->checks;

        doctor_unit(doctor);
        doctor_socket(doctor);
        if (!checks->config)
                return;

        check_unit(checks);
        check_limits(checks);
        check_worker(checks);
        doctor_worker(doctor);
        check_settings(checks);
        check_mail(checks);
        paths_check(&checks->findings, checks->ctl, checks->config, checks->file, &checks->php);
        doctor_site(doctor);
        doctor_htaccess(doctor);
        check_secrets(checks);
        doctor_fronts(doctor);
        doctor_proxy(doctor);
        doctor_front_logs(doctor);
        doctor_journal(doctor);
}

/* Without an answer of systemd's nothing is known of units, and without the file nothing of the rest. */
static bool doctor_looked(const Doctor *doctor, FindingStage stage) {
        if (stage == FINDING_UNIT)
                return doctor->checks.service.n_blocks > 0;
        if (stage == FINDING_SOCKET)
                return doctor->checks.socket.n_blocks > 0;
        if (stage == FINDING_JOURNAL)
                return doctor->has_journal;
        return doctor->checks.config;
}

/* A line for each station, and below it what is wrong there. */
static void doctor_print(const Doctor *doctor) {
        const Findings *findings = &doctor->checks.findings;

        for (FindingStage stage = 0; stage < _FINDING_STAGE_MAX; stage++) {
                FindingLevel worst = FINDING_NOTE;
                bool looked = doctor_looked(doctor, stage);

                for (size_t i = 0; i < findings->n_items; i++)
                        if (findings->items[i].stage == stage)
                                worst = MAX2(worst, findings->items[i].level);
                printf("%-10s %s%s%s\n",
                       finding_stage_to_string(stage),
                       output_style(worst == FINDING_ERROR     ? OUTPUT_BAD
                                    : worst == FINDING_WARNING ? OUTPUT_WARN
                                    : looked                   ? OUTPUT_GOOD
                                                               : OUTPUT_DIM),
                       worst == FINDING_ERROR     ? "WRONG"
                       : worst == FINDING_WARNING ? "doubtful"
                       : looked                   ? "ok"
                                                  : "not looked at",
                       output_style(OUTPUT_PLAIN));
                for (size_t i = 0; i < findings->n_items; i++)
                        if (findings->items[i].stage == stage) {
                                printf("  ");
                                finding_print(&findings->items[i], stdout);
                        }
        }
}

int verb_doctor(const Ctl *ctl, int argc, char **argv) {
        Doctor doctor = {};
        unsigned int n_errors, n_warnings;
        int r;

        if (!ctl_check_name(argv[0]))
                return EX_USAGE;

        r = doctor_load(&doctor, ctl, argv[0]);
        if (r < 0) {
                doctor_done(&doctor);
                log_error_errno(r, "Failed to look at '%s': %m", argv[0]);
                return EXIT_FAILURE;
        }

        doctor_walk(&doctor);
        doctor_print(&doctor);
        n_errors = doctor.checks.findings.n_errors;
        n_warnings = doctor.checks.findings.n_warnings;
        doctor_done(&doctor);

        if (n_errors == 0 && n_warnings == 0)
                printf("\nNothing is wrong with '%s' as far as can be seen from here.\n", argv[0]);
        else
                printf("\n%u thing%s wrong, %u doubtful.\n",
                       n_errors,
                       n_errors == 1 ? " is" : "s are",
                       n_warnings);
        return n_errors > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
