/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include "config/format.h"
#include "test.h"

static void test_parts(void) {
        static const struct {
                char conversion;
                const char *text;
        } expected[] = {
                { '\0', "a " },          { 'm', "" },      { '\0', " " },
                { 'd', "milliseconds" }, { '\0', "%" },    { 'e', "REMOTE_ADDR" },
                { '\0', "%" },           { 't', "%Y-%m" }, { '\0', " z" },
        };
        _cleanup_(line_format_freep) LineFormat *format = NULL;
        const char *reason;

        test_int(line_format_parse(&format, "a %m %{milliseconds}d%%%{REMOTE_ADDR}e%%%{%Y-%m}t z", &reason),
                 0);
        test_int(format->n_items, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                test_int(format->items[i].conversion, expected[i].conversion);
                test_string(format->items[i].text, expected[i].text);
        }
}

static void test_every_conversion_of_php_fpm(void) {
        static const char *const good[] = {
                "",          "text",      "%%",
                "%C",        "%{user}C",  "%{system}C",
                "%{total}C", "%d",        "%{seconds}d",
                "%{milli}d", "%{micro}d", "%{A}e",
                "%f",        "%l",        "%m",
                "%M",        "%{kilo}M",  "%{mega}M",
                "%n",        "%{X}o",     "%p",
                "%P",        "%q",        "%Q",
                "%r",        "%R",        "%s",
                "%t",        "%T",        "%{%s}T",
                "%u",        "%{mili}d",  "%{miliseconds}d",
        };
        static const char *const bad[] = { "%",         "%z", "%{", "%{x",  "%{}",  "%{x}",
                                           "%{hours}d", "%e", "%o", "%{}e", "%{a}s" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                test_true(!check_line_format(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                test_true(check_line_format(bad[i]) != NULL);
}

static void test_the_number_of_parts_is_bounded(void) {
        char text[2048] = "";

        for (size_t i = 0; i < 500; i++)
                strcat(text, "%m ");
        test_string(check_line_format(text), "it has too many parts");
}

int main(void) {
        test_run(test_parts);
        test_run(test_every_conversion_of_php_fpm);
        test_run(test_the_number_of_parts_is_bounded);
        return 0;
}
