/* SPDX-License-Identifier: MIT */
#include "fcgi/client.h"
#include "test.h"
#include "unit/fcgi/client-trace.h"
#include "unit/fcgi/server-trace.h"
#include "unit/fcgi/wire.h"

#define END_BODY "\0\0\0\0\0\0\0\0"

static void trace_piece(ClientTrace *trace, const uint8_t *data, size_t size) {
        uint8_t *bytes = guard_copy(data, size);

        client_trace_feed(trace, bytes, size);
        guard_free(bytes, size);
}

static void check_split(const Buffer *wire, size_t split, const char *expected) {
        ClientTrace trace;

        client_trace_init(&trace, 1);
        trace_piece(&trace, buffer_data(wire), split);
        trace_piece(&trace, buffer_data(wire) + split, buffer_size(wire) - split);
        test_string(client_trace_text(&trace), expected);
        client_trace_done(&trace);
}

static void check_trickled(const Buffer *wire, const char *expected) {
        ClientTrace trace;

        client_trace_init(&trace, 1);
        for (size_t i = 0; i < buffer_size(wire); i++)
                trace_piece(&trace, buffer_data(wire) + i, 1);
        test_string(client_trace_text(&trace), expected);
        client_trace_done(&trace);
}

/* Every way of cutting the input gives the same events. Frees @wire. */
static void check(Buffer *wire, const char *expected) {
        for (size_t split = 0; split <= buffer_size(wire); split++)
                check_split(wire, split, expected);
        check_trickled(wire, expected);
        buffer_done(wire);
}

static void test_answer(void) {
        Buffer wire = WIRE_NULL;

        wire_record_padded(&wire, 7, 1, L("PHP message"), 5);
        wire_record_padded(&wire, 6, 1, L("Status: 200\r"), 4);
        wire_record(&wire, 6, 1, L("\n\r\nhello"));
        wire_record(&wire, 7, 1, L("late"));
        wire_record(&wire, 6, 1, L(" world"));
        wire_record(&wire, 6, 1, NULL, 0);
        wire_record(&wire, 7, 1, NULL, 0);
        wire_record(&wire, 3, 1, L("\x01\x02\x03\x04\x02\xee\xee\xee"));
        check(&wire,
              "err PHP message\nout Status: 200\r\n\r\nhello\nerr late\nout  world\nend 16909060 2\n");
}

static void test_answer_without_content(void) {
        Buffer wire = WIRE_NULL;

        wire_record(&wire, 3, 1, L(END_BODY));
        check(&wire, "end 0 0\n");

        wire_record_padded(&wire, 6, 1, NULL, 0, 8);
        wire_record_padded(&wire, 3, 1, L(END_BODY), 255);
        check(&wire, "end 0 0\n");

        /* One empty record does not end the stream for those who go on. */
        wire_record(&wire, 6, 1, NULL, 0);
        wire_record(&wire, 6, 1, L("x"));
        check(&wire, "out x\n");
}

static void test_largest_records(void) {
        static uint8_t content[65535];
        Buffer wire = WIRE_NULL, expected = WIRE_NULL;

        memset(content, 'x', sizeof(content));
        wire_record_padded(&wire, 7, 1, content, sizeof(content), 255);
        wire_record_padded(&wire, 6, 1, content, sizeof(content), 255);
        wire_record_padded(&wire, 6, 1, content, sizeof(content), 1);
        wire_record_padded(&wire, 3, 1, L(END_BODY), 255);

        wire_raw(&expected, L("err "));
        wire_raw(&expected, content, sizeof(content));
        wire_raw(&expected, L("\nout "));
        wire_raw(&expected, content, sizeof(content));
        wire_raw(&expected, content, sizeof(content));
        wire_raw(&expected, L("\nend 0 0\n\0"));
        for (size_t split = 0; split < 40; split++) {
                check_split(&wire, split, (const char *)buffer_data(&expected));
                check_split(&wire, 65500 + 10 * split, (const char *)buffer_data(&expected));
                check_split(&wire, buffer_size(&wire) - split, (const char *)buffer_data(&expected));
        }
        buffer_done(&wire);
        buffer_done(&expected);
}

static void test_bytes_after_the_end(void) {
        Buffer wire = WIRE_NULL;

        wire_record_padded(&wire, 3, 1, L(END_BODY), 3);
        wire_raw(&wire, L("\x01"));
        check(&wire, "end 0 0\nbytes after END_REQUEST\n");

        wire_record(&wire, 3, 1, L(END_BODY));
        wire_record(&wire, 6, 1, L("the next one's answer"));
        check(&wire, "end 0 0\nbytes after END_REQUEST\n");
}

