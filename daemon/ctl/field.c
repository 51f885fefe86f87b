/* SPDX-License-Identifier: MIT */
/*
 * Members of a JSON object from somebody we do not trust
 *
 * A pool's PHP can put a socket of its own in the place of the manager's: each
 * value is taken only if it has the type and range that we show. Texts are made
 * clean where they are printed (text.h, table.h).
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include "ctl/field.h"
#include "util/cleanup.h"

static struct json_object *field_member(struct json_object *object, const char *key, json_type type) {
        struct json_object *value;

        if (!object || !json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type))
                return NULL;

        return value;
}

const char *field_string(struct json_object *object, const char *key) {
        struct json_object *value = field_member(object, key, json_type_string);

        return value ? json_object_get_string(value) : NULL;
}

int64_t field_int(struct json_object *object, const char *key, int64_t fallback) {
        struct json_object *value = field_member(object, key, json_type_int);
        int64_t number = value ? json_object_get_int64(value) : -1;

        return number >= 0 ? number : fallback;
}

int field_bool(struct json_object *object, const char *key) {
        struct json_object *value = field_member(object, key, json_type_boolean);

        return value ? json_object_get_boolean(value) : -1;
}

int64_t field_element_int(struct json_object *array, size_t i) {
        struct json_object *value = json_object_array_get_idx(array, i);
        int64_t number = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;

        return MAX2(number, -1);
}

double field_double(struct json_object *object, const char *key) {
        struct json_object *value = field_member(object, key, json_type_double);
        double number;

        if (!value)
                return (double)field_int(object, key, 0);

        number = json_object_get_double(value);
        return isfinite(number) && number >= 0 ? number : 0;
}

struct json_object *field_object(struct json_object *object, const char *key) {
        return field_member(object, key, json_type_object);
}

struct json_object *field_array(struct json_object *object, const char *key) {
        return field_member(object, key, json_type_array);
}

const char *field_number(char *buffer, size_t size, int64_t number) {
        if (number < 0)
                (void)snprintf(buffer, size, "-");
        else
                (void)snprintf(buffer, size, "%" PRIi64, number);
        return buffer;
}
