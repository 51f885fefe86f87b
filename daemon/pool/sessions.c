/* SPDX-License-Identifier: MIT */
/*
 * Sessions that have ended
 *
 * PHP removes them in the middle of a request, one of session.gc_divisor: it
 * looks at each file of the directory, and whoever starts a session meanwhile
 * waits for the directory. With up to 173,000 sessions that took a request in a thousand
 * 0.1 to 0.8 s, and eight others with it. So a worker that PHP asks to clean asks
 * us (sapi/session.c), and we go through the directory in steps that nobody feels.
 *
 * What a file is called and when it was last written is PHP's
 * (ext/session/mod_files.c); it touches a session that was only read.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "pool/sessions.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/fd.h"

#define STEP_FILES 64
#define STEP_USEC  (10 * USEC_PER_MSEC)

static void sessions_check_file(Sessions *sessions, const char *name) {
        int directory = dirfd(sessions->directory);
        struct stat st;

        if (strncmp(name, "sess_", strlen("sess_")) != 0 ||
            fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return;

        if (st.st_mtime >= 0 && (uint64_t)st.st_mtime < sessions->ended_sec)
                (void)unlinkat(directory, name, 0); /* or the application was faster */
}

static int sessions_on_step(sd_event_source *source, uint64_t usec, void *userdata) {
        Sessions *sessions = userdata;

        for (int i = 0; i < STEP_FILES; i++) {
                const struct dirent *entry = readdir(sessions->directory);

                if (!entry) {
                        sessions_done(sessions);
                        return 0;
                }
                sessions_check_file(sessions, entry->d_name);
        }

        (void)sd_event_source_set_time_relative(source, STEP_USEC); /* its own source: cannot fail */
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int sessions_clean(Sessions *sessions, sd_event *event, const char *path, uint64_t lifetime_sec) {
        uint64_t now_sec = clock_wall_usec() / USEC_PER_SEC;
        int fd, r;

        if (sessions->directory)
                return 0;

        /* whoever could put something else there is the same user, and could remove it himself */
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        sessions->directory = fdopendir(fd);
        if (!sessions->directory) {
                r = -errno;
                fd_close(fd);
                return r;
        }

        sessions->ended_sec = now_sec - MIN2(lifetime_sec, now_sec);
        r = sd_event_add_time_relative(event,
                                       &sessions->step,
                                       CLOCK_MONOTONIC,
                                       0,
                                       /* accuracy= */ USEC_PER_MSEC,
                                       sessions_on_step,
                                       sessions);
        if (r >= 0)
                r = sd_event_source_set_priority(sessions->step, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                sessions_done(sessions);
        return r;
}

void sessions_done(Sessions *sessions) {
        sessions->step = sd_event_source_disable_unref(sessions->step);
        if (sessions->directory)
                (void)closedir(sessions->directory); /* it was only read */
        sessions->directory = NULL;
}