/* The caller can tell whether the connection is clean: all of END_REQUEST, padding included, is used. */
static void test_end_uses_its_padding(void) {
        Buffer wire = WIRE_NULL;
        FcgiClient client;
        FcgiClientEvent event;
        size_t used;

        wire_record_padded(&wire, 3, 1, L(END_BODY), 7);
        wire_raw(&wire, L("junk"));

        fcgi_client_init(&client, 1);
        test_int(fcgi_client_feed(&client, buffer_data(&wire), buffer_size(&wire), &used, &event), 0);
        test_int(event.type, FCGI_CLIENT_END);
        test_int(used, 8 + 8 + 7);

        fcgi_client_init(&client, 1);
        test_int(fcgi_client_feed(&client, buffer_data(&wire), 22, &used, &event), 0);
        test_int(event.type, FCGI_CLIENT_NEED_MORE);
        test_int(used, 22);
        test_int(fcgi_client_feed(&client, buffer_data(&wire) + 22, 1, &used, &event), 0);
        test_int(event.type, FCGI_CLIENT_END);
        test_int(fcgi_client_feed(&client, NULL, 0, &used, &event), 0);
        test_int(event.type, FCGI_CLIENT_NEED_MORE);
        buffer_done(&wire);
}

static void test_what_a_hostile_pool_sends(void) {
        static const struct {
                unsigned int type;
                unsigned int id;
                const char *content;
                size_t size;
                const char *expected;
        } inputs[] = {
                { 6, 2, L("other"), "out x\nrecord of another request\n" },
                { 6, 256, L("other"), "out x\nrecord of another request\n" },
                { 3, 2, L(END_BODY), "out x\nrecord of another request\n" },
                { 6, 0, L("none"), "out x\nmanagement record, though none was asked for\n" },
                { 3, 0, L(END_BODY), "out x\nmanagement record, though none was asked for\n" },
                { 10,
                  0,
                  L("\x0f\xff\xff\xff\xff"),
                  "out x\nmanagement record, though none was asked for\n" },
                { 11, 0, L(END_BODY), "out x\nmanagement record, though none was asked for\n" },
                { 3, 1, L("\0\0\0\0\0\0\0"), "out x\nEND_REQUEST of a wrong size\n" },
                { 3, 1, L(""), "out x\nEND_REQUEST of a wrong size\n" },
                { 3, 1, L(END_BODY "\0"), "out x\nEND_REQUEST of a wrong size\n" },
                { 1, 1, L(END_BODY), "out x\nrecord of a type that no application sends\n" },
                { 5, 1, L("stdin"), "out x\nrecord of a type that no application sends\n" },
                { 0, 1, L(""), "out x\nrecord of a type that no application sends\n" },
                { 255, 1, L("?"), "out x\nrecord of a type that no application sends\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(inputs); i++) {
                Buffer wire = WIRE_NULL;

                wire_record(&wire, 6, 1, L("x"));
                wire_record(&wire, inputs[i].type, inputs[i].id, inputs[i].content, inputs[i].size);
                wire_record(&wire, 6, 1, L("more"));
                check(&wire, inputs[i].expected);
        }
}

static void test_other_protocols_are_no_answer(void) {
        Buffer wire = WIRE_NULL;

        wire_raw(&wire, L("HTTP/1.1 200 OK\r\n\r\n"));
        check(&wire, "record of an unknown version\n");
}

static void test_empty_records_are_borne_within_a_bound(void) {
        Buffer wire = WIRE_NULL;

        for (size_t round = 0; round < 2; round++) {
                for (size_t i = 0; i < 1000; i++)
                        wire_record(&wire, 6 + i % 2, 1, NULL, 0);
                wire_record(&wire, 6, 1, L("x"));
        }
        check_split(&wire, 4000, "out xx\n");
        for (size_t i = 0; i < 1001; i++)
                wire_record(&wire, 6, 1, NULL, 0);
        check_split(&wire, 4000, "out xx\ntoo many empty records\n");
        check_trickled(&wire, "out xx\ntoo many empty records\n");
        buffer_done(&wire);
}

static void test_request_on_the_wire(void) {
        Buffer buffer = WIRE_NULL, expected = WIRE_NULL;
        Pairs params;

        pairs_init(&params, 10, 1000);
        test_int(pairs_add_string(&params, "A", "1"), 0);
        test_int(pairs_add_string(&params, "BC", ""), 0);

        test_int(fcgi_client_encode_request(&buffer, 258, true, &params), 0);
        test_int(fcgi_client_encode_stdin_end(&buffer, 258), 0);
        wire_raw(&expected, L("\x01\x01\x01\x02\0\x08\0\0\0\x01\x01\0\0\0\0\0"));
        wire_raw(&expected,
                 L("\x01\x04\x01\x02\0\x08\0\0"
                   "\x01\x01"
                   "A1"
                   "\x02\x00"
                   "BC"));
        wire_raw(&expected, L("\x01\x04\x01\x02\0\0\0\0\x01\x05\x01\x02\0\0\0\0"));
        test_bytes(buffer_data(&buffer),
                   buffer_size(&buffer),
                   buffer_data(&expected),
                   buffer_size(&expected));
        buffer_clear(&buffer);

        pairs_clear(&params);
        test_int(fcgi_client_encode_request(&buffer, 1, false, &params), 0);
        test_bytes(buffer_data(&buffer),
                   buffer_size(&buffer),
                   "\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0\x01\x04\0\x01\0\0\0\0",
                   24);
        pairs_done(&params);
        buffer_done(&buffer);
        buffer_done(&expected);
}

/* Counts the PARAMS records that have content, and those that are no whole pairs by themselves. */
static void count_params_records(const Buffer *buffer, size_t *ret_n, size_t *ret_cut) {
        const uint8_t *data = buffer_data(buffer);
        size_t size = buffer_size(buffer), n = 0, cut = 0;

        while (size > 0) {
                FcgiRecord record;

                test_true(size >= FCGI_HEADER_SIZE);
                fcgi_record_decode(&record, data);
                data += FCGI_HEADER_SIZE;
                size -= FCGI_HEADER_SIZE;
                test_int(record.version, 1);
                test_true(record.content_size <= size);

                if (record.type == FCGI_PARAMS && record.content_size > 0) {
                        FcgiParams params;
                        Pairs pairs;

                        fcgi_params_init(&params, 1 << 20);
                        pairs_init(&pairs, 10, 1 << 20);
                        if (fcgi_params_feed(&params, &pairs, data, record.content_size) != 0 ||
                            fcgi_params_end(&params) != 0)
                                cut++;
                        pairs_done(&pairs);
                        fcgi_params_done(&params);
                        n++;
                }
                data += record.content_size;
                size -= record.content_size;
        }
        *ret_n = n;
        *ret_cut = cut;
}

static void test_large_params_are_many_records(void) {
        static const char names[] = "ABC";
        static char value[200001];
        static const struct {
                size_t sizes[3];
                size_t n_records;
                bool cut;
        } inputs[] = {
                /* Five bytes of lengths and one of name: 65529 fill a record. */
                { { 65528, 0, 0 }, 2, false },         { { 65529, 0, 0 }, 2, false },
                { { 65530, 0, 0 }, 2, true },          { { 65529, 65529, 65529 }, 3, false },
                { { 30000, 30000, 30000 }, 2, false }, { { 60000, 60000, 60000 }, 3, false },
                { { 200000, 1, 1 }, 4, true },         { { 1, 200000, 1 }, 5, true },
        };

        memset(value, 'v', sizeof(value) - 1);
        for (size_t i = 0; i < ELEMENTSOF(inputs); i++) {
                const size_t *sizes = inputs[i].sizes;
                Buffer buffer = WIRE_NULL, expected = WIRE_NULL;
                size_t n_records, n_cut;
                ServerTrace trace;
                Pairs params;

                pairs_init(&params, 10, 1 << 20);
                wire_raw(&expected, L("params 1 close"));
                for (size_t k = 0; k < 3; k++) {
                        test_int(pairs_add(&params, names + k, 1, value, sizes[k]), 0);
                        test_int(buffer_appendf(&expected, " %c=%.*s", names[k], (int)sizes[k], value), 0);
                }
                wire_raw(&expected, L("\nend\nidle\n\0"));

                /* What stood before moves the place of the headers, what was consumed does not. */
                wire_raw(&buffer, L("gone"));
                buffer_consume(&buffer, 3);
                test_int(fcgi_client_encode_request(&buffer, 1, false, &params), 0);
                test_int(fcgi_client_encode_stdin_end(&buffer, 1), 0);
                buffer_consume(&buffer, 1);

                count_params_records(&buffer, &n_records, &n_cut);
                test_int(n_records, inputs[i].n_records);
                test_int(n_cut > 0, inputs[i].cut);

                server_trace_init(&trace);
                server_trace_feed(&trace, buffer_data(&buffer), buffer_size(&buffer));
                test_string(server_trace_text(&trace), (const char *)buffer_data(&expected));
                server_trace_done(&trace);
                pairs_done(&params);
                buffer_done(&buffer);
                buffer_done(&expected);
        }
}

static void test_failed_request_leaves_the_buffer_as_it_was(void) {
        Pairs params;

        pairs_init(&params, 10, 1000);
        test_int(pairs_add_string(&params, "A", "12345"), 0);

        for (size_t limit = 3; limit < 3 + 16 + 16 + 8; limit++) {
                Buffer buffer = BUFFER_NULL(limit);

                test_int(buffer_append(&buffer, "old", 3), 0);
                test_int(fcgi_client_encode_request(&buffer, 1, true, &params), -ENOBUFS);
                test_bytes(buffer_data(&buffer), buffer_size(&buffer), "old", 3);
                buffer_done(&buffer);
        }
        {
                Buffer buffer = BUFFER_NULL(3 + 16 + 16 + 8);

                test_int(buffer_append(&buffer, "old", 3), 0);
                test_int(fcgi_client_encode_request(&buffer, 1, true, &params), 0);
                buffer_done(&buffer);
        }
        pairs_done(&params);
}

int main(void) {
        test_run(test_answer);
        test_run(test_answer_without_content);
        test_run(test_largest_records);
        test_run(test_bytes_after_the_end);
        test_run(test_end_uses_its_padding);
        test_run(test_what_a_hostile_pool_sends);
        test_run(test_other_protocols_are_no_answer);
        test_run(test_empty_records_are_borne_within_a_bound);
        test_run(test_request_on_the_wire);
        test_run(test_large_params_are_many_records);
        test_run(test_failed_request_leaves_the_buffer_as_it_was);
        return 0;
}
