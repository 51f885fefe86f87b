/* SPDX-License-Identifier: MIT */
#include "http/forwarded.h"
#include "test.h"

static HttpRequest request;

static void parse(const char *fields) {
        static char head[1024];

        snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
        test_int(http_request_parse(&request, head, strlen(head), 0, sizeof(head)), 0);
}

static const char *hop(HttpForwardedKind kind, size_t i) {
        static char text[INET6_ADDRSTRLEN];
        Address address;

        return http_forwarded_for(&request, kind, i, &address) ? address_format(&address, text) : "none";
}

static const char *value(HttpForwardedKind kind, const char *name) {
        static char text[64];
        HttpSlice slice = http_forwarded_value(&request, kind, name);

        snprintf(text, sizeof(text), "%.*s", (int)slice.size, slice.data ? slice.data : "");
        return text;
}

static void test_the_list_is_read_from_its_end(void) {
        parse("X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Other: x\r\nx-forwarded-for: 3.3.3.3\r\n");
        test_string(hop(HTTP_FORWARDED_X, 0), "3.3.3.3");
        test_string(hop(HTTP_FORWARDED_X, 1), "2.2.2.2");
        test_string(hop(HTTP_FORWARDED_X, 2), "1.1.1.1");
        test_string(hop(HTTP_FORWARDED_X, 3), "none");
        test_string(hop(HTTP_FORWARDED_RFC7239, 0), "none");
        parse("");
        test_string(hop(HTTP_FORWARDED_X, 0), "none");
}

static void test_addresses_come_in_many_forms(void) {
        parse("X-Forwarded-For: 1.2.3.4:80, ::1, [2001:db8::1]:443, [::2], unknown, 1.2.3, \"1.2.3.4\"\r\n");
        test_string(hop(HTTP_FORWARDED_X, 6), "1.2.3.4");
        test_string(hop(HTTP_FORWARDED_X, 5), "::1");
        test_string(hop(HTTP_FORWARDED_X, 4), "2001:db8::1");
        test_string(hop(HTTP_FORWARDED_X, 3), "::2");
        for (size_t i = 0; i < 3; i++)
                test_string(hop(HTTP_FORWARDED_X, i), "none");
}

static void test_the_standard_form(void) {
        parse("Forwarded: for=1.1.1.1, For=\"[2001:db8::1]:4711\"; proto=http\r\n"
              "Forwarded: proto=https ;host=\"a.org:8443\";by=3.3.3.3;for=2.2.2.2\r\n");
        test_string(hop(HTTP_FORWARDED_RFC7239, 0), "2.2.2.2");
        test_string(hop(HTTP_FORWARDED_RFC7239, 1), "2001:db8::1");
        test_string(hop(HTTP_FORWARDED_RFC7239, 2), "1.1.1.1");
        test_string(value(HTTP_FORWARDED_RFC7239, "Proto"), "https");
        test_string(value(HTTP_FORWARDED_RFC7239, "Host"), "a.org:8443");
        test_string(value(HTTP_FORWARDED_X, "Proto"), "");

        parse("Forwarded: for=_hidden, for=unknown, for=\"1.1\\.1.1\", proto, ;;for=;\r\n");
        for (size_t i = 0; i < 6; i++)
                test_string(hop(HTTP_FORWARDED_RFC7239, i), "none");
}

static void test_values_are_the_nearest_ones(void) {
        parse("X-Forwarded-Proto: http, https\r\nX-Forwarded-Host: b.org\r\n");
        test_string(value(HTTP_FORWARDED_X, "Proto"), "https");
        test_string(value(HTTP_FORWARDED_X, "Host"), "b.org");
        test_string(value(HTTP_FORWARDED_X, "Port"), "");
}

static void test_no_list_is_too_long(void) {
        char fields[600] = "X-Forwarded-For: 9.9.9.9";

        for (size_t i = 0; i < 40; i++)
                snprintf(fields + strlen(fields), sizeof(fields) - strlen(fields), ", 10.0.0.%zu", i);
        strcat(fields, "\r\n");
        parse(fields);
        test_string(hop(HTTP_FORWARDED_X, 0), "10.0.0.39");
        test_string(hop(HTTP_FORWARDED_X, 31), "10.0.0.8");
        test_string(hop(HTTP_FORWARDED_X, 32), "none");
}

static void test_the_fields_of_each_kind(void) {
        static const char *const x[] = { "X-Forwarded-For", "x-forwarded-anything", "X-Real-IP" };

        for (size_t i = 0; i < sizeof(x) / sizeof(x[0]); i++) {
                test_true(http_forwarded_is_field((HttpSlice){ x[i], strlen(x[i]) }, HTTP_FORWARDED_X));
                test_true(
                        !http_forwarded_is_field((HttpSlice){ x[i], strlen(x[i]) }, HTTP_FORWARDED_RFC7239));
        }
        test_true(http_forwarded_is_field((HttpSlice){ "forwarded", 9 }, HTTP_FORWARDED_RFC7239));
        test_true(http_forwarded_is_read((HttpSlice){ "forwarded", 9 }, HTTP_FORWARDED_RFC7239));
        test_true(http_forwarded_is_read((HttpSlice){ "x-forwarded-proto", 17 }, HTTP_FORWARDED_X));
        test_true(!http_forwarded_is_read((HttpSlice){ "x-forwarded-proto", 17 }, HTTP_FORWARDED_RFC7239));
        test_true(!http_forwarded_is_read((HttpSlice){ "X-Forwarded-Protocol", 20 }, HTTP_FORWARDED_X));
        test_true(!http_forwarded_is_read((HttpSlice){ "X-Real-IP", 9 }, HTTP_FORWARDED_X));
        test_true(!http_forwarded_is_field((HttpSlice){ "X-Forwarded", 11 }, HTTP_FORWARDED_X));
}

int main(void) {
        test_run(test_the_list_is_read_from_its_end);
        test_run(test_addresses_come_in_many_forms);
        test_run(test_the_standard_form);
        test_run(test_values_are_the_nearest_ones);
        test_run(test_no_list_is_too_long);
        test_run(test_the_fields_of_each_kind);
        return 0;
}
