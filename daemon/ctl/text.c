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
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "ctl/text.h"
#include "util/cleanup.h"
#include "util/clock.h"

/*
 * One character of UTF-8 (RFC 3629: shortest form, no surrogates, at most
 * U+10FFFF). Its size, or 0 if the first byte begins none.
 */
static size_t text_decode(const char *text, uint32_t *ret) {
        const uint8_t *p = (const uint8_t *)text;
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        uint32_t c;
        size_t n;

        if (p[0] < 0x80) {
                *ret = p[0];
                return 1;
        }

        n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
        if (p[0] < 0xc2 || p[0] > 0xf4)
                return 0;
        c = p[0] & (0xffU >> (n + 1));
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80) /* a NUL is none either */
                        return 0;
                c = c << 6 | (p[i] & 0x3fU);
        }
        if (c < least[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
                return 0;

        *ret = c;
        return n;
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

static char *text_cut(char *text, size_t columns_max) {
        size_t keep = columns_max > 3 ? columns_max - 3 : 0, n = 0;
        char *p = text;

        if (text_columns(text) <= columns_max)
                return text;

        while (n < keep) {
                p++;
                while ((*p & 0xc0) == 0x80)
                        p++;
                n++;
        }
        /* what is cut off has more than three characters if @columns_max has room for the dots at all */
        memcpy(p, "...", MIN2(columns_max, (size_t)3));
        p[MIN2(columns_max, (size_t)3)] = '\0';
        return text;
}

char *text_clean(const char *text, size_t columns_max) {
        char *clean = malloc(strlen(text) + 1), *out = clean;

        if (!clean)
                return NULL;

        while (*text) {
                uint32_t c = 0;
                size_t n = text_decode(text, &c);

                if (n == 0 || !text_is_visible(c)) {
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
        size_t n = 0;

        for (; *text; text++)
                n += (*text & 0xc0) != 0x80;

        return n;
}

/* Bytes above ASCII stand inside strings only (RFC 8259), where \u is possible. */
int text_write_json(FILE *f, const char *json) {
        while (*json) {
                uint32_t c = 0;
                size_t n = text_decode(json, &c);

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
