/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The pool's figures for fpm_get_status(), out of the scoreboard
 */

#include "sapi/sapi.h"
#include "worker/worker.h"

/* Once, before the first figures_get(). Borrowed for the life of the process. */
void figures_set_setup(const WorkerSetup *setup);

int figures_get(SapiPoolStatus *ret);
