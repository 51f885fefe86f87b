/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Tables of configuration keys: what a key is called, what it may hold, where
 * its value goes. Reading, defaults and writing all work from the table.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "config/loader.h"

typedef struct ConfigKey ConfigKey;
typedef struct ConfigTable ConfigTable;

typedef enum ConfigKeyType {
        CONFIG_KEY_TEXT,   /* char *; "" is NULL, and so is a key without fallback */
        CONFIG_KEY_TEXTS,  /* char **, NULL-terminated, never NULL; fallback: words with spaces between */
        CONFIG_KEY_CHOICE, /* an enum, index into choices */
        CONFIG_KEY_FLAG,   /* bool */
        CONFIG_KEY_COUNT,  /* uint64_t, an integer */
        CONFIG_KEY_BYTES,  /* uint64_t, "64K" or an integer */
        CONFIG_KEY_TIME,   /* uint64_t microseconds, "30s" or an integer of seconds */
        CONFIG_KEY_LIMIT,  /* the same, and 0 is USEC_INFINITY: no limit */
        CONFIG_KEY_GROUPS, /* an array of objects, each described by keys */
} ConfigKeyType;

struct ConfigKey {
        const char *group; /* NULL: top level */
        const char *name;
        ConfigKeyType type;
        size_t offset; /* of the value in the object */

        const char *fallback; /* the default, as in a file. NULL: what the object holds already stays */
        uint64_t min, max;    /* of numbers; max 0: none */
        const char *const *choices;
        bool required;                           /* of texts in groups */
        const char *(*check)(const char *value); /* of texts: NULL or what is wrong with it. May be NULL */

        const ConfigKey *keys; /* of each of the groups; texts only */
        size_t n_keys;
        size_t size;         /* of each object */
        size_t count_offset; /* of their number, a size_t */
};

/* Keys with the object that takes their values. */
struct ConfigTable {
        const ConfigKey *keys;
        size_t n_keys;
        void *object;
};

/*
 * Sets every key of @tables: from @file (NULL: no file) or its default. Each
 * setting in the file has to be in one of the tables. -EINVAL, -ENOMEM; the
 * objects may then be half filled, and can be freed as ever.
 */
int config_tables_load(const ConfigTable *tables,
                       size_t n_tables,
                       const ConfigFile *file,
                       ConfigError *reterr);

/* Writes every key; the keys of one group stand together in a table. -errno of @f. */
int config_tables_dump(const ConfigTable *tables, size_t n_tables, FILE *f);
