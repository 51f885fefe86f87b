/* SPDX-License-Identifier: MIT */
/*
 * What the pool says of itself to the control socket
 */

#include <json-c/json.h>
#include "pool/json.h"
#include "pool/manager.h"
#include "util/clock.h"
#include "util/process.h"

/* Of a resident script: how long it booted, what it holds between requests, and how that grows. */
static void status_add_boot(json_object *object, uint64_t boot_usec, uint64_t memory_kept, uint64_t growth) {
        json_add_number(object, "boot_usec", boot_usec);
        json_add_number(object, "memory_kept", memory_kept);
        json_add_number(object, "growth", growth);
}

/* The worst of its workers. NULL: the pool has no resident script. */
static json_object *status_resident_script(const Manager *manager) {
        const char *script = manager->current ? manager->current->config->resident : NULL;
        uint64_t boot_usec = 0, memory_kept = 0, growth = 0;
        json_object *object;

        if (!script)
                return NULL;

        LIST_FOREACH (l, &manager->workers) {
                const PoolWorker *worker = list_entry(l, PoolWorker, link);
                ScoreboardCopy copy;

                if (worker->generation != manager->current)
                        continue;
                scoreboard_copy(&manager->board, worker->slot, &copy);
                boot_usec = MAX2(boot_usec, copy.boot_usec);
                memory_kept = MAX2(memory_kept, copy.memory_kept);
                growth = MAX2(growth, boot_growth(&copy));
        }

        object = json_object_new_object();
        json_add_text(object, "file", script);
        status_add_boot(object, boot_usec, memory_kept, growth);
        return object;
}

static json_object *status_worker(const PoolWorker *worker, uint64_t now_usec) {
        json_object *object = json_object_new_object();
        bool runs;
        ScoreboardCopy copy;

        scoreboard_copy(&worker->manager->board, worker->slot, &copy);
        runs = copy.state == WORKER_BUSY || copy.state == WORKER_FINISHED;

        json_add_number(object, "id", worker->slot);
        json_add_number(object, "pid", (uint64_t)worker->pid);
        json_add_number(object, "generation", worker->generation->number);
        json_add_text(object,
                      "state",
                      worker->draining && !runs ? "draining" : worker_state_to_string(copy.state));
        json_add_number(object, "requests", copy.n_requests);
        json_add_number(object, "age_usec", now_usec > copy.state_usec ? now_usec - copy.state_usec : 0);
        json_add_number(object, "born_usec", now_usec > copy.start_usec ? now_usec - copy.start_usec : 0);
        json_add_text(object, "method", runs ? copy.method : "");
        json_add_text(object, "uri", runs ? copy.uri : "");
        json_add_text(object, "script", runs ? copy.script : "");
        json_add_text(object, "request_id", runs ? copy.id : "");
        json_add_number(object, "memory", copy.memory);
        if (worker->generation->config->resident)
                status_add_boot(object, copy.boot_usec, copy.memory_kept, boot_growth(&copy));
        json_add_number(object, "resident", process_resident_bytes_of(worker->pid));
        return object;
}

static json_object *status_histogram(const uint64_t *counts, uint64_t sum_usec) {
        json_object *object = json_object_new_object(), *ends = json_object_new_array(),
                    *list = json_object_new_array();

        for (size_t i = 0; ends && list && i < TALLY_BUCKETS; i++) {
                if (i < TALLY_BUCKETS - 1)
                        (void)json_object_array_add(ends,
                                                    json_object_new_int64((int64_t)tally_bucket_usec[i]));
                (void)json_object_array_add(list,
                                            json_object_new_int64((int64_t)MIN2(counts[i], INT64_MAX)));
        }
        json_add(object, "buckets_usec", ends);
        json_add(object, "counts", list);
        json_add_number(object, "sum_usec", sum_usec);
        return object;
}

static void status_add_tally(json_object *object, const Manager *manager) {
        static const char *const classes[TALLY_CLASSES] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };
        json_object *by_class = json_object_new_object();
        TallySum sum;

        manager_sum_tally(manager, &sum);
        for (size_t i = 0; i < TALLY_CLASSES; i++)
                json_add_number(by_class, classes[i], sum.classes[i]);
        json_add(object, "statuses", by_class);
        json_add_number(object, "bytes_in", sum.bytes_in);
        json_add_number(object, "bytes_out", sum.bytes_out);
        json_add(object, "durations", status_histogram(sum.durations, sum.duration_usec));
        json_add(object, "waits", status_histogram(sum.waits, sum.wait_usec));
}

/* Why workers ended: by signal, and by themselves. */
static void status_add_ends(json_object *object, const Manager *manager) {
        json_object *signals = json_object_new_object(), *exits = json_object_new_object();

        for (int i = 0; i < MANAGER_SIGNALS_MAX; i++)
                if (manager->n_signals[i] > 0)
                        json_add_number(signals,
                                        i == 0 ? "exit" : process_signal_name(i),
                                        manager->n_signals[i]);
        for (int i = WORKER_EXIT_NONE + 1; i < _WORKER_EXIT_MAX; i++)
                json_add_number(exits, worker_exit_to_string((WorkerExit)i), manager->n_exits[i]);
        json_add(object, "crashes_by_signal", signals);
        json_add(object, "recycles", exits);
}

