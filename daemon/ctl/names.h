/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The pools that are configured: the files of CONFIG_DIR/conf.d
 */

#include <stddef.h>
#include "util/cleanup.h"

typedef struct Names Names;
typedef struct NamesItem NamesItem;

struct NamesItem {
        char *name;        /* owned; the file's without ".conf" */
        const char *error; /* why it cannot be a pool's name; NULL: it can */
};

struct Names {
        NamesItem *items; /* owned, by name */
        size_t n_items;
};

enum {
        NAMES_MAX = 65536, /* a user for each: more there cannot be */
};

/* Files whose name begins with a dot are left out. -errno of opendir(3); -E2BIG: NAMES_MAX. */
int names_load(Names *ret, const char *config_dir);
void names_done(Names *names);
