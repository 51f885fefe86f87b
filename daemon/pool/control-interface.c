/* SPDX-License-Identifier: MIT */
/*
 * The interfaces of the control socket, in varlink's definition language
 *
 * Every field of the status may be missing: a client of one version meets
 * servers of others. org.varlink.service is what varlink asks every service to
 * have, word for word in names and types.
 */
#include <string.h>
#include "pool/control-interface.h"
#include "util/cleanup.h"

static const char pool_description[] =
        "# One pool of PHP workers, as its manager sees it\n"
        "interface io.phppool.Pool\n"
        "\n"
        "# How many workers there are, and may be\n"
        "type Workers (\n"
        "  busy: ?int,\n"
        "  idle: ?int,\n"
        "  starting: ?int,\n"
        "  max: ?int,\n"
        "  min: ?int\n"
        ")\n"
        "\n"
        "# One worker. method, uri and script are those of its latest request;\n"
        "# age_usec is the time in the present state, memory is in bytes.\n"
        "# state: idle, busy, starting, draining\n"
        "type Worker (\n"
        "  id: ?int,\n"
        "  pid: ?int,\n"
        "  generation: ?int,\n"
        "  state: ?string,\n"
        "  requests: ?int,\n"
        "  age_usec: ?int,\n"
        "  method: ?string,\n"
        "  uri: ?string,\n"
        "  script: ?string,\n"
        "  memory: ?int\n"
        ")\n"
        "\n"
        "# state: running, reloading, stopping. php is the version. since_usec is wall\n"
        "# clock time. queue counts requests that wait for a worker, parked connections\n"
        "# that are kept and silent; rate is requests per second over ten seconds.\n"
        "# list is left out when the reply would be larger than 1 MiB.\n"
        "type Status (\n"
        "  name: ?string,\n"
        "  state: ?string,\n"
        "  php: ?string,\n"
        "  generation: ?int,\n"
        "  since_usec: ?int,\n"
        "  root: ?string,\n"
        "  workers: ?Workers,\n"
        "  queue: ?int,\n"
        "  parked: ?int,\n"
        "  requests: ?int,\n"
        "  slow: ?int,\n"
        "  crashes: ?int,\n"
        "  timeouts: ?int,\n"
        "  refused: ?int,\n"
        "  rate: ?float,\n"
        "  last_error: ?string,\n"
        "  list: ?[]Worker\n"
        ")\n"
        "\n"
        "method GetStatus() -> (status: Status)\n"
        "\n"
        "# Begins a reload and replies when it is over. For peers with uid 0.\n"
        "method Reload() -> (ok: bool, message: string)\n"
        "\n"
        "# Waits for the reload that is running; replies at once with the result of\n"
        "# the last one if none is.\n"
        "method WaitReload() -> (ok: bool, message: string)\n"
        "\n"
        "error PermissionDenied ()\n"
        "error ReloadInProgress ()\n"
        "error StatusUnavailable ()\n";

static const char service_description[] =
        "interface org.varlink.service\n"
        "\n"
        "method GetInfo() -> (\n"
        "  vendor: string,\n"
        "  product: string,\n"
        "  version: string,\n"
        "  url: string,\n"
        "  interfaces: []string\n"
        ")\n"
        "\n"
        "method GetInterfaceDescription(interface: string) -> (description: string)\n"
        "\n"
        "error InterfaceNotFound (interface: string)\n"
        "error MethodNotFound (method: string)\n"
        "error MethodNotImplemented (method: string)\n"
        "error InvalidParameter (parameter: string)\n";

const char *control_interface_description(const char *interface) {
        static const struct {
                const char *name;
                const char *description;
        } table[] = {
                { CONTROL_INTERFACE_POOL, pool_description },
                { CONTROL_INTERFACE_SERVICE, service_description },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(table[i].name, interface) == 0)
                        return table[i].description;

        return NULL;
}
