/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl logs: the journal of a pool
 *
 * This is journalctl with the matches that no pool can forge: what the units'
 * processes wrote, by _SYSTEMD_UNIT=, and what systemd says of them. `journalctl PHP_POOL=NAME`
 * also shows what others have written in its name.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "ctl/child.h"
#include "ctl/ctl.h"
#include "ctl/unit.h"
#include "ctl/view.h"
#include "util/log.h"

int verb_logs(const Ctl *ctl, int argc, char **argv) {
        char service[UNIT_NAME_MAX], socket[UNIT_NAME_MAX], by[96], about_service[96], about_socket[96],
                object[96], lines[32];
        const char *command[20] = { "journalctl" };
        size_t n = 1;
        int r;

        if (!ctl_check_name(argv[0]))
                return EX_USAGE;

        (void)unit_name(service, sizeof(service), argv[0], "service");
        (void)unit_name(socket, sizeof(socket), argv[0], "socket");
        (void)snprintf(by, sizeof(by), "_SYSTEMD_UNIT=%s", service);
        (void)snprintf(about_service, sizeof(about_service), "UNIT=%s", service);
        (void)snprintf(about_socket, sizeof(about_socket), "UNIT=%s", socket);
        (void)snprintf(object, sizeof(object), "OBJECT_SYSTEMD_UNIT=%s", service);
        (void)snprintf(lines, sizeof(lines), "--lines=%" PRIu64, ctl->lines);

        if (ctl->follow)
                command[n++] = "--follow";
        if (ctl->lines > 0)
                command[n++] = lines;
        if (ctl->json)
                command[n++] = "--output=json";
        if (ctl->no_pager)
                command[n++] = "--no-pager";
        command[n++] = by;
        command[n++] = "+";
        command[n++] = "_PID=1";
        command[n++] = about_service;
        command[n++] = about_socket;
        /* of journald about the service: how much of a flood was left out */
        command[n++] = "+";
        command[n++] = "_UID=0";
        command[n++] = object;

        /* what a pool wrote stays in the journal when its file is gone */
        if (!view_is_configured(ctl, argv[0]))
                log_warning("There is no pool '%s' now; what follows is of one that was.", argv[0]);

        r = child_become(command);
        log_error_errno(r, "Failed to run journalctl: %m");
        return EXIT_FAILURE;
}
