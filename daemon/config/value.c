/* SPDX-License-Identifier: MIT */
/*
 * One value of the configuration: from its text into the object
 *
 * The text is checked against the key's range, choices and check function, and
 * only a good one reaches the object. Defaults go the same way, so that the
 * default of a key is what its text in a file would give.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config/texts.h"
#include "config/value.h"
#include "util/clock.h"
#include "util/parse.h"

void *value_target(const Value *value) {
        return (char *)value->object + value->key->offset;
}

int value_error(const Value *value, const char *format, ...) {
        const ConfigKey *key = value->key;
        char reason[384];
        va_list ap;

        va_start(ap, format);
        (void)vsnprintf(reason, sizeof(reason), format, ap);
        va_end(ap);

        return config_error(value->reterr,
                            value->path,
                            value->line,
                            "%s%s%s %s",
                            key->group ? key->group : "",
                            key->group ? "." : "",
                            key->name,
                            reason);
}

static int value_check_text(const Value *value, const char *text) {
        const char *reason = NULL;

        /* a line break would end a line of the ini entries and parameters that this text may become part of */
        for (const char *p = text; *p; p++)
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        return value_error(value, "holds a control character");

        if (value->key->check)
                reason = value->key->check(text);
        return reason ? value_error(value, "is \"%.128s\": %s", text, reason) : 0;
}

int value_set_text(const Value *value, const char *text) {
        char **target = value_target(value), *copy = NULL;
        int r;

        if (*text != '\0') {
                r = value_check_text(value, text);
                if (r < 0)
                        return r;

                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;
        }

        free(*target);
        *target = copy;
        return 0;
}

int value_add_text(const Value *value, char ***texts, const char *text) {
        int r;

        if (*text == '\0')
                return value_error(value, "holds an empty string");

        r = value_check_text(value, text);
        if (r < 0)
                return r;

        return texts_add(texts, text);
}

int value_set_choice(const Value *value, const char *text) {
        char list[128] = "";
        size_t n = 0;

        for (unsigned int i = 0; value->key->choices[i]; i++) {
                if (strcmp(value->key->choices[i], text) == 0) {
                        /* gcc and clang give an enum without negative values the type unsigned int */
                        *(unsigned int *)value_target(value) = i;
                        return 0;
                }
                n += (size_t)snprintf(list + n,
                                      sizeof(list) - n,
                                      "%s\"%s\"",
                                      i ? ", " : "",
                                      value->key->choices[i]);
        }

        return value_error(value, "is \"%.64s\"; it can be %s", text, list);
}

static int value_set_number(const Value *value, uint64_t number, const char *text) {
        const ConfigKey *key = value->key;

        if (number < key->min && number == 0)
                return value_error(value, "must not be 0");
        if (number < key->min || (key->max > 0 && number > key->max))
                return value_error(value,
                                   "is %.64s; it can be %" PRIu64 " to %" PRIu64,
                                   text,
                                   key->min,
                                   key->max);

        if (key->type == CONFIG_KEY_LIMIT && number == 0)
                number = USEC_INFINITY;

        *(uint64_t *)value_target(value) = number;
        return 0;
}

/* A number that is written as a string: bytes, a time. */
int value_set_parsed(const Value *value, const char *text) {
        uint64_t number;
        int r;

        if (value->key->type == CONFIG_KEY_BYTES)
                r = parse_size(text, &number);
        else if (value->key->type == CONFIG_KEY_COUNT)
                r = parse_u64(text, strlen(text), UINT64_MAX, &number);
        else
                r = parse_span(text, &number);

        if (r == -ERANGE)
                return value_error(value, "is \"%.64s\": too large", text);
        if (r < 0)
                return value_error(value,
                                   "is \"%.64s\", which is no %s",
                                   text,
                                   value->key->type == CONFIG_KEY_BYTES
                                           ? "size; sizes are like \"512K\", \"64M\", \"2G\""
                                           : "time; times are like \"30s\", \"10min\", \"500ms\"");

        return value_set_number(value, number, text);
}

/* The default, written as in a file but for lists of texts: words with spaces between. */
int value_set_fallback(const Value *value) {
        const char *text = value->key->fallback;
        _cleanup_(texts_freep) char **texts = NULL;
        _cleanup_(freep) char *words = NULL;
        char *at, *word;
        int r;

        switch (value->key->type) {
        case CONFIG_KEY_TEXT:
                return text ? value_set_text(value, text) : 0;
        case CONFIG_KEY_CHOICE:
                return value_set_choice(value, text);
        case CONFIG_KEY_FLAG:
                *(bool *)value_target(value) = strcmp(text, "true") == 0;
                return 0;
        case CONFIG_KEY_COUNT:
        case CONFIG_KEY_BYTES:
        case CONFIG_KEY_TIME:
        case CONFIG_KEY_LIMIT:
                return text ? value_set_parsed(value, text) : 0;
        case CONFIG_KEY_GROUPS:
                return 0;
        case CONFIG_KEY_TEXTS:
        default:
                break;
        }

        texts = calloc(1, sizeof(*texts));
        at = words = strdup(text ? text : "");
        if (!texts || !words)
                return -ENOMEM;
        while ((word = strsep(&at, " ")))
                if (*word != '\0') {
                        r = value_add_text(value, &texts, word);
                        if (r < 0)
                                return r;
                }

        *(char ***)value_target(value) = TAKE_PTR(texts);
        return 0;
}
