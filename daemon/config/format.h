/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The format of a line of the access log (log.format): text with php-fpm's
 * conversions, "%m" or "%{milliseconds}d"
 */

#include <stddef.h>
#include "util/cleanup.h"

typedef struct LineFormat LineFormat;
typedef struct LineItem LineItem;

struct LineItem {
        char conversion; /* '\0': text as it stands */
        char *text;      /* the text, or what stood in braces ("" if nothing did); owned */
};

struct LineFormat {
        LineItem *items; /* owned */
        size_t n_items;
};

/* 0, -ENOMEM, or -EINVAL with *ret_reason: what is wrong, in words. */
int line_format_parse(LineFormat **ret, const char *text, const char **ret_reason);
LineFormat *line_format_free(LineFormat *format);
DEFINE_CLEANUP(LineFormat *, line_format_free);

/* For the table of keys (config/check.h). */
const char *check_line_format(const char *text);
