/* SPDX-License-Identifier: MIT */
#include "http/chunked.h"
#include "test.h"

typedef struct Outcome Outcome;

struct Outcome {
        HttpChunkedEventType type;
        size_t used;
        const char *error;
        uint8_t data[512];
        size_t size;
};

/* Feeds data[from..to) as a copy that ends at an unreadable page. */
static void feed(HttpChunked *chunked, const uint8_t *data, size_t from, size_t to, Outcome *outcome) {
        uint8_t *copy = guard_copy(data + from, to - from);
        size_t done = 0, used;
        HttpChunkedEvent event;

        for (;;) {
                http_chunked_feed(chunked, copy + done, to - from - done, &used, &event);
                test_true(used <= to - from - done);
                done += used;
                if (event.type != HTTP_CHUNKED_DATA)
                        break;
                test_true(event.size > 0 && event.data >= copy && event.data + event.size <= copy + done);
                memcpy(outcome->data + outcome->size, event.data, event.size);
                outcome->size += event.size;
        }
        if (event.type == HTTP_CHUNKED_NEED_MORE)
                test_int(done, to - from);
        outcome->type = event.type;
        outcome->error = event.error;
        outcome->used += done;
        guard_free(copy, to - from);
}

static void decode(const uint8_t *data, size_t size, size_t step, size_t first, Outcome *ret) {
        HttpChunked chunked;
        Outcome outcome = {};

        http_chunked_init(&chunked);
        feed(&chunked, data, 0, first, &outcome);
        for (size_t n = first; n < size && outcome.type == HTTP_CHUNKED_NEED_MORE;) {
                size_t next = size - n > step ? n + step : size;

                feed(&chunked, data, n, next, &outcome);
                n = next;
        }
        *ret = outcome;
}

/* Whole, byte by byte, and in two parts cut at each place: always the same. */
static void decode_all_ways(const char *text, size_t size, Outcome *ret) {
        const uint8_t *data = (const uint8_t *)text;

        decode(data, size, size, size, ret);
        for (size_t cut = 0; cut <= size; cut++) {
                Outcome other;

                decode(data, size, cut == 0 ? 1 : size, cut, &other);
                test_int(other.type, ret->type);
                test_int(other.used, ret->used);
                test_bytes(other.data, other.size, ret->data, ret->size);
                test_true(other.error == ret->error);
        }
}

