/* SPDX-License-Identifier: MIT */
/*
 * What the pool says of itself: one line for systemctl status, an object for
 * the control socket
 */

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include "pool/manager.h"
#include "util/clock.h"

#define RATE_SECONDS 10U

static const char *status_state(const Manager *manager) {
        if (manager->state == MANAGER_STOPPING)
                return "stopping";
        if (manager->state == MANAGER_STARTING)
                return "starting";
        return manager->next ? "reloading" : "running";
}

static double status_rate(const Manager *manager) {
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
                         " workers; %zu queued; %" PRIu64 " requests, %.1f/s; %" PRIu64 " timeouts, %" PRIu64
                         " crashes%s",
                         status_state(manager),
                         count.n_busy,
                         count.n_idle,
                         manager->current ? manager->current->config->workers_max : 0,
                         queue_length(&manager->queue),
                         manager_count_requests(manager),
                         status_rate(manager),
                         manager->n_timeouts,
                         manager->n_crashes,
                         broken); /* without a service manager there is nobody to tell */
}

static void add_number(json_object *object, const char *key, uint64_t value) {
        json_object_object_add(object, key, json_object_new_int64((int64_t)MIN2(value, INT64_MAX)));
}

static void add_text(json_object *object, const char *key, const char *value) {
        json_object_object_add(object, key, json_object_new_string(value));
}

static json_object *status_worker(const PoolWorker *worker, uint64_t now_usec) {
        json_object *object = json_object_new_object();
        bool runs;
        ScoreboardCopy copy;

        scoreboard_copy(&worker->manager->board, worker->slot, &copy);
        runs = copy.state == WORKER_BUSY || copy.state == WORKER_FINISHED;

        add_number(object, "id", worker->slot);
        add_number(object, "pid", (uint64_t)worker->pid);
        add_number(object, "generation", worker->generation->number);
        add_text(object,
                 "state",
                 worker->draining && !runs ? "draining" : worker_state_to_string(copy.state));
        add_number(object, "requests", copy.n_requests);
        add_number(object, "age_usec", now_usec > copy.state_usec ? now_usec - copy.state_usec : 0);
        add_text(object, "method", runs ? copy.method : "");
        add_text(object, "uri", runs ? copy.uri : "");
        add_text(object, "script", runs ? copy.script : "");
        add_text(object, "request_id", runs ? copy.id : "");
        add_number(object, "memory", copy.memory);
        return object;
}

static json_object *status_workers(const Manager *manager, const WorkerCount *count) {
        json_object *object = json_object_new_object();

        add_number(object, "busy", count->n_busy);
        add_number(object, "idle", count->n_idle);
        add_number(object, "starting", count->n_starting);
        add_number(object, "draining", count->n_draining);
        add_number(object, "max", manager->current ? manager->current->config->workers_max : 0);
        add_number(object, "min", manager->current ? manager->current->config->workers_min : 0);
        return object;
}

static json_object *status_get(void *userdata) {
        Manager *manager = userdata;
        json_object *object = json_object_new_object(), *list = json_object_new_array();
        uint64_t now = clock_now_usec();
        WorkerCount count;

        manager_count_workers(manager, now, &count);
        add_text(object, "name", manager->options->name);
        add_text(object, "state", status_state(manager));
        add_text(object, "php", manager->current ? manager->current->php : "");
        add_number(object, "generation", manager->current ? manager->current->number : 0);
        add_number(object, "since_usec", manager->start_wall_usec);
        add_text(object, "root", manager->current ? manager->current->config->root : "");
        json_object_object_add(object, "workers", status_workers(manager, &count));
        add_number(object, "queue", queue_length(&manager->queue));
        add_number(object, "parked", manager->parking.n_kept + manager->parking.n_partial);
        add_number(object, "requests", manager_count_requests(manager));
        add_number(object, "crashes", manager->n_crashes);
        add_number(object, "timeouts", manager->n_timeouts);
        add_number(object,
                   "refused",
                   manager->queue.n_refused + manager->queue.n_dropped + manager->parking.n_cut);
        json_object_object_add(object, "rate", json_object_new_double(status_rate(manager)));
        add_text(object, "last_error", manager->last_error);
        LIST_FOREACH (l, &manager->workers)
                json_object_array_add(list, status_worker(list_entry(l, PoolWorker, link), now));
        json_object_object_add(object, "list", list);
        return object;
}

static int status_reload(void *userdata) {
        return manager_reload(userdata);
}

const ControlHandler status_handler = {
        .get_status = status_get,
        .reload = status_reload,
};
