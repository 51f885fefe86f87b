/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "util/cleanup.h"
#include "util/process.h"

int pidfd_open_process(pid_t pid) {
        int fd = (int)syscall(SYS_pidfd_open, pid, 0U);

        return fd < 0 ? -errno : fd;
}

int pidfd_signal(int pidfd, int signo) {
        return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0U) < 0 ? -errno : 0;
}

int process_raise_nofile(uint64_t *ret) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return -errno;

        if (limit.rlim_cur < limit.rlim_max) {
                limit.rlim_cur = limit.rlim_max;
                if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                        return -errno;
        }

        if (ret)
                *ret = limit.rlim_cur;
        return 0;
}

int process_set_policy(int policy) {
        struct sched_param param = {};

        return sched_setscheduler(0, policy, &param) < 0 ? -errno : 0;
}

size_t process_half_cpus(void) {
        cpu_set_t cpus;

        return sched_getaffinity(0, sizeof(cpus), &cpus) < 0 ? 1 : ((size_t)CPU_COUNT(&cpus) + 1) / 2;
}

const char *process_signal_name(int signo) {
        const char *name = sigabbrev_np(signo);

        return name ? name : "RT";
}

uint64_t process_resident_bytes(void) {
        return process_resident_bytes_of(getpid());
}

uint64_t process_resident_bytes_of(pid_t pid) {
        char path[32];
        uint64_t pages = 0;
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
        f = fopen(path, "re");
        if (!f)
                return 0;
        if (fscanf(f, "%*u %" SCNu64, &pages) != 1)
                pages = 0;
        (void)fclose(f); /* only read */
        return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void process_set_name(const char *name) {
        (void)prctl(PR_SET_NAME, name); /* only for the eye */
}

void process_forget_service_environment(void) {
        static const char *const names[] = {
                "NOTIFY_SOCKET",    "WATCHDOG_USEC",         "WATCHDOG_PID",          "LISTEN_FDS",
                "LISTEN_PID",       "LISTEN_FDNAMES",        "JOURNAL_STREAM",        "INVOCATION_ID",
                "SYSTEMD_EXEC_PID", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE", "LD_BIND_NOW",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                (void)unsetenv(names[i]);
}
