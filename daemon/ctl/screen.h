/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The terminal as a screen: whole pictures, single keys, its size
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        SCREEN_KEY_NONE = 0, /* the time is over */
        SCREEN_KEY_RESIZED = 256,
        SCREEN_KEY_END, /* SIGTERM, SIGINT, SIGHUP, or the terminal is gone */
        SCREEN_KEY_UP,
        SCREEN_KEY_DOWN,
        SCREEN_KEY_PAGE_UP,
        SCREEN_KEY_PAGE_DOWN,
        SCREEN_KEY_HOME,
        SCREEN_KEY_LAST,
        SCREEN_KEY_OTHER, /* a key that is none of these */
};

/* Takes the terminal that stdin and stdout are. -ENOTTY and other -errno. */
int screen_open(void);
void screen_close(void); /* gives it back as it was; harmless when it is not open */

/* Shows @text: lines, of which each is cut to the width, and the first so many as fit. */
void screen_show(const char *text);

/* A character, or a SCREEN_KEY_*; waits until @deadline_usec. */
int screen_read_key(uint64_t deadline_usec);

void screen_size(size_t *ret_width, size_t *ret_height);
