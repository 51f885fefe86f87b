/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What stdout is: a terminal with its width and colours, a pager before it, or neither
 */

#include <stdbool.h>
#include <stddef.h>

typedef enum OutputStyle {
        OUTPUT_PLAIN,
        OUTPUT_GOOD,
        OUTPUT_WARN,
        OUTPUT_BAD,
        OUTPUT_BOLD,
        OUTPUT_DIM,
        _OUTPUT_STYLE_MAX,
} OutputStyle;

/* Looks at stdout and the environment; first of all. */
void output_init(void);

/* Columns and lines of the terminal; 0: stdout was none when we began. */
size_t output_width(void);
size_t output_height(void);

/* The escape sequence that begins the style, or "" where there are no colours. OUTPUT_PLAIN ends all. */
const char *output_style(OutputStyle style);

/* Sends what is printed from now on through a pager, if stdout is a terminal. Failing to is no failure. */
void output_open_pager(void);

/* Waits until the pager has shown it all. 0, or -errno of writing. */
int output_close(void);
