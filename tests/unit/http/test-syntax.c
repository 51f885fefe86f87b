/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "http/syntax.h"
#include "test.h"

#define SLICE(s) ((HttpSlice){ (s), strlen(s) })

static void test_tokens(void) {
        static const char tchars[] =
                "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

        for (int c = 0; c < 256; c++) {
                char byte = (char)c;

                test_int(http_name_is_token((HttpSlice){ &byte, 1 }), c != 0 && strchr(tchars, c) != NULL);
        }
        test_true(http_name_is_token(SLICE(tchars)));
        test_true(!http_name_is_token(SLICE("")));
        test_true(!http_name_is_token(SLICE("a b")));
}

static void test_same_but_for_case(void) {
        test_true(http_slice_is(SLICE("HoSt"), "hOsT"));
        test_true(http_slice_is(SLICE(""), ""));
        test_true(!http_slice_is(SLICE("host"), "hosts"));
        test_true(!http_slice_is(SLICE("hosts"), "host"));
        /* only letters have a case: '@' and '`', '[' and '{' do not */
        test_true(!http_slice_is(SLICE("@["), "`{"));
        /* U+212A, the Kelvin sign, is no k */
        test_true(!http_slice_is(SLICE("\xe2\x84\xaa"), "k"));
}

static void test_field_lines(void) {
        static const char *const bad[] = { "",       ":",     ": a",    "a",      " a: b",
                                           "\ta: b", "a : b", "a\t: b", "a b: c", "(: b" };
        HttpHeader header;

        test_int(http_header_split(SLICE("Name: \t a b \t"), &header), 0);
        test_bytes(header.name.data, header.name.size, "Name", 4);
        test_bytes(header.value.data, header.value.size, "a b", 3);
        test_int(http_header_split(SLICE("a::"), &header), 0);
        test_bytes(header.value.data, header.value.size, ":", 1);
        test_int(http_header_split(SLICE("a: \t "), &header), 0);
        test_int(header.value.size, 0);
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                test_int(http_header_split(SLICE(bad[i]), &header), -EINVAL);
}

static void test_lists(void) {
        HttpSlice list = SLICE(", a ,,b c\t, ,d"), member;

        test_true(http_list_next(&list, &member));
        test_bytes(member.data, member.size, "a", 1);
        test_true(http_list_next(&list, &member));
        test_bytes(member.data, member.size, "b c", 3);
        test_true(http_list_next(&list, &member));
        test_bytes(member.data, member.size, "d", 1);
        test_true(!http_list_next(&list, &member));
        test_true(!http_list_next(&list, &member));
        list = SLICE(" ,\t,");
        test_true(!http_list_next(&list, &member));
}

static void test_reasons(void) {
        test_string(http_status_reason(404), "Not Found");
        test_string(http_status_reason(431), "Request Header Fields Too Large");
        test_string(http_status_reason(299), "");
        test_string(http_status_reason(0), "");
}

static void test_codings_that_are_accepted(void) {
        static const struct {
                const char *field;
                bool gzip;
        } cases[] = {
                { "gzip", true },      { "GZip", true },          { "br, gzip", true },
                { "gzip;q=1", true },  { "gzip; q=0.001", true }, { "gzip ;q=0.5, br", true },
                { "gzip;q=0", false }, { "gzip;q=0.000", false }, { "gzip; Q=0", false },
                { "x-gzip", false },   { "gzipped", false },      { "*", false },
                { "", false },         { ",;,", false },          { "br;q=1, gzip;q=0", false },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                printf("  '%s'\n", cases[i].field);
                test_int(http_coding_accepted((HttpSlice){ cases[i].field, strlen(cases[i].field) }, "gzip"),
                         cases[i].gzip);
        }
}

int main(void) {
        test_run(test_codings_that_are_accepted);

        test_run(test_tokens);
        test_run(test_same_but_for_case);
        test_run(test_field_lines);
        test_run(test_lists);
        test_run(test_reasons);
        return 0;
}
