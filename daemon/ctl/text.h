/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text for a terminal out of text from anybody
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A copy of @text that fits one line and moves no cursor: control characters
 * (C0, DEL, C1), bytes that are not UTF-8, and the characters that are invisible or change
 * the direction of writing become '?'. @columns_max: cut, with "..." as the
 * last three, to so many characters. NULL: no memory. Free it.
 */
char *text_clean(const char *text, size_t columns_max);

/* Characters of clean text. */
size_t text_columns(const char *text);

/* JSON text with all but printable ASCII escaped, so that it is safe to look at. 0 or -EIO. */
int text_write_json(FILE *f, const char *json);

/* "1min 30s", "3h 5min", "12d 4h": the two largest units; below a second "450ms". */
const char *text_age(char *buffer, size_t size, uint64_t usec);

/* "512", "1.5M", "12G". */
const char *text_bytes(char *buffer, size_t size, uint64_t bytes);
