/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One value of the configuration on its way into an object
 */

#include "config/keys.h"

typedef struct Value Value;

struct Value {
        const ConfigKey *key;
        void *object;
        const char *path; /* where it came from, for messages */
        unsigned int line;
        ConfigError *reterr;
};

void *value_target(const Value *value);

/* Reports "group.name REASON"; gives -EINVAL. */
int value_error(const Value *value, const char *format, ...) _printf_(2, 3);

/* By the key's type: TEXT; CHOICE; COUNT, BYTES, TIME and LIMIT; one more for the list of TEXTS. 0, -EINVAL, -ENOMEM. */
int value_set_text(const Value *value, const char *text);
int value_set_choice(const Value *value, const char *text);
int value_set_parsed(const Value *value, const char *text);
int value_add_text(const Value *value, char ***texts, const char *text);

/* The default of the key, if it has one. */
int value_set_fallback(const Value *value);
