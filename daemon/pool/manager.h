/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The manager of one pool: what the process php-poold holds
 *
 *   Manager ── generations ── PoolWorker ...      one template each; one is current
 *      ├─ listeners, queue, scoreboard            what all generations share
 *      ├─ parking                                 connections that need no worker
 *      └─ control                                 the tools' socket
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>
#include "config/pool.h"
#include "ipc/scoreboard.h"
#include "pool/control.h"
#include "pool/parking.h"
#include "pool/queue.h"
#include "pool/scaler.h"
#include "util/list.h"
#include "util/listen.h"

typedef struct Manager Manager;
typedef struct ManagerOptions ManagerOptions;
typedef struct Generation Generation;
typedef struct PoolWorker PoolWorker;

struct ManagerOptions {
        const char *name;
        const char *config_dir;
        const char *worker_path; /* or NULL: the newest installed */
};

typedef enum ManagerState {
        MANAGER_STARTING,
        MANAGER_RUNNING,
        MANAGER_STOPPING,
} ManagerState;

typedef enum GenerationState {
        GENERATION_STARTING, /* PHP is starting */
        GENERATION_READY,    /* forks workers */
        GENERATION_DRAINING, /* another one serves; its workers finish */
        GENERATION_DEAD,     /* the template is gone; its workers are ours */
} GenerationState;

/* One template and what it was started with. */
struct Generation {
        List link; /* Manager.generations */
        Manager *manager;
        unsigned int number;
        GenerationState state;
        PoolConfig *config; /* owned */
        char php[48];       /* its version, as it said */
        pid_t pid;
        int channel;                     /* owned */
        sd_event_source *channel_source; /* owned */
        sd_event_source *start_timer;    /* owned: the deadline of its start */
        size_t n_workers;
};

struct PoolWorker {
        List link; /* Manager.workers */
        Manager *manager;
        Generation *generation; /* borrowed; lives as long as it has workers */
        uint32_t slot;
        pid_t pid;               /* 0: asked for, not seen */
        int pidfd;               /* owned */
        int channel;             /* owned */
        sd_event_source *source; /* owned: messages of the worker */
        bool draining;
        uint64_t started_usec;
        uint64_t interrupted; /* request_number that was interrupted */
        uint64_t killed;      /* request_number that was killed for its time */
};

struct Manager {
        const ManagerOptions *options; /* borrowed */
        ManagerState state;
        sd_event *event;
        Listeners listeners;
        sd_event_source **listener_sources; /* one per listener; owned */
        Scoreboard board;
        PoolWorker *slots[SCOREBOARD_SLOTS_MAX]; /* borrowed; NULL: free */
        Queue queue;
        int wake; /* eventfd; owned */
        sd_event_source *wake_source;
        Parking parking;
        Control *control; /* or NULL */
        char *control_path;
        char *spool_directory; /* or NULL */

        List generations;    /* Generation.link, oldest first */
        Generation *current; /* borrowed */
        Generation *next;    /* a reload is on its way; borrowed */
        unsigned int last_number;
        List workers; /* PoolWorker.link */
        Scaler scaler;

        /* watch.c */
        sd_event_source *tick_source;
        unsigned int quiet_ticks;
        bool awake;
        bool armed;
        bool was_full; /* all of workers.max busy and somebody waiting, at the last look */

        sd_event_source *second_source;
        sd_event_source *stop_source;
        bool ready_said;
        unsigned int announced; /* generation that was announced last */

        /* sums of workers that are gone; the living are in the scoreboard */
        uint64_t n_requests;
        uint64_t n_errors;
        uint64_t n_cut;
        uint64_t n_crashes;
        uint64_t n_timeouts;
        uint64_t start_wall_usec;
        uint64_t last_request_usec; /* when the sum of requests last changed */
        uint64_t last_request_count;
        uint64_t rate_counts[11]; /* requests at the last eleven seconds, a ring */
        unsigned int rate_index;
        char last_error[256];
};

/* manager.c, succession.c */
int manager_new(Manager **ret,
                const ManagerOptions *options,
                PoolConfig *config_taken,
                Listeners *listeners_taken);
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free);
int manager_run(Manager *manager);
int manager_reload(Manager *manager);
void manager_stop(Manager *manager, const char *reason);
/* Something ended: swap generations, free the drained, finish stopping. */
void manager_advance(Manager *manager);
/* For status and journal: the last thing that went wrong. Also logs it. */
void manager_complain(Manager *manager, const char *format, ...) _printf_(2, 3);

/* generation.c */
int generation_start(Manager *manager, PoolConfig *config_taken, const char *worker_path);
int generation_fork(Generation *generation);
void generation_drain(Generation *generation);
Generation *generation_free(Generation *generation);
/* The template has died or closed its channel. */
void generation_on_death(Generation *generation, int status);
/* The executable for the configuration; a new string. -ENOENT. */
int generation_find_worker(const Manager *manager, const PoolConfig *config, char **ret);

/* workers.c */
typedef struct WorkerCount WorkerCount;

struct WorkerCount {
        uint64_t n_all; /* of the current generation, draining ones not counted */
        uint64_t n_starting;
        uint64_t n_idle;
        uint64_t n_idle_long;
        uint64_t n_busy;
        uint64_t n_draining;
};

int pool_worker_new(PoolWorker **ret, Generation *generation, int *ret_worker_end);
void pool_worker_stop(PoolWorker *worker);
PoolWorker *pool_worker_free(PoolWorker *worker);
PoolWorker *manager_find_worker(Manager *manager, uint32_t slot, pid_t pid);
void manager_bury_worker(Manager *manager, PoolWorker *worker, int status);
void manager_count_workers(Manager *manager, uint64_t now_usec, WorkerCount *ret);
void manager_stop_idle_workers(Manager *manager, uint64_t n, uint64_t now_usec);
/* Interrupts, and later kills, those that run longer than they may. */
void manager_check_deadlines(Manager *manager, uint64_t now_usec);
/* Requests ended since the start. */
uint64_t manager_count_requests(const Manager *manager);

/* watch.c */
int watch_start(Manager *manager);
/* Something changed: look now at who waits and who is idle, and act. */
void watch_look(Manager *manager);
/* ParkingReady */
void watch_ready(void *userdata, int fd, int spool, uint64_t since_usec);

/* status.c */
extern const ControlHandler status_handler;
void status_notify(Manager *manager);
void status_on_second(Manager *manager, uint64_t now_usec);
