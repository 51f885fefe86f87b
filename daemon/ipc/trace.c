/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "ipc/trace.h"
#include "util/parse.h"

size_t trace_append(char *text, size_t used, size_t size, const TraceFrame *frame) {
        char line[16];
        size_t function_size = strlen(frame->function) + 1, file_size = strlen(frame->file) + 1, line_size;

        line_size = (size_t)snprintf(line, sizeof(line), "%" PRIu32, frame->line) + 1;
        if (function_size + file_size + line_size > size - used)
                return used;

        memcpy(text + used, frame->function, function_size);
        used += function_size;
        memcpy(text + used, frame->file, file_size);
        used += file_size;
        memcpy(text + used, line, line_size);
        return used + line_size;
}

/* The next text, or NULL. */
static char *trace_take(char **text, size_t *size) {
        char *start = *text, *end = memchr(start, '\0', *size);

        if (!end)
                return NULL;

        for (char *p = start; p < end; p++)
                if (*p < ' ' || *p > '~')
                        *p = '?';
        *size -= (size_t)(end + 1 - start);
        *text = end + 1;
        return start;
}

bool trace_next(char **text, size_t *size, TraceFrame *ret) {
        const char *function = trace_take(text, size), *file, *line;
        uint64_t n = 0;

        file = function ? trace_take(text, size) : NULL;
        line = file ? trace_take(text, size) : NULL;
        if (!line || parse_u64(line, strlen(line), UINT32_MAX, &n) < 0)
                return false;

        *ret = (TraceFrame){ .function = function, .file = file, .line = (uint32_t)n };
        return true;
}
