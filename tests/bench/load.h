/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Connections that send one request again and again, and what comes of it
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "bench/histogram.h"

typedef struct Load Load;
typedef struct LoadOptions LoadOptions;
typedef struct LoadReport LoadReport;

struct LoadOptions {
        struct sockaddr_storage address;
        socklen_t address_size;
        const uint8_t *request; /* not owned */
        size_t request_size;
        unsigned connections_max;
        bool keep;
        double rate; /* requests a second; 0: each connection sends as soon as it has its answer */
        bool poisson;
        unsigned seed;
        uint64_t duration_usec;
        uint64_t count_max;  /* 0: as many as the time allows */
        uint64_t grace_usec; /* how long the last answers are waited for */
};

typedef enum LoadError {
        LOAD_ERROR_CONNECT,    /* no connection: refused, or the backlog is full */
        LOAD_ERROR_RESET,      /* cut before the answer ended, with ECONNRESET or EPIPE */
        LOAD_ERROR_SHORT,      /* the same with an end of file */
        LOAD_ERROR_OVERLOADED, /* FCGI_OVERLOADED */
        LOAD_ERROR_STATUS,     /* HTTP status 400 and up */
        LOAD_ERROR_PROTOCOL,   /* no FastCGI, or another protocol status */
        _LOAD_ERROR_MAX,
} LoadError;

struct LoadReport {
        uint64_t answers; /* good ones */
        uint64_t errors[_LOAD_ERROR_MAX];
        uint64_t stale;           /* a kept connection closed as it was used: sent again on a new one */
        uint64_t unanswered;      /* at the end, those that found no connection included */
        uint64_t unanswered_usec; /* the longest wait among them */
        uint64_t elapsed_usec;
        uint64_t bytes_in;
        uint64_t bytes_out;
        Histogram latency_usec; /* of good answers, from the intended start */
};

const char *load_error_to_string(LoadError error);

/* Runs it to its end. */
int load_run(const LoadOptions *options, LoadReport *ret);
