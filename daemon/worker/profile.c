/* SPDX-License-Identifier: MIT */
/*
 * A sampling profiler, from outside
 *
 * On each tick the stack of each busy worker is read (sapi_trace(): nobody is
 * stopped) and folded into one line, outermost function first; equal lines are
 * counted together. The table is bounded: what would not fit is counted as
 * "(other)". With more workers than SAMPLES_MAX they take turns, so that a tick
 * never takes long; the template forks and reaps between the ticks.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "sapi/sapi.h"
#include "util/clock.h"
#include "util/fd.h"
#include "worker/trace.h"

#define STACKS_MAX  8192U /* a power of two */
#define STACK_SIZE  4096U
#define SAMPLES_MAX 64U /* workers read in one tick */

typedef struct ProfileStack ProfileStack;

struct ProfileStack {
        char *line; /* owned */
        uint64_t hash;
        uint64_t count;
};

struct Profile {
        int timer; /* owned */
        uint64_t end_usec;
        size_t next_slot;
        size_t n_stacks;
        uint64_t n_samples;
        uint64_t n_other;
        ProfileStack stacks[STACKS_MAX];
};

int profile_new(Profile **ret, uint32_t hz, uint32_t msec) {
        struct itimerspec interval = {};
        Profile *profile;

        if (hz == 0 || hz > PROFILE_HZ_MAX || msec == 0 || msec > PROFILE_MSEC_MAX)
                return -EINVAL;

        profile = calloc(1, sizeof(*profile));
        if (!profile)
                return -ENOMEM;

        profile->end_usec = clock_now_usec() + msec * USEC_PER_MSEC;
        profile->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        interval.it_interval.tv_nsec = interval.it_value.tv_nsec = 1000000000 / (long)hz - 1;
        if (profile->timer < 0 || timerfd_settime(profile->timer, 0, &interval, NULL) < 0) {
                int r = -errno;

                profile_free(profile);
                return r;
        }

        *ret = profile;
        return 0;
}

Profile *profile_free(Profile *profile) {
        if (!profile)
                return NULL;

        for (size_t i = 0; i < STACKS_MAX; i++)
                free(profile->stacks[i].line);
        fd_close(profile->timer);
        free(profile);
        return NULL;
}

int profile_fd(const Profile *profile) {
        return profile->timer;
}

/* A function as one part of a folded line. Code outside functions gets the name of its file. */
static size_t profile_append(char *line, size_t used, const SapiFrame *frame) {
        const char *slash = strrchr(frame->file, '/');
        size_t start = used;
        int n;

        n = snprintf(line + used,
                     STACK_SIZE - used,
                     "%s%s%s%s",
                     used > 0 ? ";" : "",
                     frame->function,
                     frame->function[0] == '{' ? " " : "",
                     frame->function[0] == '{' ? (slash ? slash + 1 : frame->file) : "");
        if (n < 0 || used + (size_t)n >= STACK_SIZE) {
                line[start] = '\0';
                return start;
        }

        for (size_t i = start + (start > 0 ? 1 : 0); i < used + (size_t)n; i++)
                if (line[i] == ';') /* it parts functions */
                        line[i] = ':';
        return used + (size_t)n;
}

static void profile_count(Profile *profile, const char *line) {
        uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
        size_t i;

        for (const char *p = line; *p; p++)
                hash = (hash ^ (uint8_t)*p) * UINT64_C(1099511628211);

        for (i = hash % STACKS_MAX; profile->stacks[i].line; i = (i + 1) % STACKS_MAX)
                if (profile->stacks[i].hash == hash && strcmp(profile->stacks[i].line, line) == 0) {
                        profile->stacks[i].count++;
                        return;
                }

        /* never full: an empty place ends the search above */
        if (profile->n_stacks < STACKS_MAX / 2)
                profile->stacks[i].line = strdup(line);
        if (!profile->stacks[i].line) {
                profile->n_other++;
                return;
        }
        profile->stacks[i].hash = hash;
        profile->stacks[i].count = 1;
        profile->n_stacks++;
}

static void profile_look(Profile *profile, pid_t pid) {
        static SapiFrame frames[TRACE_FRAMES_MAX];
        static char line[STACK_SIZE];
        ssize_t n = sapi_trace(pid, frames, ELEMENTSOF(frames));
        size_t used = 0;

        if (n < 0) /* it has gone */
                return;

        profile->n_samples++;
        while (n-- > 0)
                used = profile_append(line, used, &frames[n]);
        profile_count(profile, used > 0 ? line : "(no script)");
}

bool profile_sample(Profile *profile, const Scoreboard *board, const pid_t *pids) {
        size_t n_looks = 0;
        uint64_t ticks;

        (void)!read(profile->timer, &ticks, sizeof(ticks)); /* ticks that were missed are not made up for */

        for (size_t n = 0; n < board->n_slots && n_looks < SAMPLES_MAX; n++) {
                size_t slot = profile->next_slot++ % board->n_slots;

                if (pids[slot] == 0)
                        continue;
                if (atomic_load(&scoreboard_slot(board, slot)->state) != WORKER_BUSY)
                        continue;
                profile_look(profile, pids[slot]);
                n_looks++;
        }

        return clock_now_usec() >= profile->end_usec;
}

int profile_write(const Profile *profile, int *ret_fd) {
        _cleanup_(fd_closep) int fd = fd_open_spool(NULL);
        int r = 0;

        if (fd < 0)
                return fd;

        for (size_t i = 0; i < STACKS_MAX && r >= 0; i++)
                if (profile->stacks[i].line && dprintf(fd,
                                                       "%s %llu\n",
                                                       profile->stacks[i].line,
                                                       (unsigned long long)profile->stacks[i].count) < 0)
                        r = -EIO;
        if (r >= 0 && profile->n_other > 0 &&
            dprintf(fd, "(other) %llu\n", (unsigned long long)profile->n_other) < 0)
                r = -EIO;
        if (r < 0)
                return r;

        *ret_fd = TAKE_FD(fd);
        return (int)MIN2(profile->n_samples, INT32_MAX);
}
