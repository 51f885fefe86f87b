/* SPDX-License-Identifier: MIT */
/* The figures of all processes, summed up */

#include <json-c/json.h>
#include <string.h>
#include "proxy/control.h"
#include "proxy/supervisor.h"

static const char control_description[] =
        "# The HTTP front: all of its processes together\n"
        "interface io.phppool.Proxy\n"
        "\n"
        "# count requests took at most le_usec and longer than that of the bucket before;\n"
        "# the last bucket has no le_usec\n"
        "type Bucket (le_usec: ?int, count: int)\n"
        "\n"
        "# state: running, reloading, stopping. connections and waiting (requests in queues\n"
        "# before pools) are those of this moment, the other figures count from the start.\n"
        "# requests: by class of their status, [0] those that nobody waited for any more.\n"
        "# files: answered with a file; retried: sent to a pool again; timed_out: left a\n"
        "# queue with 503; refused: connections closed by a limit.\n"
        "type Status (\n"
        "  state: ?string,\n"
        "  sites: ?int,\n"
        "  broken: ?string,\n"
        "  processes: ?int,\n"
        "  connections: ?int,\n"
        "  waiting: ?int,\n"
        "  accepted: ?int,\n"
        "  refused: ?int,\n"
        "  requests: ?[]int,\n"
        "  files: ?int,\n"
        "  retried: ?int,\n"
        "  timed_out: ?int,\n"
        "  received_bytes: ?int,\n"
        "  sent_bytes: ?int,\n"
        "  duration_usec: ?int,\n"
        "  durations: ?[]Bucket\n"
        ")\n"
        "\n"
        "method GetStatus() -> (status: Status)\n";

static void add(struct json_object *object, const char *name, struct json_object *value) {
        if (value)
                (void)json_object_object_add(object, name, value);
}

static void add_number(struct json_object *object, const char *name, uint64_t value) {
        add(object, name, json_object_new_int64((int64_t)value));
}

static struct json_object *control_requests(const Supervisor *supervisor) {
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; list && i < COUNTERS_N_CLASSES; i++)
                (void)json_object_array_add(
                        list,
                        json_object_new_int64((int64_t)SUPERVISOR_SUM(supervisor, n_requests[i])));
        return list;
}

static struct json_object *control_durations(const Supervisor *supervisor) {
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; list && i < COUNTERS_N_BUCKETS; i++) {
                struct json_object *bucket = json_object_new_object();

                if (!bucket)
                        continue;
                if (i < COUNTERS_N_BUCKETS - 1)
                        add_number(bucket, "le_usec", counters_bounds_usec[i]);
                add_number(bucket, "count", SUPERVISOR_SUM(supervisor, durations[i]));
                (void)json_object_array_add(list, bucket);
        }
        return list;
}

static struct json_object *control_status(const Supervisor *supervisor) {
        struct json_object *status = json_object_new_object(), *parameters = json_object_new_object();

        if (!status || !parameters) {
                json_object_put(status);
                return parameters;
        }
        add(status,
            "state",
            json_object_new_string(supervisor->ending       ? "stopping"
                                   : supervisor->next_sites ? "reloading"
                                                            : "running"));
        add_number(status, "sites", supervisor->sites->config->n_sites);
        add(status, "broken", json_object_new_string(supervisor->sites->broken));
        add_number(status, "processes", supervisor->n_processes);
        add_number(status, "connections", SUPERVISOR_SUM(supervisor, n_connections));
        add_number(status, "waiting", SUPERVISOR_SUM(supervisor, n_waiting));
        add_number(status, "accepted", SUPERVISOR_SUM(supervisor, n_accepted));
        add_number(status, "refused", SUPERVISOR_SUM(supervisor, n_refused));
        add(status, "requests", control_requests(supervisor));
        add_number(status, "files", SUPERVISOR_SUM(supervisor, n_files));
        add_number(status, "retried", SUPERVISOR_SUM(supervisor, n_retried));
        add_number(status, "timed_out", SUPERVISOR_SUM(supervisor, n_timed_out));
        add_number(status, "received_bytes", SUPERVISOR_SUM(supervisor, received_bytes));
        add_number(status, "sent_bytes", SUPERVISOR_SUM(supervisor, sent_bytes));
        add_number(status, "duration_usec", SUPERVISOR_SUM(supervisor, duration_usec));
        add(status, "durations", control_durations(supervisor));
        add(parameters, "status", status);
        return parameters;
}

static struct json_object *control_answer(void *userdata, const char *method) {
        return strcmp(method, "GetStatus") == 0 ? control_status(userdata) : NULL;
}

int control_new(VarlinkServer **ret, Supervisor *supervisor, const char *path) {
        static const VarlinkService service = {
                .product = "php-pool-proxy",
                .interface = "io.phppool.Proxy",
                .description = control_description,
                .answer = control_answer,
        };

        return varlink_server_new(ret, &supervisor->loop, path, &service, supervisor);
}
