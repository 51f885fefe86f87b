/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Members of a JSON object from somebody we do not trust
 */

#include <stddef.h>
#include <stdint.h>

struct json_object;

/* The member @key of @object, or the fallback if it is missing or of another type. @object may be NULL. */
const char *field_string(struct json_object *object, const char *key);            /* NULL */
int64_t field_int(struct json_object *object, const char *key, int64_t fallback); /* never negative else */
double field_double(struct json_object *object, const char *key);                 /* 0; finite */
struct json_object *field_object(struct json_object *object, const char *key);    /* NULL; borrowed */
struct json_object *field_array(struct json_object *object, const char *key);     /* NULL; borrowed */

/* 1, 0, or -1: it is not there, or no truth. */
int field_bool(struct json_object *object, const char *key);

/* The element @i of an array; -1: it is not there, negative, or no integer. */
int64_t field_element_int(struct json_object *array, size_t i);

/* Decimal, or "-" for a negative number. */
const char *field_number(char *buffer, size_t size, int64_t number);
