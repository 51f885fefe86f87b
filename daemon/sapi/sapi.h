/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * PHP, without PHP's headers: what the worker sees of it
 *
 * sapi_start() once in the template, then fork; sapi_run() for each request in
 * a worker. PHP never touches the socket: it reads its body and writes its
 * answer through the callbacks of the request.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "util/pairs.h"

typedef struct SapiFrame SapiFrame;
typedef struct SapiOpcache SapiOpcache;
typedef struct SapiOptions SapiOptions;
typedef struct SapiPoolStatus SapiPoolStatus;
typedef struct SapiRequest SapiRequest;
typedef struct SapiResident SapiResident;
typedef struct SapiWorkerStatus SapiWorkerStatus;

/* One function that runs, innermost first. */
struct SapiFrame {
        char function[128]; /* "Class->method"; "{main}", "{include}", "{eval}" */
        char file[256];     /* "": a function of PHP's own */
        uint32_t line;      /* that is being executed in it */
};

/* What opcache_get_status() said. */
struct SapiOpcache {
        uint64_t hits;
        uint64_t misses;
        uint64_t memory_used; /* bytes */
        uint64_t memory_free;
        uint64_t memory_wasted;
        uint64_t n_scripts;
        uint64_t n_restarts;
        bool restart_pending;
};

/* For fpm_get_status(). */
struct SapiWorkerStatus {
        int pid;
        bool busy;
        const char *state; /* static string */
        uint64_t n_requests;
        uint64_t age_usec;   /* since it started */
        uint64_t state_usec; /* of the present request, or since the last one ended */
        uint64_t memory;
        uint64_t body_size;
        double cpu_percent; /* of the last request; 0 where nobody measures it */
        char method[16];
        char uri[300];
        char script[300];
        char user[32];
};

struct SapiPoolStatus {
        uint64_t start_usec; /* CLOCK_REALTIME */
        uint64_t n_requests;
        uint64_t n_queued;
        uint64_t n_queued_most;
        uint64_t n_queued_max;
        uint64_t n_slow;
        uint64_t n_idle;
        uint64_t n_busy;
        uint64_t n_busy_most;
        uint64_t n_max_reached;
        SapiWorkerStatus *workers; /* malloc'd; the caller frees it */
        size_t n_workers;
};

/* All strings are borrowed until sapi_stop(); lists are NULL-terminated. */
struct SapiOptions {
        const char *pool;
        const char *root; /* scripts outside it are never run */
        char **also;      /* but those in these directories are */
        char **extensions;
        const char *ini; /* php.ini, or NULL */
        char **values;
        char **admin_values;
        bool params_may_set_ini;
        bool is_resident;                       /* workers run a resident script */
        const char *state_directory;            /* sessions, uploads, temporary files; or NULL */
        const char *cache_directory;            /* opcache's file cache; or NULL */
        uint64_t request_usec;                  /* for the message of an interrupted request */
        int (*get_status)(SapiPoolStatus *ret); /* 0 or -errno */
        /* Sessions in the state directory that nobody has written for so long have ended; NULL: PHP removes them itself. */
        void (*clean_sessions)(uint64_t lifetime_sec);
};

struct SapiRequest {
        const Pairs *params;
        uint64_t body_size; /* bytes that read_body() will give */
        const char *id;     /* PHP_REQUEST_ID in the journal */
        uint32_t worker;    /* PHP_WORKER in the journal */
        void *userdata;

        /* Bytes, 0 at the end, -errno. */
        ssize_t (*read_body)(void *userdata, void *data, size_t size);
        /* Appends to the answer: the CGI head first, then the body. -errno: the client is gone. */
        int (*write)(void *userdata, const void *data, size_t size);
        /* Sends what was written so far. */
        int (*flush)(void *userdata);
        /* Sends the rest and the end. @early: the script goes on behind it (fastcgi_finish_request()). */
        int (*finish)(void *userdata, int exit_status, bool early);
        /* An error for the front end's log (fastcgi.logging); may be NULL. */
        void (*write_error)(void *userdata, const char *text, size_t size);
        /* Whether the front end has taken the request back. Safe in a signal handler. */
        bool (*is_aborted)(void *userdata);
        /* The script that will run, once it is known. */
        void (*on_script)(void *userdata, const char *path);
        /* Each header line of the answer, when the head goes out; may be NULL. */
        void (*on_header)(void *userdata, const char *line, size_t size);
        /* Now and then, at the end of a request; may be NULL. */
        void (*on_opcache)(void *userdata, const SapiOpcache *opcache);

        /* results */
        int status;           /* of the answer */
        int exit_status;      /* of the script; 255: fatal error */
        uint64_t memory_peak; /* bytes */
        uint64_t memory_kept; /* bytes: of a resident script, after the request */
        char user[32];        /* who PHP found in HTTP_AUTHORIZATION */
        bool retire; /* PHP gave up in the middle (bailout): this process must not run another request */
};

/* A script that boots once and then takes one request after the other. */
struct SapiResident {
        const char *script; /* absolute path; borrowed like all here */
        const char *docroot;
        uint32_t worker; /* PHP_WORKER in the journal */
        void *userdata;

        /* Waits for the next request; NULL: the script is to end. */
        SapiRequest *(*next)(void *userdata);
        /* It is answered. May end the process. */
        void (*done)(void *userdata, SapiRequest *request);

        /* results */
        bool has_booted; /* it has asked for a request */
        bool gave_up;    /* a bailout ended it */
        int exit_status;
};

/* Loads PHP. 0 or -errno; PHP itself has said on stderr or in the journal what was wrong. */
int sapi_start(const SapiOptions *options);
void sapi_stop(void);

/* In a fork, before its first request: what must not be the same in all of them. */
void sapi_begin_worker(void);
/* In a fork, before it ends: what others would notice. */
void sapi_end_worker(void);

/* "8.2.36" */
const char *sapi_php_version(void);

/* Runs one request; the answer has gone through write() when it returns. */
void sapi_run(SapiRequest *request);

/* Runs the script to its end. */
void sapi_run_resident(SapiResident *resident);

/*
 * @function is called once, before the script waits for something (sleep(), a socket, a
 * lock, a child …) or when it has used a tick of processor time; possibly in a signal
 * handler. NULL: nobody wants to know any more.
 */
/* In a fork, which inherits no timers (setitimer(2)). */
void sapi_forget_timers(void);

void sapi_on_block(void (*function)(void));

/*
 * Before a worker waits. It keeps what the next request needs anyway (opcache-lock.c),
 * but others may wait for that: this gives it back when it is old. Else in how many
 * milliseconds it will be; -1: there is nothing to give back.
 */
int sapi_rest(void);

/*
 * What the worker @pid, a fork of this process, is executing: the frames of its
 * stack, 0 if it runs no script at this moment, or -errno (-EPERM: the kernel's
 * settings forbid to look, -ESRCH: it is gone). The worker does not notice.
 */
ssize_t sapi_trace(pid_t pid, SapiFrame *frames, size_t n_max);

/* A request begins: what was asked of the one before is forgotten. Before sapi_run(), and in SapiResident.next. */
void sapi_interrupt_begin(void);

/*
 * Safe in a signal handler: ends the running script as max_execution_time would,
 * if it is over its time or @cancelled.
 */
void sapi_interrupt(bool cancelled);
