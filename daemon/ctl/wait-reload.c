/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl wait-reload: the last line of ExecReload=
 *
 * For a pool it waits at the control socket until the reload that is running is
 * over, and its exit status is the reload's. It runs as the pool's own user, in
 * the pool's sandbox; WaitReload is for everyone who can connect.
 *
 * Without a name it waits for the proxy to have said that it reloads. systemctl
 * reload returns when ExecReload= is done and the service is not "reloading"; if
 * the last command ends before PID 1 has read RELOADING=1, it returns early, with
 * the old configuration in use (2 of 25 reloads, measured with `kill -HUP` alone).
 * The proxy says it as soon as it sees SIGHUP, in the loop that serves its control
 * socket too: whoever is answered there knows that it was said. Afterwards systemd
 * waits for the READY=1 of the proxy itself. A proxy without a control socket is
 * given a pause.
 */
#include <json-c/json.h>
#include <string.h>
#include <time.h>
#include "ctl/field.h"
#include "ctl/text.h"
#include "ctl/view.h"
#include "ipc/varlink-client.h"
#include "util/log.h"

#define WAIT_PROXY_CONTROL  "/run/php-pool-proxy/control"
#define WAIT_PROXY_USEC     (20 * USEC_PER_SEC) /* it may be reading a thousand sites */
#define WAIT_RELOADING_MSEC 100

static int wait_proxy(void) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        struct timespec ts = { .tv_nsec = WAIT_RELOADING_MSEC * 1000000L };
        int r;

        r = varlink_client_call(WAIT_PROXY_CONTROL,
                                WAIT_PROXY_USEC,
                                "io.phppool.Proxy.GetStatus",
                                NULL,
                                &reply);
        if (r >= 0)
                return EXIT_SUCCESS;
        if (r == -ETIMEDOUT) {
                log_error("The proxy does not answer at " WAIT_PROXY_CONTROL
                          ": it may not have seen the reload");
                return EXIT_FAILURE;
        }

        while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
                ;
        return EXIT_SUCCESS;
}

int verb_wait_reload(const Ctl *ctl, int argc, char **argv) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {};
        _cleanup_(freep) char *message = NULL;
        int r;

        if (argc == 0)
                return wait_proxy();
        if (!ctl_check_name(argv[0]))
                return EX_USAGE;

        r = view_call(ctl, argv[0], CTL_INTERFACE ".WaitReload", NULL, CTL_RELOAD_USEC, &reply);
        if (r < 0) {
                view_complain_call(ctl, argv[0], "wait for the reload of", r);
                return EXIT_FAILURE;
        }

        message = text_clean(reply.error ?: field_string(reply.parameters, "message") ?: "", 1024);
        if (!reply.error && field_bool(reply.parameters, "ok") == 1) {
                if (message && *message)
                        log_info("%s", message);
                return EXIT_SUCCESS;
        }

        log_error("The reload of '%s' failed: %s",
                  argv[0],
                  message && *message ? message : "no reason given");
        return EXIT_FAILURE;
}
