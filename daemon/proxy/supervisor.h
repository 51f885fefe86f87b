/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The process that the service manager watches, and what it tells the others
 *
 * Each of them is at the end of a channel, a socket of one-byte messages.
 */

#include <sys/types.h>
#include "proxy/proxy.h"
#include "util/cleanup.h"

typedef struct Process Process;
typedef struct Supervisor Supervisor;
typedef struct VarlinkServer VarlinkServer;

/* To a process. */
#define SUPERVISOR_LOAD   'l' /* read the configuration; answer LOADED or REFUSED */
#define SUPERVISOR_USE    'u' /* what was loaded */
#define SUPERVISOR_FORGET 'f' /* what was loaded */
#define SUPERVISOR_DRAIN  'd'

/* From a process. */
#define SUPERVISOR_READY   'r'
#define SUPERVISOR_LOADED  'y'
#define SUPERVISOR_REFUSED 'n'

enum {
        SUPERVISOR_PROCESSES_MAX = 64,
        SUPERVISOR_E_PROCESS = 1,
};

struct Process {
        Source channel;
        Supervisor *supervisor;
        pid_t pid; /* 0: there is none */
        uint64_t started_usec;
        bool ready;
        bool loading; /* has been told to, and has not answered */
};

struct Supervisor {
        ProxyStart start; /* what all processes have alike, and in one of them its own part */
        Loop loop;
        Sites *sites;
        Listeners listeners;
        Process processes[SUPERVISOR_PROCESSES_MAX];
        int inboxes[SUPERVISOR_PROCESSES_MAX];    /* to write */
        int inbox_ends[SUPERVISOR_PROCESSES_MAX]; /* to read */
        size_t n_processes;

        Source signals;
        Timer tick;
        Timer restart;
        VarlinkServer *control; /* NULL: there is no directory for it */
        uint64_t watchdog_usec; /* 0: none */
        uint64_t idle_since_usec;
        uint64_t n_accepted; /* at that time */
        Sites *next_sites;   /* a reload is running */
        bool reload_follows; /* another one has been asked for meanwhile */
        bool reload_refused;
        char status_said[768]; /* to the service manager */
        bool ready;            /* has been told to the service manager */
        bool ending;
        bool failed;
};

/* Takes @sites. -ENOTCONN, -ENOTSOCK: see listeners_take(). */
int supervisor_new(Supervisor **ret, const char *config_dir, Sites *sites);
Supervisor *supervisor_free(Supervisor *supervisor);
DEFINE_CLEANUP(Supervisor *, supervisor_free);

/*
 * Until the program is to end: 0 or -errno. SUPERVISOR_E_PROCESS in each of the
 * processes that it makes: *ret says what the process begins with, and lives
 * as long as @supervisor.
 */
int supervisor_run(Supervisor *supervisor, ProxyStart **ret);

uint64_t supervisor_sum(const Supervisor *supervisor, size_t offset);
#define SUPERVISOR_SUM(supervisor, field) supervisor_sum((supervisor), offsetof(Counters, field))

/* For process.c. */
void supervisor_tell(Supervisor *supervisor, char order); /* all of them */
void supervisor_end(Supervisor *supervisor, bool failed);
void supervisor_finish_reload(Supervisor *supervisor); /* when all have answered, or died */
void supervisor_refuse_reload(Supervisor *supervisor);
