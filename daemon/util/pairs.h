/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Name/value pairs: FastCGI parameters, request headers as CGI variables
 *
 * All bytes live in one buffer, each name and value followed by a NUL that is
 * not counted, so both may be used as C strings where a NUL inside does not
 * matter. Order is kept. The last pair of a name wins in pairs_get(), as in
 * php-fpm: nginx sites set SCRIPT_FILENAME twice and rely on it.
 *
 * Pointers given out hold until the next pairs_add() or pairs_clear().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/buffer.h"

typedef struct Pair Pair;
typedef struct Pairs Pairs;

struct Pair {
        const char *name;
        const char *value;
        size_t name_size;
        size_t value_size;
};

struct Pairs {
        Buffer bytes;
        struct PairsEntry *entries; /* owned */
        size_t n_entries;
        size_t n_allocated;
        size_t n_max; /* most pairs it will hold */
};

void pairs_init(Pairs *pairs, size_t n_max, size_t size_max);
void pairs_done(Pairs *pairs);
void pairs_clear(Pairs *pairs); /* forgets all, keeps the memory */

/* Whether one more pair of these sizes keeps the limits. */
bool pairs_has_room(const Pairs *pairs, size_t name_size, size_t value_size);

/* -ENOBUFS: a limit would be passed. -ENOMEM. */
int pairs_add(Pairs *pairs, const void *name, size_t name_size, const void *value, size_t value_size);
int pairs_add_string(Pairs *pairs, const char *name, const char *value);

/* The pair number @i, 0 <= i < n_entries. */
Pair pairs_at(const Pairs *pairs, size_t i);

/* The last value of @name, NUL-terminated, or NULL. @ret_size may be NULL. */
const char *pairs_get(const Pairs *pairs, const char *name, size_t *ret_size);
