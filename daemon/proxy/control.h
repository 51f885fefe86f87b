/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The control socket of the proxy: varlink, interface io.phppool.Proxy
 *
 *   GetStatus() -> (status: object)
 *
 * Nothing can be changed here.
 */

#include "ipc/varlink-server.h"

typedef struct Supervisor Supervisor;

int control_new(VarlinkServer **ret, Supervisor *supervisor, const char *path);
