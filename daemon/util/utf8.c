/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 as RFC 3629 has it: the shortest form, no surrogates, at most U+10FFFF
 */
#include "util/utf8.h"

size_t utf8_decode(const char *text, size_t size, uint32_t *ret) {
        const uint8_t *p = (const uint8_t *)text;
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        uint32_t c;
        size_t n;

        if (size == 0)
                return 0;
        if (p[0] < 0x80) {
                *ret = p[0];
                return 1;
        }
        if (p[0] < 0xc2 || p[0] > 0xf4)
                return 0;

        n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
        if (n > size)
                return 0;
        c = p[0] & (0xffU >> (n + 1));
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3fU);
        }
        if (c < least[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
                return 0;

        *ret = c;
        return n;
}
