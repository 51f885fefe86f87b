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
#include "ipc/channel.h"
#include "ipc/scoreboard.h"
#include "pool/control.h"
#include "pool/parking.h"
#include "pool/queue.h"
#include "pool/scaler.h"
#include "pool/sessions.h"
#include "util/list.h"
#include "util/listen.h"

typedef struct Manager Manager;
typedef struct ManagerOptions ManagerOptions;
typedef struct Generation Generation;
typedef struct PoolWorker PoolWorker;
typedef struct Slowest Slowest;

struct ManagerOptions {
        const char *name;
        const char *config_dir;
        const char *worker_path; /* or NULL: the newest installed */
};

enum {
        MANAGER_SIGNALS_MAX = 65, /* as many as Linux has, and 0 for an exit status */
        MANAGER_SLOWEST_MAX = 20,
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

/* A request that took long, and not long ago. */
struct Slowest {
        uint64_t duration_usec;
        uint64_t end_wall_usec;
        int status;
        char id[REQUEST_ID_MAX + 1];
        char method[16];
        char uri[300];
        char script[300];
};

/* One template and what it was started with. */
struct Generation {
        List link; /* Manager.generations */
        Manager *manager;
        unsigned int number;
        GenerationState state;
        PoolConfig *config; /* owned */
        char php[48];       /* its version, as it said */
        pid_t pid;
        uint64_t ready_usec;
        int channel;                     /* owned */
        sd_event_source *channel_source; /* owned */
        sd_event_source *start_timer;    /* owned: the deadline of its start */
        size_t n_workers;
        size_t n_wanted;   /* boot.c: resident workers that it takes over with; 0: not counted yet */
        size_t n_failures; /* boot.c: workers that died before they served, while another one served */
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
        bool booted;       /* its resident script has */
        bool boot_is_over; /* it has not, and is killed */
        uint64_t started_usec;
        uint64_t booted_usec;
        uint64_t interrupted; /* request_number that was interrupted */
        uint64_t interrupted_usec;
        uint64_t cancelled;    /* request_number that an operator wanted ended */
        uint64_t killed;       /* request_number that was killed for its time */
        uint64_t slow;         /* request_number that was logged as slow */
        uint64_t keeps;        /* request_number that was seen to keep its connection after its answer */
        int loan;              /* the connection of a request over its time; owned */
        uint16_t loan_request; /* FastCGI's id of it */
};

struct Manager {
        const ManagerOptions *options; /* borrowed */
        ManagerState state;
        bool is_batch; /* the unit's scheduling policy, which the workers get */
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
        Sessions sessions;
        char *sessions_path; /* or NULL */

        List generations;    /* Generation.link, oldest first */
        Generation *current; /* borrowed */
        Generation *next;    /* a reload is on its way; borrowed */

        /* handover.c: how the others leave */
        sd_event_source *handover_source;
        unsigned int handover_number; /* of the generation that takes over, or took over last */
        uint64_t handover_usec;       /* since then */
        uint64_t handover_n_old;      /* HandoverView.n_old */

        unsigned int last_number;
        unsigned int reload_number; /* of the generation that the last reload has started */
        bool reload_open;           /* who waits for it, or for the first start, has no answer yet */
        bool reload_again;          /* another one follows: it was asked for while a template started */
        List workers;               /* PoolWorker.link */
        Scaler scaler;

        /* watch.c */
        sd_event_source *tick_source;
        unsigned int quiet_ticks;
        unsigned int missed_ticks;
        bool awake;
        bool armed;
        bool was_full; /* all of workers.max busy and somebody waiting, at the last look */

        List traces;                          /* traces.c: questions that are open, oldest first */
        Slowest slowest[MANAGER_SLOWEST_MAX]; /* slowest.c: longest first */
        size_t n_slowest;
        uint64_t profile_ticket; /* inspect.c: who waits for a profile; 0: nobody */
        unsigned int profile_generation;

        sd_event_source *second_source;
        sd_event_source *deadline_source;
        sd_event_source *stop_source;
        bool ready_said;
        unsigned int announced; /* generation that was announced last */

