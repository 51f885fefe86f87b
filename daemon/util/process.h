/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Processes: pidfds, the limits we run under, the names we run by
 */

#include <stdint.h>
#include <sys/types.h>

int pidfd_open_process(pid_t pid);      /* pidfd_open(2): a descriptor or -errno */
int pidfd_signal(int pidfd, int signo); /* pidfd_send_signal(2); -ESRCH: already gone */

/* Soft RLIMIT_NOFILE up to the hard one; *ret (may be NULL): the limit now. */
int process_raise_nofile(uint64_t *ret);

/* SCHED_OTHER or SCHED_BATCH (sched(7)). Async-signal-safe. */
int process_set_policy(int policy);

/* Half of the processors that we may use, at least one. */
size_t process_half_cpus(void);

/* "KILL" for SIGKILL; "RT" for those without a name. */
const char *process_signal_name(int signo);

/* Memory this process has in RAM now (statm of proc(5)); 0 where /proc does not tell. */
uint64_t process_resident_bytes(void);
uint64_t process_resident_bytes_of(pid_t pid);

/* The name in ps and journal (_COMM); cut at 15 bytes. */
void process_set_name(const char *name);

/* Removes from the environment what the service manager told us alone:
 * NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*, JOURNAL_STREAM, INVOCATION_ID,
 * MEMORY_PRESSURE_*, SYSTEMD_EXEC_PID (systemd.exec(5)). */
void process_forget_service_environment(void);
