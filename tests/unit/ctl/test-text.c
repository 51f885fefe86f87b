/* SPDX-License-Identifier: MIT */
#include "ctl/text.h"
#include "test.h"
#include "util/clock.h"

static void check_clean(const char *text, size_t columns_max, const char *wanted) {
        char *clean = text_clean(text, columns_max);

        test_string(clean, wanted);
        test_true(text_columns(clean) <= columns_max);
        free(clean);
}

static void what_rules_a_terminal_becomes_a_question_mark(void) {
        check_clean("plain", 100, "plain");
        check_clean("", 100, "");
        check_clean("a\033[31mb\r\n\tc\177", 100, "a?[31mb???c?");
        check_clean("\xc2\x9b"
                    "31m",
                    100,
                    "?31m");                                            /* U+009B, CSI in one */
        check_clean("\xe2\x80\xaegnp", 100, "?gnp");                    /* U+202E, right to left */
        check_clean("\xe2\x81\xa6x\xe2\x81\xa9", 100, "?x?");           /* U+2066, U+2069, isolates */
        check_clean("\xe2\x80\x8b\xef\xbb\xbf", 100, "??");             /* zero width */
        check_clean("\xff\xc3(\xc0\x80\xed\xa0\x80", 100, "?\?(?????"); /* no UTF-8 */
        check_clean("\xf3\xa0\x81\x81", 100, "?");                      /* U+E0041, a tag */
}

static void marks_stand_on_letters_and_do_not_pile_up(void) {
        check_clean("e\xcc\x81", 100, "e\xcc\x81");
        check_clean("\xcc\x81"
                    "e",
                    100,
                    "?e");
        check_clean("e\xcc\x81\xcc\x82\xcc\x83\xcc\x84", 100, "e\xcc\x81\xcc\x82??");
}

static void columns_are_those_of_a_terminal(void) {
        test_int(text_columns("abc"), 3);
        test_int(text_columns("\xc3\xa9t\xc3\xa9"), 3);
        test_int(text_columns("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* two characters, each two wide */
        test_int(text_columns("e\xcc\x81"), 1);
        check_clean("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 6, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");
        check_clean("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 5, "\xe6\x97\xa5...");
        check_clean("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 4, "...");
        for (size_t max = 0; max < 12; max++)
                check_clean("0123456789",
                            max,
                            max >= 10  ? "0123456789"
                            : max == 9 ? "012345..."
                            : max == 8 ? "01234..."
                            : max == 7 ? "0123..."
                            : max == 6 ? "012..."
                            : max == 5 ? "01..."
                            : max == 4 ? "0..."
                            : max == 3 ? "..."
                            : max == 2 ? ".."
                            : max == 1 ? "."
                                       : "");
}

static void text_is_fitted_without_counting_styles(void) {
        test_int(text_fit("abcdef", 3), 3);
        test_int(text_fit("abc", 10), 3);
        test_int(text_fit("\033[1;31mabcdef\033[0m", 3), 10);
        test_int(text_fit("\xe6\x97\xa5\xe6\x9c\xac", 3), 3);
        test_int(text_fit("\033[1", 3), 3); /* a style that does not end */
        test_int(text_fit("", 3), 0);
}

static void times_are_written_as_people_do(void) {
        char buffer[64];

        test_string(text_age(buffer, sizeof(buffer), 0), "0ms");
        test_string(text_age(buffer, sizeof(buffer), 90 * USEC_PER_SEC), "1min 30s");
        test_string(text_age(buffer, sizeof(buffer), 86400 * USEC_PER_SEC), "1d");
        test_string(text_duration(buffer, sizeof(buffer), 1234), "1.2ms");
        test_string(text_duration(buffer, sizeof(buffer), 1250000), "1.25s");
        test_string(text_duration(buffer, sizeof(buffer), 450000), "450ms");
        test_string(text_duration(buffer, sizeof(buffer), 75 * USEC_PER_SEC), "1min 15s");
        test_true(strlen(text_duration(buffer, sizeof(buffer), UINT64_MAX)) > 0);
        test_true(strlen(text_time(buffer, sizeof(buffer), INT64_MAX)) > 0);
        test_string(text_bytes(buffer, sizeof(buffer), 1536), "1.5K");
        test_string(text_bytes(buffer, sizeof(buffer), 1048064), "1.0M");
}

int main(void) {
        test_run(what_rules_a_terminal_becomes_a_question_mark);
        test_run(marks_stand_on_letters_and_do_not_pile_up);
        test_run(columns_are_those_of_a_terminal);
        test_run(text_is_fitted_without_counting_styles);
        test_run(times_are_written_as_people_do);
        return 0;
}
