/* SPDX-License-Identifier: MIT */
/*
 * Text for a terminal
 *
 * What a control socket or a configuration file holds may have been written to
 * be printed by root: an escape sequence can rewrite what stands on the screen
 * or answer as if typed. Nothing of that kind gets through here, and no text is
 * dropped silently: each character that is not shown leaves a '?'.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include "ctl/text.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/utf8.h"

#define TEXT_MARKS_MAX 2U /* on one character: no language needs a tower of them */

/* The character at the begin of a text that ends with a NUL; 0: none begins there. */
static size_t text_decode(const char *text, uint32_t *ret) {
        return utf8_decode(text, strnlen(text, 4), ret);
}

/* Controls, and what Unicode calls format characters, separators of lines, and non-characters. */
static bool text_is_visible(uint32_t c) {
        static const struct {
                uint32_t first, last;
        } hidden[] = {
                { 0x00, 0x1f },     { 0x7f, 0x9f },       { 0xad, 0xad },        { 0x61c, 0x61c },
                { 0x180e, 0x180e }, { 0x200b, 0x200f },   { 0x2028, 0x202e },    { 0x2060, 0x206f },
                { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },   { 0xfff0, 0xfffb },    { 0xfffe, 0xffff },
                { 0xe000, 0xf8ff }, { 0x1fffe, 0x1ffff }, { 0xe0000, 0x10ffff },
        };

        for (size_t i = 0; i < ELEMENTSOF(hidden); i++)
                if (c >= hidden[i].first && c <= hidden[i].last)
                        return false;

        return true;
}

/*
 * Columns of a terminal: 2 for the characters of East Asia, 0 for marks that
 * stand on the one before. The C library knows them all, but in a locale of
 * UTF-8 only, and ours may be another; in glibc a wchar_t is the code point.
 */
static size_t text_width(uint32_t c) {
        static locale_t locale;
        locale_t old;
        int width;

        if (c < 0x300)
                return 1;
        if (!locale)
                locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        if (!locale)
                return 1;

        old = uselocale(locale);
        width = wcwidth((wchar_t)c);
        (void)uselocale(old);
        return width >= 0 ? (size_t)width : 1;
}

/* What is clean has no ESC but those of our own styles, which end with an m and take no column. */
size_t text_fit(const char *text, size_t columns_max) {
        size_t at = 0, columns = 0;

        while (text[at]) {
                uint32_t c = 0;
                size_t n = text_decode(text + at, &c);

                if (c == '\033') {
                        n = strcspn(text + at, "m");
                        n += text[at + n] == 'm';
                } else
                        columns += n > 0 ? text_width(c) : 1;
                if (columns > columns_max)
                        break;
                at += MAX2(n, (size_t)1);
        }

        return at;
}

static char *text_cut(char *text, size_t columns_max) {
        size_t n;

        if (text[text_fit(text, columns_max)] == '\0')
                return text;

        /* what is cut off has more than three bytes if @columns_max has room for the dots at all */
        n = text_fit(text, columns_max > 3 ? columns_max - 3 : 0);
        memcpy(text + n, "...", MIN2(columns_max, (size_t)3));
        text[n + MIN2(columns_max, (size_t)3)] = '\0';
        return text;
}

char *text_clean(const char *text, size_t columns_max) {
        size_t size = strlen(text), n_marks = 0;
        char *clean = malloc(MAX2(size, (size_t)3) + 1), *out = clean;

        if (!clean)
                return NULL;

        while (*text) {
                uint32_t c = 0;
                size_t n = text_decode(text, &c);

                n_marks = n > 0 && text_width(c) == 0 ? n_marks + 1 : 0;
                if (n == 0 || !text_is_visible(c) || n_marks > TEXT_MARKS_MAX ||
                    (n_marks > 0 && out == clean)) {
                        *out++ = '?';
                } else {
                        memcpy(out, text, n);
                        out += n;
                }
                text += MAX2(n, (size_t)1);
        }
        *out = '\0';

        return text_cut(clean, columns_max);
}

