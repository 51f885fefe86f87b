/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include "http/host.h"
#include "test.h"

static int parse(const char *text, size_t size, char *name, uint16_t *ret_port) {
        char *copy = (char *)guard_copy(text, size);
        int r = http_host_parse((HttpSlice){ copy, size }, name, ret_port);

        guard_free((uint8_t *)copy, size);
        return r;
}

static void test_hosts(void) {
        static const struct {
                const char *text, *name;
                unsigned int port;
        } cases[] = {
                { "a", "a", 0 },
                { "Example.ORG", "example.org", 0 },
                { "example.org.", "example.org", 0 },
                { "example.org.:1", "example.org", 1 },
                { "example.org:65535", "example.org", 65535 },
                { "example.org:080", "example.org", 80 },
                { "xn--bcher-kva.example", "xn--bcher-kva.example", 0 },
                { "a_b-c.0", "a_b-c.0", 0 },
                { "127.0.0.1:8080", "127.0.0.1", 8080 },
                { "[::1]", "[::1]", 0 },
                { "[2001:DB8::A]:443", "[2001:db8::a]", 443 },
                { "[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]", 0 },
        };
        char name[HTTP_HOST_MAX + 1];
        uint16_t port;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                test_int(parse(cases[i].text, strlen(cases[i].text), name, &port), 0);
                test_string(name, cases[i].name);
                test_int(port, cases[i].port);
        }
}

static void test_what_is_no_host(void) {
        static const char *const bad[] = {
                "",
                ".",
                "..",
                ".a",
                "a..b",
                "a..",
                "a/b",
                "a\\b",
                "u@a",
                "a,b",
                "a b",
                " a",
                "a ",
                "a\tb",
                "a:",
                "a:0",
                "a:65536",
                "a:99999",
                "a:000080",
                "a:+1",
                "a:-1",
                "a:1 ",
                "a:1:2",
                "a:b",
                ":80",
                "*",
                "*.a",
                "a%41",
                "\xc3\xa9",
                "a;b",
                "a?",
                "a#",
                "[",
                "[]",
                "[::1",
                "::1",
                "[::1]a",
                "[::1]:",
                "[::1]:0",
                "[::1].",
                "[::g]",
                "[1.2.3.4]",
                "[a]",
                "[::1%25eth0]",
                "[[::1]]",
                "a[::1]",
                "'a'",
                "a\"",
                "[00000000000000000000000000000000000000000000000000::1]",
        };
        char name[HTTP_HOST_MAX + 1] = "kept";
        uint16_t port = 7;

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (parse(bad[i], strlen(bad[i]), name, &port) != -EINVAL)
                        test_fail("taken for a host: %s", bad[i]);
        test_int(parse("a\0b", 3, name, &port), -EINVAL);
        test_int(parse("[::1\0x]", 7, name, &port), -EINVAL);
        test_string(name, "kept");
        test_int(port, 7);
}

static void test_longest(void) {
        char text[HTTP_HOST_MAX + 1], name[HTTP_HOST_MAX + 1];
        uint16_t port;

        memset(text, 'a', sizeof(text));
        test_int(parse(text, HTTP_HOST_MAX, name, &port), 0);
        test_int(strlen(name), HTTP_HOST_MAX);
        test_int(parse(text, HTTP_HOST_MAX + 1, name, &port), -EINVAL);
}

int main(void) {
        test_run(test_hosts);
        test_run(test_what_is_no_host);
        test_run(test_longest);
        return 0;
}
