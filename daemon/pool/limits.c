/* SPDX-License-Identifier: MIT */
/*
 * Limits
 *
 * A worker is a process and, at least, some twenty descriptors; the manager
 * holds a descriptor for each connection that waits and two for each worker.
 * During a reload two generations stand beside each other, though the old one
 * only shrinks.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "pool/limits.h"
#include "util/cleanup.h"
#include "util/fd.h"
#include "util/parse.h"

#define PROCESSES_OTHER   3U /* manager, template, and the template of a reload */
#define DESCRIPTORS_OTHER 64U
#define CGROUP_FILE_MAX   4096U

/* pids.max of our unit's cgroup (v2); UINT64_MAX where there is none. */
static uint64_t limits_tasks_max(void) {
        _cleanup_(freep) char *cgroup = NULL, *value = NULL, *path = NULL;
        char *start;
        size_t size;
        uint64_t n;

        if (fd_read_file("/proc/self/cgroup", CGROUP_FILE_MAX, &cgroup, &size) < 0)
                return UINT64_MAX;

        start = strstr(cgroup, "0::/");
        if (!start)
                return UINT64_MAX;
        start[strcspn(start, "\n")] = '\0';
        if (asprintf(&path, "/sys/fs/cgroup%s/pids.max", start + strlen("0::")) < 0) {
                path = NULL;
                return UINT64_MAX;
        }
        if (fd_read_file(path, CGROUP_FILE_MAX, &value, &size) < 0)
                return UINT64_MAX;

        return parse_u64(value, strcspn(value, "\n"), UINT64_MAX, &n) < 0 ? UINT64_MAX : n;
}

static int limits_compare(const char *limit,
                          uint64_t is,
                          const PoolConfig *config,
                          uint64_t least,
                          uint64_t good,
                          char *text,
                          size_t size) {
        if (is >= good)
                return 0;

        (void)snprintf(text,
                       size,
                       "%s=%" PRIu64 " is too small for workers.max = %" PRIu64 ": %s needs %" PRIu64
                       ". Raise it with 'systemctl edit php-pool@%s.service', or lower workers.max",
                       limit,
                       is,
                       config->workers_max,
                       is >= least ? "a reload under full load" : "the pool",
                       is >= least ? good : least,
                       config->name);
        return is >= least ? 0 : -EDQUOT;
}

static uint64_t limits_get(int resource) {
        struct rlimit limit;

        return getrlimit((__rlimit_resource_t)resource, &limit) < 0 ? UINT64_MAX : limit.rlim_max;
}

int limits_check(const PoolConfig *config, char *text, size_t size) {
        uint64_t processes = config->workers_max + PROCESSES_OTHER;
        uint64_t descriptors = 2 * config->workers_max + DESCRIPTORS_OTHER;
        int r;

        text[0] = '\0';
        r = limits_compare("LimitNPROC",
                           limits_get(RLIMIT_NPROC),
                           config,
                           processes,
                           processes + config->workers_max,
                           text,
                           size);
        if (r < 0)
                return r;
        r = limits_compare("TasksMax",
                           limits_tasks_max(),
                           config,
                           processes,
                           processes + config->workers_max,
                           text,
                           size);
        if (r < 0)
                return r;
        return limits_compare("LimitNOFILE",
                              limits_get(RLIMIT_NOFILE),
                              config,
                              descriptors,
                              descriptors + config->workers_max,
                              text,
                              size);
}

int limits_check_files(const PoolConfig *config, char *text, size_t size) {
        int r;

        if (!config->php_ini || access(config->php_ini, R_OK) == 0)
                return 0;

        r = -errno;
        (void)snprintf(text, size, "php.ini = \"%s\" cannot be read: %s", config->php_ini, strerror(-r));
        return r;
}
