/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The processes that serve, as the supervisor sees them
 */

typedef struct Supervisor Supervisor;

int processes_init(Supervisor *supervisor); /* makes what they share */
void processes_done(Supervisor *supervisor);

/* Those that are missing. SUPERVISOR_E_PROCESS: we are one. */
int processes_start(Supervisor *supervisor);
void processes_reap(Supervisor *supervisor);
void processes_kill_hung(Supervisor *supervisor);
