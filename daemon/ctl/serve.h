/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A small HTTP server for few clients: one request for each connection, no bodies
 *
 * For the figures of php-pool-metrics and the page of php-poolctl web. Whoever
 * can reach the socket may send anything: heads are bounded, each connection
 * has a deadline, and when there are too many the oldest goes.
 */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "http/request.h"
#include "util/cleanup.h"

typedef struct Serve Serve;
typedef struct ServeAnswer ServeAnswer;

enum {
        SERVE_CONNECTIONS_MAX = 64,
        SERVE_HEAD_MAX = 16 * 1024,
        SERVE_BODY_MAX = 64 * 1024 * 1024,
};

struct ServeAnswer {
        unsigned int status;
        const char *type;    /* static; Content-Type */
        const char *headers; /* static; more lines, each ended by CRLF; NULL: none */
        char *body;          /* owned; NULL: the status in words */
        size_t size;
};

/* Fills @ret, which is a 404 at first. -errno is a 500. */
typedef int (*ServeHandler)(const HttpRequest *request, ServeAnswer *ret, void *userdata);

/* @fd: a listening stream socket; non-blocking; owned on success. */
int serve_new_take_fd(Serve **ret, sd_event *event, int fd, ServeHandler handler, void *userdata);
Serve *serve_free(Serve *serve);
DEFINE_CLEANUP(Serve *, serve_free);
