/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "config/loader.h"
#include "directory.h"

/* Loads @size bytes as a file; gives the outcome and checks where the error is. */
static void expect(const char *text, size_t size, unsigned int line, const char *fragment) {
        ConfigError error = {};
        ConfigFile *file = NULL;
        int r;

        directory_write_bytes("a.conf", text, size);
        r = config_file_load(&file, directory_path("a.conf"), &error);
        if (!fragment) {
                if (r != 0)
                        test_fail("'%s': line %u: %s", text, error.line, error.message);
                config_file_free(file);
                return;
        }

        test_int(r, -EINVAL);
        test_true(!file);
        if (error.line != line || !strstr(error.message, fragment))
                test_fail("'%s': line %u: %s", text, error.line, error.message);
        test_string(error.file, directory_path("a.conf"));
}

static void test_bad_texts_are_refused_with_their_line(void) {
        static const struct {
                const char *text;
                unsigned int line;
                const char *fragment;
        } bad[] = {
                { "a = 1;\nb = ;\n", 2, "syntax error" },
                { "a = 1;\n\na = 2;\n", 3, "duplicate" },
                { "a = [ 1, \"x\" ];", 1, "mismatched" },
                { "\n@include \"/etc\"\n", 2, "@include" },
                { "\n  @include \"x.conf\"\n", 2, "@include" },
                { "a = 1; @include \"x.conf\"\n", 1, "@include" },
                { "/* \" */ \n@include \"x.conf\"\n/* \" */", 2, "@include" },
                { "a = \"\\\\\";\n@include \"x.conf\"\n# \"", 2, "@include" },
                { "# it's \"\n@include \"x.conf\"\n", 2, "@include" },
                { "a = 1;\nb = 1234567890;\n", 2, "more than 9 digits" },
                { "b = -1234567890;\n", 1, "more than 9 digits" },
                { "b = 12345678901L;\n", 1, "more than 9 digits" },
                { "b = [ 1,\n 99999999999 ];\n", 2, "more than 9 digits" },
                { "b = 0xFFFFFFFF;\n", 1, "more than 7 hexadecimal digits" },
                { "a = 1;\n/* never closed\nroot = \"/x\";\n", 2, "not closed" },
                { "a = 1;\nb = \"never closed;\nc = 2;\n", 2, "not closed" },
                { "a = \"q\nw\\x00z\";", 2, "NUL in a string" },
                { "a = ((((;", 1, "syntax error" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                expect(bad[i].text, strlen(bad[i].text), bad[i].line, bad[i].fragment);
}

static void test_good_texts_are_not_mistaken(void) {
        static const char *const good[] = {
                "",
                "# a comment without a newline",
                "a = 1; // another",
                "a = \"@include \\\"x\\\"\";",
                "a = \"\n@include \";",
                "# @include \"x\"\n/*\n@include \"y\"\n*/ a = 1;",
                "a1234567890 = 999999999;",
                "a = \"12345678901 // /* #\";",
                "a = 0xFFFFFFF;\r\nb = -5;\r\n",
                "a = \"\\x41 \\\\\"; b = \"\xc3\xa9\";",
                "a = [ \"x\" /* one */\n, \"y\" # two\n];",
                "a = (\n\"x\"\n\"y\"\n,\n\"z\"\n);",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                expect(good[i], strlen(good[i]), 0, NULL);
}

static void test_a_nul_byte_is_refused_wherever_it_is(void) {
        expect("a = 1;\n\0b = 2;\n", 15, 2, "NUL byte");
        expect("a = 1;\n\0", 8, 2, "NUL byte");
        expect("# \0\n", 4, 1, "NUL byte");
}

static void test_deep_nesting_is_an_error(void) {
        static char text[100000];

        memset(text, '(', sizeof(text));
        memcpy(text, "a=", 2);
        expect(text, sizeof(text), 1, "");
}

static void test_a_file_may_have_1_mib_and_no_more(void) {
        static char text[1024 * 1024 + 1];
        ConfigError error = {};
        ConfigFile *file = NULL;

        memset(text, '\n', sizeof(text));
        expect(text, sizeof(text) - 1, 0, NULL);
        directory_write_bytes("a.conf", text, sizeof(text));
        test_int(config_file_load(&file, directory_path("a.conf"), &error), -EFBIG);
        test_true(strstr(error.message, "larger than 1 MiB"));
}

static void test_only_regular_files_are_read(void) {
        ConfigError error = {};
        ConfigFile *file = NULL;

        test_int(mkfifo(directory_path("fifo"), 0600), 0);
        test_int(config_file_load(&file, directory_path("fifo"), &error), -ENOTTY);
        test_true(strstr(error.message, "not a regular file"));
        test_int(config_file_load(&file, directory_path("conf.d"), &error), -ENOTTY);
        test_int(config_file_load(&file, "/dev/zero", &error), -ENOTTY);
        test_int(config_file_load(&file, directory_path("none"), &error), -ENOENT);
        test_int(config_file_load(&file, directory_path("none"), NULL), -ENOENT);
        test_true(!file);
}

static void test_elements_of_lists_have_their_own_line(void) {
        static const char text[] = "l = [\n"
                                   "  \"one\",\n"
                                   "  \"two\"\n"
                                   "  ,\n"
                                   "  \"three\" # last\n"
                                   "  /* end */\n"
                                   "];\n"
                                   "n = 1;\n"
                                   "g: { k\n= 2; };\n";
        ConfigFile *file = NULL;

        directory_write("a.conf", text);
        test_int(config_file_load(&file, directory_path("a.conf"), NULL), 0);
        test_int(config_file_element_line(file, "l", 0), 2);
        test_int(config_file_element_line(file, "l", 1), 3);
        test_int(config_file_element_line(file, "l", 2), 5);
        test_int(config_file_element_line(file, "l", 3), 1);
        test_int(config_file_line(file, "n"), 8);
        test_int(config_file_element_line(file, "n", 0), 8);
        test_int(config_file_line(file, "g.k"), 9);
        test_int(config_file_line(file, "g.x"), 0);
        config_file_free(file);
}

int main(void) {
        directory_make();
        test_run(test_bad_texts_are_refused_with_their_line);
        test_run(test_good_texts_are_not_mistaken);
        test_run(test_a_nul_byte_is_refused_wherever_it_is);
        test_run(test_deep_nesting_is_an_error);
        test_run(test_a_file_may_have_1_mib_and_no_more);
        test_run(test_only_regular_files_are_read);
        test_run(test_elements_of_lists_have_their_own_line);
        return 0;
}
