/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "test.h"
#include "util/utf8.h"

static void characters_of_each_size_are_decoded(void) {
        static const struct {
                const char *text;
                uint32_t c;
        } good[] = {
                { "a", 'a' },
                { "\x7f", 0x7f },
                { "\xc2\x80", 0x80 },
                { "\xdf\xbf", 0x7ff },
                { "\xe0\xa0\x80", 0x800 },
                { "\xed\x9f\xbf", 0xd7ff },
                { "\xee\x80\x80", 0xe000 },
                { "\xef\xbf\xbf", 0xffff },
                { "\xf0\x90\x80\x80", 0x10000 },
                { "\xf4\x8f\xbf\xbf", 0x10ffff },
        };

        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                uint32_t c = 0;

                test_int(utf8_decode(good[i].text, strlen(good[i].text), &c),
                         (long long)strlen(good[i].text));
                test_int(c, good[i].c);
        }
}

static void what_is_none_is_refused(void) {
        static const char *const bad[] = {
                "\x80",             /* goes on with nothing */
                "\xc3",             /* ends too early */
                "\xc3(",            /* does not go on */
                "\xe2\x82",         /* ends too early */
                "\xc0\x80",         /* NUL in two bytes */
                "\xc1\xbf",         /* not the shortest form */
                "\xe0\x9f\xbf",     /* not the shortest form */
                "\xf0\x8f\xbf\xbf", /* not the shortest form */
                "\xed\xa0\x80",     /* a surrogate */
                "\xf4\x90\x80\x80", /* beyond the last */
                "\xf5\x80\x80\x80", /* no first byte */
                "\xff",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                uint32_t c = 7;

                test_int(utf8_decode(bad[i], strlen(bad[i]), &c), 0);
                test_int(c, 7);
        }
        test_int(utf8_decode("", 0, &(uint32_t){ 0 }), 0);
}

int main(void) {
        test_run(characters_of_each_size_are_decoded);
        test_run(what_is_none_is_refused);
        return 0;
}
