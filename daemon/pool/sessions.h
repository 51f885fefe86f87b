/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sessions that have ended are removed in the background
 */

#include <dirent.h>
#include <stdint.h>
#include <systemd/sd-event.h>

typedef struct Sessions Sessions;

/* All zero: nothing is being cleaned. */
struct Sessions {
        DIR *directory;        /* owned; NULL: nothing is being cleaned */
        sd_event_source *step; /* owned */
        uint64_t ended_sec;    /* CLOCK_REALTIME: what was written before has ended */
};

/* Removes the files of PHP's sessions below @path that nobody has written for @lifetime_sec. Nothing is begun
 * while it cleans already. 0 or what open(2) said. */
int sessions_clean(Sessions *sessions, sd_event *event, const char *path, uint64_t lifetime_sec);
void sessions_done(Sessions *sessions); /* stops where it is */
