/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "config/format.h"

#define ITEMS_MAX 128U

/* Which conversions there are, and which words may stand in their braces; NULL: any, "": none. "mili" is php-fpm's. */
static const struct {
        char conversion;
        const char *const *words;
} conversions[] = {
        { 'C', (const char *const[]){ "user", "system", "total", NULL } },
        { 'd',
          (const char *const[]){ "seconds",
                                 "milliseconds",
                                 "milli",
                                 "miliseconds",
                                 "mili",
                                 "microseconds",
                                 "micro",
                                 NULL } },
        { 'e', NULL },
        { 'f', (const char *const[]){ NULL } },
        { 'l', (const char *const[]){ NULL } },
        { 'm', (const char *const[]){ NULL } },
        { 'M', (const char *const[]){ "bytes", "kilobytes", "kilo", "megabytes", "mega", NULL } },
        { 'n', (const char *const[]){ NULL } },
        { 'o', NULL },
        { 'p', (const char *const[]){ NULL } },
        { 'P', (const char *const[]){ NULL } },
        { 'q', (const char *const[]){ NULL } },
        { 'Q', (const char *const[]){ NULL } },
        { 'r', (const char *const[]){ NULL } },
        { 'R', (const char *const[]){ NULL } },
        { 's', (const char *const[]){ NULL } },
        { 't', NULL },
        { 'T', NULL },
        { 'u', (const char *const[]){ NULL } },
};

static const char *format_check_item(char conversion, const char *argument) {
        for (size_t i = 0; i < ELEMENTSOF(conversions); i++) {
                const char *const *words = conversions[i].words;

                if (conversions[i].conversion != conversion)
                        continue;
                if (!words)
                        return *argument == '\0' && strchr("eo", conversion)
                                       ? "%e and %o need a name in braces, as in %{REMOTE_ADDR}e"
                                       : NULL;
                if (*argument == '\0')
                        return NULL;
                for (; *words; words++)
                        if (strcmp(*words, argument) == 0)
                                return NULL;
                return "a word in braces is not one that its conversion knows";
        }

        return "it has a % that begins no conversion (%% stands for a percent sign)";
}

static int format_add(LineFormat *format, char conversion, const char *text, size_t size) {
        LineItem *items = realloc(format->items, (format->n_items + 1) * sizeof(*items));

        if (!items)
                return -ENOMEM;

        format->items = items;
        items[format->n_items] = (LineItem){ .conversion = conversion, .text = strndup(text, size) };
        if (!items[format->n_items].text)
                return -ENOMEM;
        format->n_items++;
        return 0;
}

/* At a '%'. Moves *text behind the conversion. */
static int format_take_conversion(LineFormat *format, const char **text, const char **ret_reason) {
        const char *p = *text + 1, *argument = "";
        size_t size = 0;
        int r;

        if (*p == '%') {
                *text = p + 1;
                return format_add(format, '\0', "%", 1);
        }
        if (*p == '{') {
                argument = p + 1;
                size = strcspn(argument, "}");
                if (argument[size] != '}') {
                        *ret_reason = "a brace is not closed";
                        return -EINVAL;
                }
                p = argument + size + 1;
        }

        r = format_add(format, *p, argument, size);
        if (r < 0)
                return r;
        *ret_reason = format_check_item(*p, format->items[format->n_items - 1].text);
        if (*ret_reason)
                return -EINVAL;

        *text = p + 1;
        return 0;
}

int line_format_parse(LineFormat **ret, const char *text, const char **ret_reason) {
        _cleanup_(line_format_freep) LineFormat *format = calloc(1, sizeof(*format));
        int r;

        if (!format)
                return -ENOMEM;

        while (*text != '\0') {
                if (format->n_items >= ITEMS_MAX) {
                        *ret_reason = "it has too many parts";
                        return -EINVAL;
                }
                if (*text == '%')
                        r = format_take_conversion(format, &text, ret_reason);
                else {
                        size_t size = strcspn(text, "%");

                        r = format_add(format, '\0', text, size);
                        text += size;
                }
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(format);
        return 0;
}

LineFormat *line_format_free(LineFormat *format) {
        if (!format)
                return NULL;

        for (size_t i = 0; i < format->n_items; i++)
                free(format->items[i].text);
        free(format->items);
        free(format);
        return NULL;
}

const char *check_line_format(const char *text) {
        _cleanup_(line_format_freep) LineFormat *format = NULL;
        const char *reason = NULL;

        return line_format_parse(&format, text, &reason) < 0 ? (reason ? reason : "memory is short") : NULL;
}