size_t text_columns(const char *text) {
        size_t columns = 0;

        while (*text) {
                uint32_t c = 0;
                size_t n = text_decode(text, &c);

                columns += n > 0 ? text_width(c) : 1;
                text += MAX2(n, (size_t)1);
        }

        return columns;
}

void text_write_quoted(FILE *f, const char *text) {
        (void)fputc('"', f);
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        (void)fputc('\\', f);
                (void)fputc(*text, f);
        }
        (void)fputc('"', f);
}

/* Bytes above ASCII stand inside strings only (RFC 8259), where \u is possible. */
int text_write_json(FILE *f, const char *json) {
        while (*json) {
                uint32_t c = 0;
                size_t n = utf8_decode(json, strnlen(json, 4), &c);

                if (n == 0)
                        c = 0xfffd;
                if (c == '\n' || (c >= 0x20 && c < 0x7f))
                        (void)fputc((int)c, f);
                else if (c < 0x10000)
                        (void)fprintf(f, "\\u%04" PRIx32, c);
                else
                        (void)fprintf(f,
                                      "\\u%04" PRIx32 "\\u%04" PRIx32,
                                      0xd800 + ((c - 0x10000) >> 10),
                                      0xdc00 + ((c - 0x10000) & 0x3ff));
                json += MAX2(n, (size_t)1);
        }
        (void)fputc('\n', f);

        return ferror(f) ? -EIO : 0;
}

int text_print_json(FILE *f, struct json_object *object) {
        return text_write_json(f,
                               json_object_to_json_string_ext(object,
                                                              JSON_C_TO_STRING_PRETTY |
                                                                      JSON_C_TO_STRING_SPACED |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
}

const char *text_duration(char *buffer, size_t size, uint64_t usec) {
        if (usec < 10 * USEC_PER_MSEC)
                (void)snprintf(buffer, size, "%.1fms", (double)usec / USEC_PER_MSEC);
        else if (usec < 10 * USEC_PER_SEC && usec >= USEC_PER_SEC)
                (void)snprintf(buffer, size, "%.2fs", (double)usec / USEC_PER_SEC);
        else
                return text_age(buffer, size, usec);
        return buffer;
}

const char *text_time(char *buffer, size_t size, uint64_t wall_usec) {
        time_t t = (time_t)(wall_usec / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&t, &tm) || strftime(buffer, size, "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                (void)snprintf(buffer, size, "-");
        return buffer;
}

const char *text_age(char *buffer, size_t size, uint64_t usec) {
        static const struct {
                uint64_t seconds;
                const char *name;
        } units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
        uint64_t seconds = usec / USEC_PER_SEC;

        if (seconds == 0) {
                (void)snprintf(buffer, size, "%" PRIu64 "ms", usec / USEC_PER_MSEC);
                return buffer;
        }

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                uint64_t n = seconds / units[i].seconds, rest = seconds % units[i].seconds;

                if (n == 0)
                        continue;
                if (i + 1 < ELEMENTSOF(units) && rest / units[i + 1].seconds > 0)
                        (void)snprintf(buffer,
                                       size,
                                       "%" PRIu64 "%s %" PRIu64 "%s",
                                       n,
                                       units[i].name,
                                       rest / units[i + 1].seconds,
                                       units[i + 1].name);
                else
                        (void)snprintf(buffer, size, "%" PRIu64 "%s", n, units[i].name);
                break;
        }

        return buffer;
}

const char *text_bytes(char *buffer, size_t size, uint64_t bytes) {
        static const char units[] = "KMGTPE";
        double value = (double)bytes;
        size_t unit = 0;

        if (bytes < 1024) {
                (void)snprintf(buffer, size, "%" PRIu64, bytes);
                return buffer;
        }

        value /= 1024;
        while (value >= 1023.5 && unit + 1 < sizeof(units) - 1) {
                value /= 1024;
                unit++;
        }
        (void)snprintf(buffer, size, "%.*f%c", value < 9.95 ? 1 : 0, value, units[unit]);
        return buffer;
}
