/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text for a terminal out of text from anybody
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

/*
 * A copy of @text that fits one line and moves no cursor: control characters
 * (C0, DEL, C1), bytes that are not UTF-8, and the characters that are invisible or change
 * the direction of writing become '?'. @columns_max: cut, with "..." as the
 * last three, to so many columns of a terminal. NULL: no memory. Free it.
 */
char *text_clean(const char *text, size_t columns_max);

/* The size in bytes of the longest beginning of clean text, styled or not, that takes @columns_max columns at most. */
size_t text_fit(const char *text, size_t columns_max);

/* Columns that clean text takes on a terminal. */
size_t text_columns(const char *text);

/* A string of a configuration file: in quotes, in which quotes and backslashes are all that has to be escaped. */
void text_write_quoted(FILE *f, const char *text);

/* JSON text with all but printable ASCII escaped, so that it is safe to look at. 0 or -EIO. */
int text_write_json(FILE *f, const char *json);

/* The same of an object, with line breaks and indentation. */
int text_print_json(FILE *f, struct json_object *object);

/* "1min 30s", "3h 5min", "12d 4h": the two largest units; below a second "450ms". */
const char *text_age(char *buffer, size_t size, uint64_t usec);

/* The same, with more digits for short times: "3.2ms", "1.25s". */
const char *text_duration(char *buffer, size_t size, uint64_t usec);

/* "Mon 2026-03-02 14:05:11 CET" of CLOCK_REALTIME; "-" where the C library has no such day. */
const char *text_time(char *buffer, size_t size, uint64_t wall_usec);

/* "512", "1.5M", "12G". */
const char *text_bytes(char *buffer, size_t size, uint64_t bytes);
