/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Connections that need no worker now: kept ones between two requests, and ones
 * whose request is not whole yet
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "config/pool.h"
#include "util/list.h"

typedef struct Parking Parking;

/* What becomes of a connection that is ready for a worker. Both descriptors are the callee's. */
typedef void (*ParkingReady)(void *userdata, int fd, int spool, uint64_t since_usec);

struct Parking {
        int epoll; /* owned: all connections; one source of the event loop, many events a turn */
        sd_event_source *source;
        struct epoll_event *batch; /* the events that are being handled, while they are */
        int n_batch;
        const PoolConfig *config;    /* borrowed; replaced on reload */
        const char *spool_directory; /* borrowed */
        ParkingReady ready;
        void *userdata;
        List kept;    /* Parked.link, longest silent first */
        List partial; /* Parked.link, oldest first */
        size_t n_kept;
        size_t n_partial;
        size_t memory;  /* bytes, of the partial ones */
        uint64_t n_cut; /* closed for being too slow, ever */
        bool closing;   /* kept connections that say nothing are closed */
};

int parking_init(Parking *parking,
                 sd_event *event,
                 const PoolConfig *config,
                 const char *spool_directory,
                 ParkingReady ready,
                 void *userdata);
void parking_done(Parking *parking);

/* Takes a connection between two requests; @fd is consumed in any case. */
void parking_add_kept_take_fd(Parking *parking, int fd);

/* Takes a connection with part of a request; both consumed in any case. */
void parking_add_partial_take_fds(Parking *parking, int fd, int spool, uint64_t since_usec);

/* Closes what has been silent or slow for too long. Call it about once a second. */
void parking_expire(Parking *parking, uint64_t now_usec);

/* The pool stops: kept connections that have spoken are given to ready(), the others closed, now and later. */
void parking_close(Parking *parking);
