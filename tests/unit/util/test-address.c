/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <sys/un.h>
#include "test.h"
#include "util/address.h"

static Address parse(const char *text) {
        Address address;

        test_int(address_parse(text, strlen(text), &address), 0);
        return address;
}

static void test_an_address_is_formatted_as_applications_expect(void) {
        static const char *const pairs[][2] = {
                { "127.0.0.1", "127.0.0.1" }, { "::ffff:10.1.2.3", "10.1.2.3" },         { "::1", "::1" },
                { "[::1]", "::1" },           { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
        };
        char text[INET6_ADDRSTRLEN];
        Address none = {};

        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                Address address = parse(pairs[i][0]);

                test_string(address_format(&address, text), pairs[i][1]);
        }
        test_string(address_format(&none, text), "unix:");
}

static void test_what_is_no_address_is_refused(void) {
        static const char *const texts[] = {
                "",          "1",          "1.2.3",    "1.2.3.4.5",   "1.2.3.256",
                "01.2.3.4",  "1.2.3.4:80", " 1.2.3.4", "::1%lo",      "[::1",
                "[1.2.3.4]", ":::",        "g::",      "example.org", "[]",
        };
        Address address;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                printf("  '%s'\n", texts[i]);
                test_int(address_parse(texts[i], strlen(texts[i]), &address), -EINVAL);
        }
        test_int(address_parse("1.2.3.4\0", 8, &address), -EINVAL);
}

static void test_a_range_holds_what_its_bits_say(void) {
        static const struct {
                const char *range, *address;
                bool in;
        } cases[] = {
                { "10.0.0.0/8", "10.255.0.1", true },
                { "10.0.0.0/8", "11.0.0.1", false },
                { "10.0.0.0/8", "::ffff:10.1.1.1", true },
                { "10.0.0.0/8", "a00::1", false },
                { "192.168.4.0/22", "192.168.7.255", true },
                { "192.168.4.0/22", "192.168.8.0", false },
                { "0.0.0.0/0", "1.2.3.4", true },
                { "0.0.0.0/0", "2001::1", false },
                { "::/0", "1.2.3.4", true },
                { "127.0.0.1", "127.0.0.1", true },
                { "127.0.0.1", "127.0.0.2", false },
                { "2001:db8::/33", "2001:db8:7fff::1", true },
                { "2001:db8::/33", "2001:db8:8000::1", false },
                /* the last of the sixteen bytes counts as well */
                { "2001:db8::1/128", "2001:db8::2", false },
        };
        Address none = {}, some;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                printf("  %s %s\n", cases[i].range, cases[i].address);
                some = parse(cases[i].address);
                test_int(address_in_range(&some, cases[i].range), cases[i].in);
                test_true(address_range_is_valid(cases[i].range));
        }
        test_true(address_in_range(&none, "unix"));
        test_true(!address_in_range(&some, "unix"));
        test_true(!address_in_range(&none, "0.0.0.0/0"));
        test_true(address_in_ranges(&none, (char *[]){ (char *)"::1", (char *)"unix", NULL }));
        test_true(!address_in_ranges(&some, (char *[]){ NULL }));

        some = parse("10.1.2.3");
        test_true(address_in_words(&some, "::1  10.0.0.0/8"));
        test_true(address_in_words(&some, " 10.1.2.3 "));
        test_true(!address_in_words(&some, "10.1.2.2 10.1.2.4 10.1.2.33"));
        test_true(!address_in_words(&some, ""));
        test_true(address_in_words(&none, "10.0.0.0/8 unix"));
}

static void test_what_is_no_range_is_refused(void) {
        static const char *const texts[] = { "",        "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
                                             "::1/129", "10.0.0.0/8/", "localhost", "/8",
                                             "Unix",    "10.0.0.0/8 " };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                printf("  '%s'\n", texts[i]);
                test_true(!address_range_is_valid(texts[i]));
        }
}

static void test_servers_are_paths_or_say_their_family(void) {
        static const char *const wrong[] = { "",
                                             "tcp:",
                                             "tcp:9000",
                                             "tcp::9000",
                                             "tcp:1.2.3.4:0",
                                             "tcp:1.2.3.4:65536",
                                             "tcp:::1:9000",
                                             "tcp:host:80",
                                             "vsock:3",
                                             "vsock::1",
                                             "vsock:3:x",
                                             "run/x.sock",
                                             "udp:1.2.3.4:5" };
        struct sockaddr_storage socket;
        socklen_t size;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                printf("  '%s'\n", wrong[i]);
                test_int(address_parse_server(wrong[i], &socket, &size), -EINVAL);
        }

        test_int(address_parse_server("/run/x.sock", &socket, &size), 0);
        test_int(socket.ss_family, AF_UNIX);
        test_string(((struct sockaddr_un *)&socket)->sun_path, "/run/x.sock");
        test_int(address_parse_server("tcp:10.0.0.1:9000", &socket, &size), 0);
        test_int(socket.ss_family, AF_INET);
        test_int(ntohs(((struct sockaddr_in *)&socket)->sin_port), 9000);
        test_int(size, sizeof(struct sockaddr_in));
        test_int(address_parse_server("tcp:[::1]:9000", &socket, &size), 0);
        test_int(socket.ss_family, AF_INET6);
        test_int(address_of_socket(&socket).port, 9000);
        test_int(address_parse_server("vsock:3:9000", &socket, &size), 0);
        test_int(socket.ss_family, AF_VSOCK);
        test_int(((struct sockaddr_vm *)&socket)->svm_cid, 3);
        test_true(!address_of_socket(&socket).is_ip);
}

int main(void) {
        test_run(test_an_address_is_formatted_as_applications_expect);
        test_run(test_what_is_no_address_is_refused);
        test_run(test_a_range_holds_what_its_bits_say);
        test_run(test_what_is_no_range_is_refused);
        test_run(test_servers_are_paths_or_say_their_family);
        return 0;
}