        /* sums of workers that are gone; the living are in the scoreboard */
        uint64_t n_requests;
        TallySum tally;
        uint64_t n_cut;
        uint64_t n_crashes;
        uint64_t n_signals[MANAGER_SIGNALS_MAX]; /* crashes by signal */
        uint64_t n_exits[_WORKER_EXIT_MAX];      /* workers that went by themselves, by reason */
        uint64_t n_timeouts;
        uint64_t n_slow;
        uint64_t n_reloads;
        uint64_t n_reloads_failed;
        unsigned int n_short_lives;  /* templates in a row that died soon after they were ready */
        uint64_t replace_usec;       /* not before then is the next one started */
        uint64_t n_renewals;         /* generations that began because opcache could not restart */
        uint64_t renewal_usec;       /* when the last one began */
        uint64_t restart_since_usec; /* since when opcache waits to restart; 0: it does not */
        bool reload_failed;          /* the last one */
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
/* Begins a reload, or has one follow what is starting. What comes of it control.h is told, and the service manager. */
int manager_reload(Manager *manager);
/* Of the service manager, for what ends within @usec one way or the other. */
void manager_ask_for_time(uint64_t usec);
void manager_stop(Manager *manager, const char *reason);
/* opcache of the current generation waits to restart and cannot: another generation, with a fresh one, takes over. */
void manager_check_opcache(Manager *manager, uint64_t now_usec);
/* For how long its successor has to wait. */
void manager_note_template_death(Manager *manager, const Generation *generation);
/* With how many workers a generation takes over, so that the change is not felt. */
uint64_t manager_count_wanted(Manager *manager, const PoolConfig *config);
/* Something ended: swap generations, free the drained, finish stopping. */
void manager_advance(Manager *manager);
/* For status and journal: the last thing that went wrong. Also logs it. */
void manager_complain(Manager *manager, const char *format, ...) _printf_(2, 3);
/* The same with an entry of the catalog: a "MESSAGE_ID=...". */
void manager_complain_as(Manager *manager, const char *message_id, const char *format, ...) _printf_(3, 4);

/* A worker asks: sessions that nobody has written for so long have ended. */
void manager_clean_sessions(Manager *manager, uint64_t lifetime_sec);

/* handover.c: tells older workers to go, as many as may by now. True: that was all of them; else it calls manager_advance(). */
bool manager_hand_over(Manager *manager);

/* generation.c */
int generation_start(Manager *manager, PoolConfig *config_taken, const char *worker_path);
int generation_fork(Generation *generation);
/* The configuration that is in force, once more: the file may have changed since. */
int generation_copy_config(const PoolConfig *config, PoolConfig **ret);
void generation_drain(Generation *generation);
Generation *generation_free(Generation *generation);
/* The template has died or closed its channel. */
void generation_on_death(Generation *generation, int status);
/* Forks and executes @path; sets generation->pid. Borrows both descriptors. */
int generation_spawn(Generation *generation, const char *path, int template_end, int config_fd);
/* The configuration as a file for the template, which cannot read a newer one then; the descriptor is the caller's. */
int generation_write_config(const PoolConfig *config, int *ret);
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
/* Workers whose death their template saw and could not tell, because it died too. Once a second. */
void manager_bury_unseen(Manager *manager);
void manager_count_workers(Manager *manager, uint64_t now_usec, WorkerCount *ret);
void manager_stop_idle_workers(Manager *manager, uint64_t n, uint64_t now_usec);
/* Requests ended since the start. */
uint64_t manager_count_requests(const Manager *manager);
/* The same of all that workers count. */
void manager_sum_tally(const Manager *manager, TallySum *ret);
/* What opcache of the current generation said last; NULL: nothing yet. */
const ScoreboardOpcache *manager_newest_opcache(const Manager *manager);

/* boot.c */
typedef enum BootOutcome {
        BOOT_PENDING,
        BOOT_DONE,   /* it can take over */
        BOOT_FAILED, /* it never will */
} BootOutcome;

/* Whether the next generation has booted what it needs to take over; starts more if not. */
BootOutcome boot_next(Manager *manager);
bool pool_worker_serves(const PoolWorker *worker);
void pool_worker_on_booted(PoolWorker *worker);
/* It died before it took a request. Gives how long the next start waits. */
uint64_t boot_on_early_death(PoolWorker *worker);
/* By how many bytes per 1000 requests what the script keeps grows. */
uint64_t boot_growth(const ScoreboardCopy *copy);
/* Of a resident worker, for the journal. */
void boot_log_end(const PoolWorker *worker, const ScoreboardCopy *copy);
/* Nobody needs what its script is booting for any more. */
void boot_give_up(PoolWorker *worker);
void boot_on_second(Manager *manager, uint64_t now_usec);
/* No worker starts, again and again. */
bool manager_is_failing(const Manager *manager);

/* deadlines.c */
/* Logs slow requests; interrupts, and later kills, those that run longer than they may. */
void manager_check_deadlines(Manager *manager, uint64_t now_usec);
/* Ends a running request as if it were over its time. -ENOENT: no such request runs. */
int manager_cancel_request(Manager *manager, const char *id);
/* How long until the next look is due: short where the limits are. */
uint64_t manager_deadline_interval(const Manager *manager);
/* An entry of the journal about a worker and the request that it runs or ran. */
void worker_log(const PoolWorker *worker,
                const ScoreboardCopy *copy,
                const char *message_id,
                const char *what);
/* The connection of a request over its time. */
void loan_take_fd(PoolWorker *worker, int fd, uint16_t request_id);
void loan_over(PoolWorker *worker);
/* The worker is dead: answers 504 if it was killed for its time before it answered. */
void loan_settle(PoolWorker *worker, const ScoreboardCopy *copy);

/*
 * traces.c: what a worker executes, asked of its template. The answer comes once,
 * to a function that gets the frames as ipc/trace.h has them (@size bytes), or
 * @n < 0: -errno, because nobody can tell. @worker is NULL if it has gone.
 */
typedef void (*TraceAnswer)(void *userdata, PoolWorker *worker, ssize_t n, char *frames, size_t size);
int trace_ask(PoolWorker *worker, TraceAnswer answer, void *userdata);
void traces_answered(Generation *generation, TemplateTrace *trace, size_t size);
void traces_forget(PoolWorker *worker);
void traces_expire(Manager *manager, uint64_t now_usec);

/* slowest.c: collects the slowest requests of the last window, every few seconds */
void slowest_collect(Manager *manager);
void slowest_take(Manager *manager, const PoolWorker *worker);      /* that of a worker which is gone */
void slowest_add_cut(Manager *manager, const ScoreboardCopy *copy); /* what it ran when it died */

/* inspect.c: what the pool does at this moment, for the control socket */
int inspect_stacks(Manager *manager, uint64_t ticket);
int inspect_profile(Manager *manager, uint64_t ticket, uint64_t hz, uint64_t msec);
/* @fd: of the folded stacks; taken if it is read. */
void profile_answered(Generation *generation, int32_t status, int *fd);

/* stop.c: somebody for what waits in the queue of a pool that stops */
void stop_serve_rest(Manager *manager);

/* watch.c */
int watch_start(Manager *manager);
/* Something changed: look now at who waits and who is idle, and act. */
void watch_look(Manager *manager);
/*
 * Once a second: what a hostile worker may have done to scoreboard, queue and
 * listeners. -EPIPE, -ESHUTDOWN: queue, or a listener, is beyond repair.
 */
int watch_mend(Manager *manager);
/* ParkingReady */
void watch_ready(void *userdata, int fd, int spool, uint64_t since_usec);

/* status-object.c */
extern const ControlHandler status_handler;

/* status.c */
const char *status_state(const Manager *manager);
double status_rate(const Manager *manager); /* requests a second */
void status_notify(Manager *manager);
void status_on_second(Manager *manager, uint64_t now_usec);
