/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A worker: takes a connection, runs its request, takes the next
 */

#include <stddef.h>
#include <stdint.h>
#include "config/pool.h"
#include "ipc/channel.h"
#include "ipc/scoreboard.h"

typedef struct WorkerSetup WorkerSetup;

/* What the template leaves to a worker it forks. All borrowed for the life of the process. */
struct WorkerSetup {
        const PoolConfig *config;
        const Scoreboard *board;
        const char *spool_directory; /* or NULL */
        const int *listeners;
        size_t n_listeners;
        int queue;
        int wake;
};

/* Serves until the manager wants it gone; @channel is owned. Gives the exit status of the process. */
int worker_main(const WorkerSetup *setup, uint32_t slot, int channel);
