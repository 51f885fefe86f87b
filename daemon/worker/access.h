/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The access log: an entry of the journal for each request that log.access asks
 * for, its message as log.format says
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "config/format.h"
#include "config/pool.h"
#include "util/pairs.h"

typedef struct Access Access;
typedef struct AccessRequest AccessRequest;

enum {
        ACCESS_HEADERS_MAX = 8, /* headers of the answer that one format can name */
};

/* A request that has ended. */
struct AccessRequest {
        const Pairs *params;
        const char *id;
        const char *script; /* or NULL */
        int connection;     /* its other end is %R */
        const char *user;
        int status;
        uint64_t body_size;
        uint64_t duration_usec;
        uint64_t cpu_user_usec;
        uint64_t cpu_system_usec;
        uint64_t memory_peak;
};

struct Access {
        const PoolConfig *config;               /* borrowed */
        LineFormat *format;                     /* owned; NULL: the default message */
        const char *wanted[ACCESS_HEADERS_MAX]; /* names in format; borrowed from it */
        char *headers[ACCESS_HEADERS_MAX];      /* their values of the present request, or NULL; owned */
        size_t n_wanted;
};

int access_init(Access *access, const PoolConfig *config);
void access_done(Access *access);

/* Whether anything may be logged at all: then headers and processor time are worth collecting. */
bool access_is_on(const Access *access);

/* A header line of the answer. */
void access_see_header(Access *access, const char *line, size_t size);

/* Logs it if it is to be logged, and forgets the headers. */
void access_log(Access *access, const AccessRequest *request);
