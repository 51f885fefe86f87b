/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What systemd says of units: the properties of `systemctl show`
 */

#include <stddef.h>
#include "util/cleanup.h"

typedef struct Units Units;

/* Several units, or one. */
struct Units {
        char *text;    /* owned: lines "Property=value", NULs for line ends */
        char **blocks; /* owned list of borrowed strings: where each unit begins; it ends with an empty line */
        size_t n_blocks;
};

/* @pattern: a name, or a pattern of loaded units. @properties: with commas. -errno: systemctl cannot say. */
int units_load(Units *ret, const char *pattern, const char *properties);
void units_done(Units *units);

/* The value of @property in the unit number @i; "" if it is not there. */
const char *units_get(const Units *units, size_t i, const char *property);

/* The next value of a property that is there several times; NULL behind the last. @value NULL: the first. */
const char *units_next(const Units *units, size_t i, const char *property, const char *value);

/* The number of the unit with that Id; -ENOENT. */
int units_find(const Units *units, const char *id);

/* "php-pool@NAME.service"; @kind is "service" or "socket". */
const char *unit_name(char *buffer, size_t size, const char *pool, const char *kind);

enum {
        UNIT_NAME_MAX = 64, /* "php-pool@" + 27 + ".service" */
};
