/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Building replies with json-c. Where memory is short they lack a member: all
 * members are optional for whoever reads them.
 */

#include <json-c/json.h>
#include <stdint.h>
#include "util/cleanup.h"

/* Consumes @value. */
static inline void json_add(json_object *object, const char *key, json_object *value) {
        if (!object || !value || json_object_object_add(object, key, value) < 0)
                json_object_put(value);
}

static inline void json_add_number(json_object *object, const char *key, uint64_t value) {
        json_add(object, key, json_object_new_int64((int64_t)MIN2(value, (uint64_t)INT64_MAX)));
}

static inline void json_add_text(json_object *object, const char *key, const char *value) {
        json_add(object, key, json_object_new_string(value));
}
