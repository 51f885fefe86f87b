/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The paths that a pool needs, and whether it gets at them
 */

#include <limits.h>
#include "config/pool.h"
#include "ctl/ctl.h"
#include "ctl/finding.h"
#include "ctl/php.h"

/*
 * Says what is wrong with them. Where systemd runs and we are root, a process in the
 * pool's own sandbox tries (verb_reach); else the modes are looked at. @config_file is for line numbers.
 */
void paths_check(Findings *findings,
                 const Ctl *ctl,
                 const PoolConfig *config,
                 const ConfigFile *config_file,
                 const Php *php);
