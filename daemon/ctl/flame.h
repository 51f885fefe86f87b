/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A flame graph: stacks that were seen, drawn as one SVG image
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "util/cleanup.h"

typedef struct Flame Flame;

enum {
        FLAME_NODES_MAX = 16384,   /* what does not fit is counted with its caller */
        FLAME_STEPS_MAX = 1 << 25, /* of search: less than a second of them; what comes then likewise */
        FLAME_DEPTH_MAX = 256,
        FLAME_NAME_MAX = 200, /* columns */
};

/* -ENOMEM. */
int flame_new(Flame **ret);
Flame *flame_free(Flame *flame);
DEFINE_CLEANUP(Flame *, flame_free);

/*
 * Adds lines "main;a;b 12": the names of a stack, the outermost first, and how often it was seen.
 * Lines that are not of the form are left out. @folded is changed. -ENOMEM.
 */
int flame_add_folded(Flame *flame, char *folded);

uint64_t flame_count(const Flame *flame); /* samples in it */

/* The image, with a title above; everything in it is made safe. 0, or -errno of @f. */
int flame_draw(const Flame *flame, const char *title, FILE *f);
