/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The character that @text begins with; gives its size, or 0 if there is none. */
size_t utf8_decode(const char *text, size_t size, uint32_t *ret);
