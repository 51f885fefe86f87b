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

typedef struct SapiOptions SapiOptions;
typedef struct SapiPoolStatus SapiPoolStatus;
typedef struct SapiRequest SapiRequest;
typedef struct SapiWorkerStatus SapiWorkerStatus;

/* For fpm_get_status(). */
struct SapiWorkerStatus {
        int pid;
        bool busy;
        const char *state; /* static string */
        uint64_t n_requests;
        uint64_t age_usec; /* of the present request, or since the last one ended */
        uint64_t memory;
        char method[16];
        char uri[300];
        char script[300];
};

struct SapiPoolStatus {
        uint64_t start_usec; /* CLOCK_REALTIME */
        uint64_t n_requests;
        uint64_t n_queued;
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
        const char *state_directory;            /* sessions, uploads, temporary files; or NULL */
        const char *cache_directory;            /* opcache's file cache; or NULL */
        uint64_t request_usec;                  /* for the message of an interrupted request */
        int (*get_status)(SapiPoolStatus *ret); /* 0 or -errno */
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
        int (*finish)(void *userdata, bool early);
        /* The script that will run, once it is known. */
        void (*on_script)(void *userdata, const char *path);

        /* results */
        int status;           /* of the answer */
        int exit_status;      /* of the script; 255: fatal error */
        uint64_t memory_peak; /* bytes */
        bool retire; /* PHP gave up in the middle (bailout): this process must not run another request */
};

/* Loads PHP. 0 or -errno; PHP itself has said on stderr or in the journal what was wrong. */
int sapi_start(const SapiOptions *options);
void sapi_stop(void);

/* "8.2.36" */
const char *sapi_php_version(void);

/* Runs one request; the answer has gone through write() when it returns. */
void sapi_run(SapiRequest *request);

/* Safe in a signal handler: ends the running script as max_execution_time would. */
void sapi_interrupt(void);
