/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "ctl/table.h"
#include "ctl/text.h"
#include "test.h"

static const char *const headers[] = { "NAME", "N", "URI" };

static char *print(const Table *table, bool legend, size_t width) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        table_print(table, f, legend, width);
        fclose(f);
        return text;
}

static void check_print(const Table *table, bool legend, size_t width, const char *wanted) {
        char *text = print(table, legend, width);

        test_string(text, wanted);
        free(text);
}

static void columns_are_as_wide_as_their_widest_cell(void) {
        Table *table;

        test_int(table_new(&table, headers, "lrl", 3), 0);
        check_print(table, true, 0, "NAME  N  URI\n");
        check_print(table, false, 0, "");
        test_int(table_add(table, (const char *const[]){ "dokuwiki", "7", "/a" }), 0);
        test_int(table_add(table, (const char *const[]){ "b", "12345", NULL }), 0);
        test_int(table_add(table, (const char *const[]){ "\xc3\xa9t\xc3\xa9", "", "/" }), 0);
        check_print(table,
                    true,
                    0,
                    "NAME          N  URI\n"
                    "dokuwiki      7  /a\n"
                    "b         12345  -\n"
                    "\xc3\xa9t\xc3\xa9           -  /\n");
        check_print(table,
                    false,
                    0,
                    "dokuwiki      7  /a\n"
                    "b         12345  -\n"
                    "\xc3\xa9t\xc3\xa9           -  /\n");
        table_free(table);
        test_true(!table_free(NULL));
}

static void the_last_column_is_cut_to_the_width_of_the_terminal(void) {
        Table *table;

        test_int(table_new(&table, headers, "lrl", 3), 0);
        test_int(table_add(table, (const char *const[]){ "a", "1", "/0123456789" }), 0);
        check_print(table, true, 15, "NAME  N  URI\na     1  /01...\n");
        check_print(table, true, 20, "NAME  N  URI\na     1  /0123456789\n");
        check_print(table, true, 11, "NAME  N  ..\na     1  ..\n");
        check_print(table, true, 5, "NAME  N  URI\na     1  /0123456789\n");
        table_free(table);
}

static void cells_cannot_break_the_table(void) {
        Table *table;

        test_int(table_new(&table, headers, "lrl", 3), 0);
        test_int(table_add(table,
                           (const char *const[]){ "a\nb\r",
                                                  "\x1b[2J",
                                                  "\xff\x07\xc2\x9b"
                                                  "31m" }),
                 0);
        check_print(table, false, 0, "a?b?  ?[2J  ???31m\n");
        table_free(table);
}

static void a_long_cell_is_cut_so_that_the_others_stay_on_the_screen(void) {
        char text[4000], wanted[5000];
        Table *table;

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        test_int(table_new(&table, headers, "lrl", 3), 0);
        test_int(table_add(table, (const char *const[]){ text, "1", text }), 0);
        (void)snprintf(wanted,
                       sizeof(wanted),
                       "%.*s...  1  %.*s...\n",
                       TABLE_CELL_MAX - 3,
                       text,
                       TABLE_LAST_MAX - 3,
                       text);
        check_print(table, false, 0, wanted);
        table_free(table);
}

static void many_rows_are_kept_in_order_up_to_the_bound(void) {
        Table *table;
        char *text, n[16], *p;

        test_int(table_new(&table, headers, "lrl", 3), 0);
        for (int i = 0; i < TABLE_ROWS_MAX; i++) {
                (void)snprintf(n, sizeof(n), "%d", i);
                test_int(table_add(table, (const char *const[]){ "a", n, "/" }), 0);
        }
        test_int(table_add(table, (const char *const[]){ "a", "1", "/" }), -ENOBUFS);
        text = p = print(table, false, 0);
        for (int i = 0; i < TABLE_ROWS_MAX; i++) {
                test_int(strtol(p + 2, NULL, 10), i);
                p = strchr(p, '\n') + 1;
        }
        test_string(p, "");
        free(text);
        table_free(table);
}

