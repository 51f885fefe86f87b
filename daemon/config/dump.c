/* SPDX-License-Identifier: MIT */
/*
 * Tables of configuration keys: writing
 *
 * The result is a configuration file that gives the same values when it is
 * read. Numbers that are no counts are written as strings, because integers in
 * a file end at nine digits; texts hold no control characters, so quotes and
 * backslashes are all there is to escape.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include "config/keys.h"
#include "util/clock.h"
#include "util/parse.h"

static void dump_text(const char *text, FILE *f) {
        fputc('"', f);
        for (const char *p = text ? text : ""; *p; p++) {
                if (*p == '"' || *p == '\\')
                        fputc('\\', f);
                fputc(*p, f);
        }
        fputc('"', f);
}

static void dump_texts(char *const *texts, FILE *f) {
        fputs("[", f);
        for (size_t i = 0; texts[i]; i++) {
                fputs(i > 0 ? ", " : " ", f);
                dump_text(texts[i], f);
        }
        fputs(texts[0] ? " ]" : "]", f);
}

static void dump_bytes(uint64_t bytes, FILE *f) {
        static const char units[] = { 0, 'K', 'M', 'G' };
        size_t unit = 0;

        while (unit + 1 < sizeof(units) && bytes > 0 && bytes % 1024 == 0) {
                bytes /= 1024;
                unit++;
        }

        if (unit == 0)
                fprintf(f, "\"%" PRIu64 "\"", bytes);
        else
                fprintf(f, "\"%" PRIu64 "%c\"", bytes, units[unit]);
}

/* Few seconds stay seconds: "75s" reads better than "1min 15s". */
static void dump_time(uint64_t usec, FILE *f) {
        char span[128];

        if (usec > 0 && usec < 120 * USEC_PER_SEC && usec % USEC_PER_SEC == 0)
                fprintf(f, "\"%" PRIu64 "s\"", usec / USEC_PER_SEC);
        else
                dump_text(format_span(span, sizeof(span), usec), f);
}

static void dump_groups(const ConfigKey *key, const void *objects, size_t n, FILE *f) {
        fputs("(", f);
        for (size_t i = 0; i < n; i++) {
                const char *object = (const char *)objects + i * key->size;

                fputs(i > 0 ? ",\n                { " : "\n                { ", f);
                for (size_t k = 0; k < key->n_keys; k++) {
                        const char *text = *(char *const *)(const void *)(object + key->keys[k].offset);

                        if (!text)
                                continue;
                        fprintf(f, "%s = ", key->keys[k].name);
                        dump_text(text, f);
                        fputs("; ", f);
                }
                fputs("}", f);
        }
        fputs(n > 0 ? "\n        )" : ")", f);
}

static void dump_value(const ConfigKey *key, const void *object, FILE *f) {
        const void *at = (const char *)object + key->offset;
        uint64_t usec;

        switch (key->type) {
        case CONFIG_KEY_TEXT:
                dump_text(*(char *const *)at, f);
                break;
        case CONFIG_KEY_TEXTS:
                dump_texts(*(char **const *)at, f);
                break;
        case CONFIG_KEY_CHOICE:
                dump_text(key->choices[*(const unsigned int *)at], f);
                break;
        case CONFIG_KEY_FLAG:
                fputs(*(const bool *)at ? "true" : "false", f);
                break;
        case CONFIG_KEY_COUNT:
                fprintf(f, "%" PRIu64, *(const uint64_t *)at);
                break;
        case CONFIG_KEY_BYTES:
                dump_bytes(*(const uint64_t *)at, f);
                break;
        case CONFIG_KEY_GROUPS:
                dump_groups(key,
                            *(void *const *)at,
                            *(const size_t *)(const void *)((const char *)object + key->count_offset),
                            f);
                break;
        case CONFIG_KEY_TIME:
        case CONFIG_KEY_LIMIT:
        default:
                usec = *(const uint64_t *)at;
                if (key->type == CONFIG_KEY_LIMIT && usec == USEC_INFINITY)
                        usec = 0;
                dump_time(usec, f);
                break;
        }
}

static const char *key_group(const ConfigKey *key) {
        return key->group ? key->group : "";
}

int config_tables_dump(const ConfigTable *tables, size_t n_tables, FILE *f) {
        for (size_t t = 0; t < n_tables; t++)
                for (size_t i = 0; i < tables[t].n_keys; i++) {
                        const ConfigKey *key = &tables[t].keys[i], *next = key + 1;
                        bool last = i + 1 == tables[t].n_keys;

                        if (key->group && (i == 0 || strcmp(key_group(key - 1), key->group) != 0))
                                fprintf(f, "%s:\n{\n", key->group);
                        fprintf(f, "%s%s = ", key->group ? "        " : "", key->name);
                        dump_value(key, tables[t].object, f);
                        fputs(";\n", f);
                        if (key->group && (last || strcmp(key_group(next), key->group) != 0))
                                fputs("};\n", f);
                }

        return ferror(f) ? -EIO : 0;
}
