/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The template's look at its workers: what they execute, at this moment or in
 * samples over some time
 */

#include <stdint.h>
#include <sys/types.h>
#include "ipc/channel.h"
#include "ipc/scoreboard.h"

typedef struct Profile Profile;

enum {
        TRACE_FRAMES_MAX = 64, /* deeper stacks are cut at their outer end */
        PROFILE_HZ_MAX = 1000,
        PROFILE_MSEC_MAX = 600000,
};

/* Fills in frames and head.status. Gives the size of the message. */
size_t trace_worker(pid_t pid, TemplateTrace *ret);

/* Samples of all busy workers, added up by stack. -errno. */
int profile_new(Profile **ret, uint32_t hz, uint32_t msec);
Profile *profile_free(Profile *profile);

/* To be polled for POLLIN; then profile_sample(). Borrowed. */
int profile_fd(const Profile *profile);

/* @pids: of the workers, by slot. True: the time is over. */
bool profile_sample(Profile *profile, const Scoreboard *board, const pid_t *pids);

/* A file with a line for each stack, "outermost;...;innermost COUNT"; the number of samples, or -errno. */
int profile_write(const Profile *profile, int *ret_fd);
