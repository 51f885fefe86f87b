/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A PHP stack on its way from the template to the manager: for each frame,
 * innermost first, function, file and line as NUL-terminated texts
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TraceFrame TraceFrame;

struct TraceFrame {
        const char *function;
        const char *file; /* "": a function of PHP's own */
        uint32_t line;
};

/* Appends to @text, of which @used bytes are taken. Gives how many are then; @used if there is no room. */
size_t trace_append(char *text, size_t used, size_t size, const TraceFrame *frame);

/*
 * Takes the next frame off [*text, *text + *size). Its texts lie in there, free
 * of control characters and of anything beyond ASCII. False: no whole frame is
 * left.
 */
bool trace_next(char **text, size_t *size, TraceFrame *ret);
