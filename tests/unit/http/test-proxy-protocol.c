/* SPDX-License-Identifier: MIT */
#include "http/proxy-protocol.h"
#include "test.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static HttpProxyProtocol header;

static const char *format(const Address *address) {
        static char text[2][INET6_ADDRSTRLEN + 8];
        char ip[INET6_ADDRSTRLEN];
        static int i;

        i = !i;
        snprintf(text[i], sizeof(text[i]), "%s %u", address_format(address, ip), address->port);
        return text[i];
}

/* The result of the whole, after each prefix was found incomplete (or already wrong). */
static int parse(const char *bytes, size_t size) {
        bool wrong = false;
        int r;

        for (size_t i = 0; i <= size; i++) {
                uint8_t *copy = guard_copy(bytes, i);

                r = http_proxy_protocol_parse(&header, copy, i);
                guard_free(copy, i);
                test_true(!wrong || r == HTTP_PROXY_PROTOCOL_E_INVALID);
                wrong = r == HTTP_PROXY_PROTOCOL_E_INVALID;
                test_true(r != 0 || header.size == i);
                if (r == 0)
                        break;
        }
        return r;
}

#define PARSE(text) parse((text), sizeof(text) - 1)

static void test_version_1(void) {
        test_int(PARSE("PROXY TCP4 192.0.2.1 198.51.100.2 51234 443\r\nGET"), 0);
        test_true(header.has_addresses && !header.is_local && !header.tls);
        test_string(format(&header.source), "192.0.2.1 51234");
        test_string(format(&header.destination), "198.51.100.2 443");

        test_int(PARSE("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"), 0);
        test_string(format(&header.source), "2001:db8::1 0");
        test_string(format(&header.destination), "::1 65535");

        test_int(PARSE("PROXY UNKNOWN\r\n"), 0);
        test_true(!header.has_addresses && !header.is_local);
        test_int(PARSE("PROXY UNKNOWN anything at all\r\n"), 0);
        test_true(!header.has_addresses);
}

static void test_what_is_not_quite_version_1_is_refused(void) {
        static const char *const lines[] = {
                "GET / HTTP/1.1\r\n",
                "PROXY\r\n",
                "PROXY \r\n",
                "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
                "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
                "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
                "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
                "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
                "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n",
                "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
                "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
                "PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n",
                "PROXY TCP4 ::1 ::1 1 2\r\n",
                "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
                "PROXY TCP6 [::1] ::1 1 2\r\n",
                "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
                "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
                "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
                "PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
        };

        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                printf("  %.40s\n", lines[i]);
                test_int(parse(lines[i], strlen(lines[i])), HTTP_PROXY_PROTOCOL_E_INVALID);
        }
}

static void test_version_2(void) {
        test_int(PARSE(V2 "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xc8\x22\1\xbbGET"), 0);
        test_int(header.size, 28);
        test_string(format(&header.source), "192.0.2.1 51234");
        test_string(format(&header.destination), "198.51.100.2 443");
        test_true(!header.tls);

        test_int(PARSE(V2 "\x21\x21\0\x24"
                          "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\2"),
                 0);
        test_string(format(&header.source), "2001:db8::1 1");
        test_string(format(&header.destination), "::1 2");

        /* a health check, and families without an address for us */
        test_int(PARSE(V2 "\x20\0\0\0"), 0);
        test_true(!header.has_addresses && header.is_local);
        test_int(PARSE(V2 "\x21\x12\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xc8\x22\1\xbb"), 0);
        test_true(!header.has_addresses && !header.is_local);
        test_int(PARSE(V2 "\x21\x31\0\3abc"), 0);
        test_true(!header.has_addresses && !header.is_local);
}

static void test_version_2_tells_of_tls(void) {
        test_int(PARSE(V2 "\x21\x11\0\x18\xc0\0\2\1\xc6\x33\x64\2\xc8\x22\1\xbb"
                          "\1\0\1h"
                          "\x20\0\5\1\0\0\0\0"),
                 0);
        test_true(header.tls);
        test_int(PARSE(V2 "\x21\x11\0\x14\xc0\0\2\1\xc6\x33\x64\2\xc8\x22\1\xbb"
                          "\x20\0\5\0\0\0\0\0"),
                 0);
        test_true(!header.tls);
}

static void test_what_is_not_quite_version_2_is_refused(void) {
        test_int(PARSE(V2 "\x11\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xc8\x22\1\xbb"),
                 HTTP_PROXY_PROTOCOL_E_INVALID);
        test_int(PARSE(V2 "\x22\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xc8\x22\1\xbb"),
                 HTTP_PROXY_PROTOCOL_E_INVALID);
        test_int(PARSE(V2 "\x21\x11\0\x0b\xc0\0\2\1\xc6\x33\x64\2\xc8\x22\1"),
                 HTTP_PROXY_PROTOCOL_E_INVALID);
        test_int(PARSE(V2 "\x21\x11\xff\xff"), HTTP_PROXY_PROTOCOL_E_INVALID);
        /* TLVs that are cut, or longer than the header */
        test_int(PARSE(V2 "\x21\x11\0\x0e\xc0\0\2\1\xc6\x33\x64\2\xc8\x22\1\xbb\1\0"),
                 HTTP_PROXY_PROTOCOL_E_INVALID);
        test_int(PARSE(V2 "\x21\x11\0\x10\xc0\0\2\1\xc6\x33\x64\2\xc8\x22\1\xbb\1\0\2h"),
                 HTTP_PROXY_PROTOCOL_E_INVALID);
        test_int(PARSE("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c"), HTTP_PROXY_PROTOCOL_E_INVALID);
        test_int(PARSE("\r\n\r\n"), HTTP_PROXY_PROTOCOL_E_INCOMPLETE);
        test_int(PARSE(""), HTTP_PROXY_PROTOCOL_E_INCOMPLETE);
}

int main(void) {
        test_run(test_version_1);
        test_run(test_what_is_not_quite_version_1_is_refused);
        test_run(test_version_2);
        test_run(test_version_2_tells_of_tls);
        test_run(test_what_is_not_quite_version_2_is_refused);
        return 0;
}
