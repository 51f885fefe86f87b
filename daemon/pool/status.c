/* SPDX-License-Identifier: MIT */
/*
 * What the pool says of itself in one line, for systemctl status
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include "pool/manager.h"
#include "util/clock.h"

#define RATE_SECONDS 10U

const char *status_state(const Manager *manager) {
        if (manager->state == MANAGER_STOPPING)
                return "stopping";
        if (manager->state == MANAGER_STARTING)
                return "starting";
        if (manager_is_failing(manager))
                return "failing";
        return manager->next ? "reloading" : "running";
}

double status_rate(const Manager *manager) {
        unsigned int newest = (manager->rate_index + RATE_SECONDS) % (RATE_SECONDS + 1);
        uint64_t now = manager->rate_counts[newest], then = manager->rate_counts[manager->rate_index];

        return now > then ? (double)(now - then) / RATE_SECONDS : 0;
}

void status_on_second(Manager *manager, uint64_t now_usec) {
        uint64_t n = manager_count_requests(manager);

        if (n != manager->last_request_count) {
                manager->last_request_count = n;
                manager->last_request_usec = now_usec;
        }
        manager->rate_counts[manager->rate_index] = n;
        manager->rate_index = (manager->rate_index + 1) % (RATE_SECONDS + 1);
}

void status_notify(Manager *manager) {
        WorkerCount count;
        char broken[300] = "";

        manager_count_workers(manager, clock_now_usec(), &count);
        if (manager->last_error[0])
                (void)snprintf(broken, sizeof(broken), "; last error: %s", manager->last_error);

        (void)sd_notifyf(/* unset_environment= */ 0,
                         "STATUS=%s: %" PRIu64 " busy, %" PRIu64 " idle of at most %" PRIu64
                         " workers; %zu queued; %" PRIu64 " requests, %.1f/s; %" PRIu64 " slow, %" PRIu64
                         " timeouts, %" PRIu64 " crashes%s",
                         status_state(manager),
                         count.n_busy,
                         count.n_idle,
                         manager->current ? manager->current->config->workers_max : 0,
                         queue_length(&manager->queue),
                         manager_count_requests(manager),
                         status_rate(manager),
                         manager->n_slow,
                         manager->n_timeouts,
                         manager->n_crashes,
                         broken); /* without a service manager there is nobody to tell */
}
