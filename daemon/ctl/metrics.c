/* SPDX-License-Identifier: MIT */
/*
 * php-poolctl metrics: what php-pool-metrics would serve, once, on stdout
 */
#include <limits.h>
#include <stdio.h>
#include "ctl/child.h"
#include "ctl/ctl.h"
#include "util/log.h"

int verb_metrics(const Ctl *ctl, int argc, char **argv) {
        char path[PATH_MAX];
        const char *const command[] = {
                path, "--print", "--config-dir", ctl->config_dir, "--run-dir", ctl->run_dir, NULL,
        };
        int r;

        (void)snprintf(path, sizeof(path), "%s/php-pool-metrics", ctl->worker_dir);
        r = child_become(command);
        log_error_errno(r, "Failed to run '%s': %m", path);
        return EXIT_FAILURE;
}