static void check_clean(const char *text, size_t max, const char *wanted) {
        char *clean = text_clean(text, max);

        test_string(clean, wanted);
        free(clean);
}

static void text_that_moves_the_cursor_is_made_visible(void) {
        check_clean("", 10, "");
        check_clean("plain ~", 10, "plain ~");
        check_clean("\x01\x1f\x7f\t", 10, "????");
        check_clean("\xc2\x80\xc2\x9f\xc2\xa0", 10, "??\xc2\xa0");
        /* not UTF-8: lone, cut, overlong, surrogate, too large */
        check_clean("\x80x", 10, "?x");
        check_clean("\xe2\x82", 10, "??");
        check_clean("\xf0\x9f\x98", 10, "???");
        check_clean("\xc0\xaf", 10, "??");
        check_clean("\xe0\x80\xaf", 10, "???");
        check_clean("\xed\xa0\x80", 10, "???");
        check_clean("\xf4\x90\x80\x80", 10, "????");
        /* right-to-left override, zero-width space, line separator, byte order mark */
        check_clean("a\xe2\x80\xae"
                    "b\xe2\x80\x8b"
                    "c\xe2\x80\xa8\xef\xbb\xbf",
                    10,
                    "a?b?c??");
        check_clean("\xf0\x9f\x98\x80\xe2\x82\xac", 10, "\xf0\x9f\x98\x80\xe2\x82\xac");
}

static void text_is_cut_between_characters(void) {
        check_clean("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
                    5,
                    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
        check_clean("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 4, "\xc3\xa9...");
        check_clean("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 3, "...");
        check_clean("abcde", 1, ".");
        check_clean("abcde", 0, "");
}

static void json_is_written_in_printable_ascii(void) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        test_int(text_write_json(f, "{\"a\": \"x\x7f\xc2\x9b\xe2\x80\xae\xf0\x9f\x98\x80\xff\"\n}"), 0);
        fclose(f);
        test_string(text, "{\"a\": \"x\\u007f\\u009b\\u202e\\ud83d\\ude00\\ufffd\"\n}\n");
        free(text);
}

static void ages_and_sizes_read_well(void) {
        char b[64];

        test_string(text_age(b, sizeof(b), 0), "0ms");
        test_string(text_age(b, sizeof(b), 999999), "999ms");
        test_string(text_age(b, sizeof(b), 1000000), "1s");
        test_string(text_age(b, sizeof(b), 90000000), "1min 30s");
        test_string(text_age(b, sizeof(b), 3600000000), "1h");
        test_string(text_age(b, sizeof(b), 3661000000), "1h 1min");
        test_string(text_age(b, sizeof(b), 86405000000), "1d");
        test_true(strlen(text_age(b, sizeof(b), UINT64_MAX)) > 3);

        test_string(text_bytes(b, sizeof(b), 0), "0");
        test_string(text_bytes(b, sizeof(b), 1023), "1023");
        test_string(text_bytes(b, sizeof(b), 1024), "1.0K");
        test_string(text_bytes(b, sizeof(b), 1536 * 1024), "1.5M");
        test_string(text_bytes(b, sizeof(b), 10188), "9.9K");
        test_string(text_bytes(b, sizeof(b), 10189), "10K");
        test_string(text_bytes(b, sizeof(b), 1024 * 1024 - 1), "1.0M");
        test_string(text_bytes(b, sizeof(b), UINT64_MAX), "16E");
}

int main(void) {
        test_run(columns_are_as_wide_as_their_widest_cell);
        test_run(the_last_column_is_cut_to_the_width_of_the_terminal);
        test_run(cells_cannot_break_the_table);
        test_run(a_long_cell_is_cut_so_that_the_others_stay_on_the_screen);
        test_run(many_rows_are_kept_in_order_up_to_the_bound);
        test_run(text_that_moves_the_cursor_is_made_visible);
        test_run(text_is_cut_between_characters);
        test_run(json_is_written_in_printable_ascii);
        test_run(ages_and_sizes_read_well);
        return 0;
}