static json_object *status_opcache(const Manager *manager) {
        const ScoreboardOpcache *opcache = manager_newest_opcache(manager);
        json_object *object;

        if (!opcache)
                return NULL;

        object = json_object_new_object();
        json_add_number(object, "hits", atomic_load(&opcache->hits));
        json_add_number(object, "misses", atomic_load(&opcache->misses));
        json_add_number(object, "memory_used", atomic_load(&opcache->memory_used));
        json_add_number(object, "memory_free", atomic_load(&opcache->memory_free));
        json_add_number(object, "memory_wasted", atomic_load(&opcache->memory_wasted));
        json_add_number(object, "scripts", atomic_load(&opcache->n_scripts));
        json_add_number(object, "restarts", atomic_load(&opcache->n_restarts));
        return object;
}

static json_object *status_slowest(const Manager *manager) {
        json_object *list = json_object_new_array();

        for (size_t i = 0; list && i < manager->n_slowest; i++) {
                const Slowest *one = &manager->slowest[i];
                json_object *object = json_object_new_object();

                json_add_number(object, "duration_usec", one->duration_usec);
                json_add_number(object, "end_usec", one->end_wall_usec);
                json_add_number(object, "status", (uint64_t)one->status);
                json_add_text(object, "request_id", one->id);
                json_add_text(object, "method", one->method);
                json_add_text(object, "uri", one->uri);
                json_add_text(object, "script", one->script);
                (void)json_object_array_add(list, object);
        }

        return list;
}

static json_object *status_workers(const Manager *manager, const WorkerCount *count) {
        json_object *object = json_object_new_object();

        json_add_number(object, "busy", count->n_busy);
        json_add_number(object, "idle", count->n_idle);
        json_add_number(object, "starting", count->n_starting);
        json_add_number(object, "draining", count->n_draining);
        json_add_number(object, "max", manager->current ? manager->current->config->workers_max : 0);
        json_add_number(object, "min", manager->current ? manager->current->config->workers_min : 0);
        return object;
}

static json_object *status_get(void *userdata) {
        Manager *manager = userdata;
        json_object *object = json_object_new_object(), *list = json_object_new_array();
        uint64_t now = clock_now_usec();
        WorkerCount count;

        manager_count_workers(manager, now, &count);
        json_add_text(object, "name", manager->options->name);
        json_add_text(object, "state", status_state(manager));
        json_add_text(object, "php", manager->current ? manager->current->php : "");
        json_add_number(object, "generation", manager->current ? manager->current->number : 0);
        json_add_number(object, "since_usec", manager->start_wall_usec);
        json_add_text(object, "root", manager->current ? manager->current->config->root : "");
        json_add(object, "resident_script", status_resident_script(manager));
        json_object_object_add(object, "workers", status_workers(manager, &count));
        json_add_number(object, "queue", queue_length(&manager->queue));
        json_add_number(object, "parked", manager->parking.n_kept + manager->parking.n_partial);
        json_add_number(object, "requests", manager_count_requests(manager));
        json_add_number(object, "crashes", manager->n_crashes);
        json_add_number(object, "slow", manager->n_slow);
        json_add_number(object, "timeouts", manager->n_timeouts);
        json_add_number(object, "reloads", manager->n_reloads);
        json_add_number(object, "reloads_failed", manager->n_reloads_failed);
        json_add_number(object, "renewals", manager->n_renewals);
        json_add(object, "last_reload_ok", json_object_new_boolean(!manager->reload_failed));
        status_add_tally(object, manager);
        status_add_ends(object, manager);
        json_add(object, "opcache", status_opcache(manager));
        json_add(object, "slowest", status_slowest(manager));
        json_add_number(object,
                        "refused",
                        manager->queue.n_refused + manager->queue.n_dropped + manager->parking.n_cut);
        json_object_object_add(object, "rate", json_object_new_double(status_rate(manager)));
        json_add_text(object, "last_error", manager->last_error);
        LIST_FOREACH (l, &manager->workers)
                json_object_array_add(list, status_worker(list_entry(l, PoolWorker, link), now));
        json_object_object_add(object, "list", list);
        return object;
}

static int status_reload(void *userdata) {
        return manager_reload(userdata);
}

static int status_get_stacks(void *userdata, uint64_t ticket) {
        return inspect_stacks(userdata, ticket);
}

static int status_profile(void *userdata, uint64_t ticket, uint64_t hz, uint64_t msec) {
        return inspect_profile(userdata, ticket, hz, msec);
}

static int status_kill_request(void *userdata, const char *id) {
        return manager_cancel_request(userdata, id);
}

const ControlHandler status_handler = {
        .get_status = status_get,
        .reload = status_reload,
        .get_stacks = status_get_stacks,
        .profile = status_profile,
        .kill_request = status_kill_request,
};
