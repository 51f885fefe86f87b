/* SPDX-License-Identifier: MIT */
/*
 * The limits of the unit against what the file asks for
 *
 * The same figures as the manager's own (pool/limits.c), before it is started:
 * a worker is a process and some descriptors; during a reload two generations
 * stand beside each other. And a stop that systemd cuts short loses requests: the manager asks
 * for the time that it takes (EXTEND_TIMEOUT_USEC= in pool/manager.c), if systemd listens to it.
 */
#include <inttypes.h>
#include <string.h>
#include "ctl/checks.h"
#include "util/parse.h"

#define PROCESSES_OTHER   3U
#define DESCRIPTORS_OTHER 64U

static void check_limit(Checks *checks, const char *limit, uint64_t least, uint64_t good) {
        const UnitSetting *setting = unit_file_get(&checks->service_file, "Service", limit);
        const char *value = checks_service(checks, limit);
        uint64_t is;

        if (*value == '\0' || strcmp(value, "infinity") == 0 ||
            parse_u64(value, strlen(value), UINT64_MAX, &is) < 0 || is >= good)
                return;

        findings_add(&checks->findings,
                     is >= least ? FINDING_WARNING : FINDING_ERROR,
                     FINDING_UNIT,
                     setting ? setting->file : NULL,
                     "%s=%" PRIu64 " is too small for workers.max = %" PRIu64 ": %s needs %" PRIu64
                     " ('systemctl edit php-pool@%s.service', or lower workers.max)",
                     limit,
                     is,
                     checks->config->workers_max,
                     is >= least ? "a reload under full load" : "the pool",
                     is >= least ? good : least,
                     checks->name);
}

static void check_stop(Checks *checks) {
        const UnitSetting *setting = unit_file_get(&checks->service_file, "Service", "TimeoutStopSec");
        const char *value = checks_service(checks, "TimeoutStopUSec");
        char is[128], wants[128];
        uint64_t usec;

        if (strcmp(checks_service(checks, "NotifyAccess"), "none") != 0)
                return;
        if (*value == '\0' || parse_span(value, &usec) < 0 || usec > checks->config->stop_usec)
                return;

        findings_add(
                &checks->findings,
                FINDING_WARNING,
                FINDING_UNIT,
                setting ? setting->file : NULL,
                "TimeoutStopSec=%s ends before timeouts.stop = %s, and with NotifyAccess=none systemd does not hear that "
                "it takes longer: it would kill requests that the pool still lets finish",
                format_span(is, sizeof(is), usec),
                format_span(wants, sizeof(wants), checks->config->stop_usec));
}

void check_limits(Checks *checks) {
        uint64_t max = checks->config->workers_max, processes = max + PROCESSES_OTHER;
        uint64_t descriptors = 2 * max + DESCRIPTORS_OTHER;

        check_limit(checks, "LimitNPROC", processes, processes + max);
        check_limit(checks, "TasksMax", processes, processes + max);
        check_limit(checks, "LimitNOFILE", descriptors, descriptors + max);
        check_stop(checks);
}