static void test_bodies(void) {
        static const struct {
                const char *text, *body;
        } cases[] = {
                { "0\r\n\r\n", "" },
                { "5\r\nhello\r\n0\r\n\r\n", "hello" },
                { "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world" },
                { "A\r\n0123456789\r\n00\r\n\r\n", "0123456789" },
                { "a\r\n0123456789\r\n0\r\n\r\n", "0123456789" },
                { "0000000000000002\r\nab\r\n0\r\n\r\n", "ab" },
                { "2;a=b;c=\"d\"\r\nab\r\n0;x\r\n\r\n", "ab" },
                { "2\r\n\r\n\r\n0\r\n\r\n", "\r\n" },
                { "7\r\n0\r\n\r\nGE\r\n0\r\n\r\n", "0\r\n\r\nGE" },
                { "1\r\na\r\n0\r\nX-T: v\r\nEmpty:\r\n\r\n", "a" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char text[128];
                Outcome outcome;

                decode_all_ways(cases[i].text, strlen(cases[i].text), &outcome);
                test_int(outcome.type, HTTP_CHUNKED_END);
                test_int(outcome.used, strlen(cases[i].text));
                test_bytes(outcome.data, outcome.size, cases[i].body, strlen(cases[i].body));

                /* what follows belongs to the next request */
                snprintf(text, sizeof(text), "%sGET / HTTP/1.1", cases[i].text);
                decode_all_ways(text, strlen(text), &outcome);
                test_int(outcome.type, HTTP_CHUNKED_END);
                test_int(outcome.used, strlen(cases[i].text));
        }
}

static void test_violations(void) {
        static const struct {
                const char *text;
                size_t used; /* up to and with the byte at fault */
                size_t size;
        } cases[] = {
                { "\r\n", 1 },
                { " 5\r\nhello", 1 },
                { "+5\r\nhello", 1 },
                { "-5\r\nhello", 1 },
                { "0x5\r\nhello", 2 },
                { "5_0\r\n", 2 },
                { "g\r\n", 1 },
                { ";a\r\n", 1 },
                { "5 \r\nhello", 2 },
                { "5\t\r\nhello", 2 },
                { "5 ;a\r\nhello", 2 },
                { "5\nhello", 2 },
                { "5;a\nhello", 4 },
                { "5;a\x01\r\n", 4 },
                { "5;a\x7f\r\n", 4 },
                { "5;\0\r\n", 3, 5 },
                { "5\rhello", 3 },
                { "5;a\rb\r\n", 5 },
                { "5\r\r\nhello", 3 },
                { "00000000000000005\r\n", 17 },
                { "8000000000000000\r\n", 16 },
                { "ffffffffffffffff\r\n", 16 },
                { "5\r\nhello0\r\n\r\n", 9 },
                { "5\r\nhello!\r\n0\r\n\r\n", 9 },
                { "5\r\nhello\n0\r\n\r\n", 9 },
                { "5\r\nhello\r0\r\n\r\n", 10 },
                { "5\r\nhelloXX0\r\n\r\n", 9 },
                { "5\r\nhello\r\n\r\n", 11 },
                { "0\n\n", 2 },
                { "0\r\n\n", 4 },
                { "0\r\n\rX", 5 },
                { "0\r\n X: a\r\n\r\n", 4 },
                { "0\r\n\tX: a\r\n\r\n", 4 },
                { "0\r\n: a\r\n\r\n", 4 },
                { "0\r\nX\r\n\r\n", 5 },
                { "0\r\nX : a\r\n\r\n", 5 },
                { "0\r\nX: a\nY: b\r\n\r\n", 8 },
                { "0\r\nX: a\rY\r\n\r\n", 9 },
                { "0\r\nX: a\r\n b\r\n\r\n", 10 },
                { "0\r\nX: \0\r\n\r\n", 7, 11 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Outcome outcome;

                decode_all_ways(cases[i].text,
                                cases[i].size > 0 ? cases[i].size : strlen(cases[i].text),
                                &outcome);
                if (outcome.type != HTTP_CHUNKED_VIOLATION || outcome.used != cases[i].used)
                        test_fail("case %zu gives %d after %zu bytes: %s",
                                  i,
                                  (int)outcome.type,
                                  outcome.used,
                                  cases[i].text);
                test_true(outcome.error && *outcome.error);
        }
}

static void test_largest_chunk(void) {
        static const uint8_t head[] = "7fffffffffffffff\r\nab";
        HttpChunked chunked;
        HttpChunkedEvent event;
        size_t used;

        http_chunked_init(&chunked);
        http_chunked_feed(&chunked, head, sizeof(head) - 1, &used, &event);
        test_int(event.type, HTTP_CHUNKED_DATA);
        test_bytes(event.data, event.size, "ab", 2);
        test_int(used, sizeof(head) - 1);
}

static void test_outcomes_stay(void) {
        static const uint8_t end[] = "0\r\n\r\n", bad[] = "x";
        HttpChunked chunked;
        HttpChunkedEvent event;
        size_t used;

        http_chunked_init(&chunked);
        for (size_t i = 0; i < 3; i++) {
                http_chunked_feed(&chunked, end, sizeof(end) - 1, &used, &event);
                test_int(event.type, HTTP_CHUNKED_END);
                test_int(used, i == 0 ? sizeof(end) - 1 : 0);
        }

        http_chunked_init(&chunked);
        for (size_t i = 0; i < 3; i++) {
                http_chunked_feed(&chunked, bad, 1, &used, &event);
                test_int(event.type, HTTP_CHUNKED_VIOLATION);
                test_string(event.error, "no chunk size");
        }
}

static HttpChunkedEventType feed_text(HttpChunked *chunked, const char *text) {
        HttpChunkedEvent event;
        size_t used, done = 0;

        do {
                http_chunked_feed(chunked, (const uint8_t *)text + done, strlen(text) - done, &used, &event);
                done += used;
        } while (event.type == HTTP_CHUNKED_DATA);
        return event.type;
}

static void test_caps(void) {
        HttpChunked chunked;

        /* an extension of each chunk by itself */
        http_chunked_init(&chunked);
        for (size_t chunk = 0; chunk < 3; chunk++) {
                test_int(feed_text(&chunked, "1;"), HTTP_CHUNKED_NEED_MORE);
                for (size_t i = 0; i < HTTP_CHUNK_EXTENSION_MAX; i++)
                        test_int(feed_text(&chunked, "x"), HTTP_CHUNKED_NEED_MORE);
                if (chunk < 2)
                        test_int(feed_text(&chunked, "\r\n.\r\n"), HTTP_CHUNKED_NEED_MORE);
        }
        test_int(feed_text(&chunked, "x"), HTTP_CHUNKED_VIOLATION);

        /* all trailer fields together; six bytes of each are counted, the LF is not */
        http_chunked_init(&chunked);
        test_int(feed_text(&chunked, "0\r\n"), HTTP_CHUNKED_NEED_MORE);
        for (size_t i = 0; i < HTTP_TRAILERS_MAX / 6; i++)
                test_int(feed_text(&chunked, "A: bc\r\n"), HTTP_CHUNKED_NEED_MORE);
        test_int(feed_text(&chunked, "A: bc\r\n"), HTTP_CHUNKED_VIOLATION);
}

static void test_chunk_headers(void) {
        static const struct {
                uint64_t size;
                const char *text;
        } cases[] = {
                { 1, "1\r\n" },
                { 15, "f\r\n" },
                { 16, "10\r\n" },
                { 65536, "10000\r\n" },
                { UINT64_MAX, "ffffffffffffffff\r\n" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char buffer[HTTP_CHUNK_HEADER_MAX];
                size_t n = http_chunk_header_encode(buffer, cases[i].size);

                test_bytes(buffer, n, cases[i].text, strlen(cases[i].text));
        }
}

int main(void) {
        test_run(test_bodies);
        test_run(test_violations);
        test_run(test_largest_chunk);
        test_run(test_outcomes_stay);
        test_run(test_caps);
        test_run(test_chunk_headers);
        return 0;
}
