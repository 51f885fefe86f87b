/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What PHP finds in its environment: the unit's, less what concerns the service
 * manager alone, and the pool's `env`
 */

/*
 * @env: "NAME=value" or "NAME=@credential:ID", which takes the value from the
 * unit's credentials. 0 or -errno; *reterr_name (borrowed) names the entry.
 */
int environment_prepare(char *const *env, const char **reterr_name);

/*
 * The directories of the unit, made by systemd; by hand there are none, then
 * they are made below a temporary directory. Owned by the caller.
 */
int environment_directories(char **ret_state, char **ret_cache);
