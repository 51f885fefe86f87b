/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The template: starts PHP once, forks workers on request
 */

#include "config/pool.h"
#include "ipc/scoreboard.h"
#include "worker/worker.h"

/* Serves the manager until it closes the channel and the last worker has gone. Gives the exit status. */
int template_main(const PoolConfig *config, const WorkerSetup *setup);
