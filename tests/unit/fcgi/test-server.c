/* SPDX-License-Identifier: MIT */
#include "fcgi/server.h"
#include "test.h"
#include "unit/fcgi/server-check.h"
#include "unit/fcgi/wire.h"

static void test_plain_request(void) {
        Buffer wire = WIRE_NULL;

        wire_request(&wire, 1, 0, L(PARAMS_AB), "");
        check(&wire, "params 1 close A=a B=bb\nend\nidle\n");

        wire_request(&wire, 65535, 1, L(PARAMS_AB), "hello");
        check(&wire, "params 65535 keep A=a B=bb\nstdin hello\nend\nidle\n");

        /* Other flags than KEEP_CONN say nothing. */
        wire_request(&wire, 258, 0xfe, L(""), "");
        check(&wire, "params 258 close\nend\nidle\n");
}

static void test_pipelined_requests(void) {
        Buffer wire = WIRE_NULL;

        wire_request(&wire, 1, 1, L(PARAMS_AB), "one");
        wire_request(&wire, 1, 1, L("\x01\x00Z"), "");
        wire_request(&wire, 2, 0, L(""), "three");
        check(&wire,
              "params 1 keep A=a B=bb\nstdin one\nend\n"
              "params 1 keep Z=\nend\n"
              "params 2 close\nstdin three\nend\nidle\n");
}

/* A body that looks like records stays a body; what follows its end is a request of its own. */
static void test_records_in_a_body_are_body(void) {
        Buffer wire = WIRE_NULL, inner = WIRE_NULL;

        wire_record(&inner, 4, 1, L("\x01\x01Pp"));
        wire_record(&inner, 4, 1, NULL, 0);
        wire_begin(&wire, 1, 1, 1);
        wire_record(&wire, 4, 1, NULL, 0);
        wire_record(&wire, 5, 1, L("<"));
        wire_record(&wire, 5, 1, buffer_data(&inner), buffer_size(&inner));
        wire_record(&wire, 5, 1, L(">"));
        wire_record(&wire, 5, 1, NULL, 0);

        for (size_t split = 0; split <= buffer_size(&wire); split++) {
                ServerTrace trace;
                Buffer expected = WIRE_NULL;

                wire_raw(&expected, L("params 1 keep\nstdin <"));
                wire_raw(&expected, buffer_data(&inner), buffer_size(&inner));
                wire_raw(&expected, L(">\nend\nidle\n\0"));

                server_trace_init(&trace);
                server_trace_piece(&trace, buffer_data(&wire), split);
                server_trace_piece(&trace, buffer_data(&wire) + split, buffer_size(&wire) - split);
                server_trace_text(&trace);
                test_bytes(buffer_data(&trace.text),
                           buffer_size(&trace.text),
                           buffer_data(&expected),
                           buffer_size(&expected));
                server_trace_done(&trace);
                buffer_done(&expected);
        }
        buffer_done(&inner);
        buffer_done(&wire);
}

static void test_pair_split_over_records(void) {
        for (size_t split = 1; split < sizeof(PARAMS_AB) - 1; split++) {
                Buffer wire = WIRE_NULL;

                wire_begin(&wire, 1, 1, 0);
                wire_record_padded(&wire, 4, 1, PARAMS_AB, split, 3);
                wire_record_padded(&wire, 4, 1, PARAMS_AB + split, sizeof(PARAMS_AB) - 1 - split, 255);
                wire_record(&wire, 4, 1, NULL, 0);
                wire_record(&wire, 5, 1, NULL, 0);
                check(&wire, "params 1 close A=a B=bb\nend\nidle\n");
        }
}

static void test_padding_is_never_content(void) {
        Buffer wire = WIRE_NULL;

        wire_record_padded(&wire, 1, 7, L("\0\x01\x01\0\0\0\0\0"), 8);
        wire_record_padded(&wire, 4, 7, L(PARAMS_AB), 1);
        wire_record_padded(&wire, 4, 7, NULL, 0, 9);
        wire_record_padded(&wire, 5, 7, L("hello "), 255);
        wire_record_padded(&wire, 5, 7, L("world"), 1);
        wire_record_padded(&wire, 5, 7, NULL, 0, 17);
        wire_record_padded(&wire, 9, 0, NULL, 0, 5);
        check(&wire,
              "params 7 keep A=a B=bb\nstdin hello world\nend\n"
              "reply 010a000000000000\nidle\n");
}

static void test_largest_records(void) {
        static char value[65535 - 7 + 1], body[65535 + 1];
        Buffer wire = WIRE_NULL, expected = WIRE_NULL;

        memset(value, 'v', sizeof(value) - 1);
        memset(body, 'b', sizeof(body) - 1);

        wire_begin(&wire, 1, 1, 1);
        {
                Buffer params = WIRE_NULL;

                wire_raw(&params, L("\x02\x80\x00\xff\xf8NN"));
                wire_raw(&params, value, sizeof(value) - 1);
                test_int(buffer_size(&params), 65535);
                wire_record_padded(&wire, 4, 1, buffer_data(&params), buffer_size(&params), 255);
                buffer_done(&params);
        }
        wire_record_padded(&wire, 4, 1, NULL, 0, 255);
        wire_record_padded(&wire, 5, 1, body, 65535, 255);
        wire_record_padded(&wire, 5, 1, body, 65535, 1);
        wire_record_padded(&wire, 5, 1, NULL, 0, 255);

        wire_raw(&expected, L("params 1 keep NN="));
        wire_raw(&expected, value, sizeof(value) - 1);
        wire_raw(&expected, L("\nstdin "));
        wire_raw(&expected, body, 65535);
        wire_raw(&expected, body, 65535);
        wire_raw(&expected, L("\nend\nidle\n\0"));
        check_some(&wire, (const char *)buffer_data(&expected));
        buffer_done(&expected);
}

static void test_params_beyond_a_record(void) {
        static uint8_t value[70000];
        Buffer wire = WIRE_NULL;

        memset(value, 'v', sizeof(value));
        wire_begin(&wire, 1, 1, 0);
        wire_record(&wire, 4, 1, L("\x01\x80\x01\x11\x70N"));
        wire_record(&wire, 4, 1, value, 65535);
        wire_record(&wire, 4, 1, value, 70000 - 65535);
        wire_record(&wire, 4, 1, NULL, 0);
        wire_record(&wire, 5, 1, NULL, 0);

        for (size_t i = 0; i < 3; i++) {
                Buffer expected = WIRE_NULL;

                wire_raw(&expected, L("params 1 close N="));
                wire_raw(&expected, value, sizeof(value));
                wire_raw(&expected, L("\nend\nidle\n\0"));
                check_split(&wire, 30000 * i, (const char *)buffer_data(&expected));
                buffer_done(&expected);
        }
        buffer_done(&wire);
}

static void test_names_empty_and_twice(void) {
        Buffer wire = WIRE_NULL;

        wire_request(&wire,
                     1,
                     0,
                     L("\x01\x01"
                       "Aa"
                       "\x00\x01"
                       "v"
                       "\x00\x00"
                       "\x01\x01"
                       "Ab"),
                     "");
        check(&wire, "params 1 close A=a =v = A=b\nend\nidle\n");
}

static void test_roles_are_refused(void) {
        static const unsigned int roles[] = { 2, 3, 0, 9, 258 };

        for (size_t i = 0; i < ELEMENTSOF(roles); i++) {
                Buffer wire = WIRE_NULL;

                /* Its records are skipped, and the connection serves the next. */
                wire_begin(&wire, 258, roles[i], 1);
                wire_record(&wire, 4, 258, L(PARAMS_AB));
                wire_record(&wire, 4, 258, NULL, 0);
                wire_record(&wire, 5, 258, NULL, 0);
                wire_request(&wire, 1, 1, L(""), "");
                check(&wire, "reply 01030102000800000000000003000000\nparams 1 keep\nend\nidle\n");

                wire_begin(&wire, 258, roles[i], 0);
                wire_record(&wire, 4, 258, L(PARAMS_AB));
                check(&wire, "reply 01030102000800000000000003000000\nclose\n");
        }
}

static void test_other_ids_are_skipped(void) {
        Buffer wire = WIRE_NULL;

        wire_record(&wire,
                    4,
                    9,
                    L("\x01\x01"
                      "Xx"));
        wire_record(&wire, 5, 9, L("no"));
        wire_record(&wire, 2, 9, NULL, 0);
        wire_begin(&wire, 256, 1, 0);
        wire_record(&wire,
                    4,
                    1,
                    L("\x01\x01"
                      "Xx"));
        wire_record(&wire, 4, 1, NULL, 0);
        wire_record(&wire, 4, 256, L(PARAMS_AB));
        wire_record(&wire, 2, 1, NULL, 0);
        wire_record(&wire, 4, 256, NULL, 0);
        wire_record(&wire, 5, 1, L("no"));
        wire_record(&wire, 5, 1, NULL, 0);
        wire_record(&wire, 5, 256, L("yes"));
        wire_record(&wire, 5, 256, NULL, 0);
        wire_record(&wire, 5, 256, L("late"));
        wire_record(&wire, 2, 256, NULL, 0);
        check(&wire, "params 256 close A=a B=bb\nstdin yes\nend\nidle\n");
}

static void test_second_request_at_once_is_refused(void) {
        Buffer wire = WIRE_NULL;

        wire_begin(&wire, 1, 1, 1);
        wire_begin(&wire, 2, 1, 1);
        wire_record(&wire,
                    4,
                    2,
                    L("\x01\x01"
                      "Xx"));
        wire_record(&wire, 4, 1, L(PARAMS_AB));
        wire_record(&wire, 4, 1, NULL, 0);
        wire_begin(&wire, 3, 2, 0);
        wire_record(&wire, 5, 2, L("no"));
        wire_record(&wire, 5, 1, L("yes"));
        wire_record(&wire, 5, 1, NULL, 0);
        check(&wire,
              "reply 01030002000800000000000001000000\n"
              "params 1 keep A=a B=bb\n"
              "reply 01030003000800000000000001000000\n"
              "stdin yes\nend\nidle\n");
}

static void test_abort(void) {
        Buffer wire = WIRE_NULL;

        wire_begin(&wire, 1, 1, 1);
        wire_record(&wire, 2, 1, NULL, 0);
        wire_request(&wire, 1, 1, L(""), "");
        check(&wire, "abort\nparams 1 keep\nend\nidle\n");

        wire_begin(&wire, 1, 1, 1);
        wire_record(&wire,
                    4,
                    1,
                    L("\x01\x05"
                      "A"));
        wire_record_padded(&wire, 2, 1, NULL, 0, 8);
        wire_record(&wire, 4, 1, L("aaaaa"));
        wire_request(&wire, 1, 1, L(PARAMS_AB), "");
        check(&wire, "abort\nparams 1 keep A=a B=bb\nend\nidle\n");

        wire_begin(&wire, 1, 1, 1);
        wire_record(&wire, 4, 1, NULL, 0);
        wire_record(&wire, 5, 1, L("half"));
        wire_record(&wire, 2, 1, L("odd"));
        wire_record(&wire, 5, 1, L("late"));
        wire_record(&wire, 5, 1, NULL, 0);
        check(&wire, "params 1 keep\nstdin half\nabort\nidle\n");
}

/* A request refused early: the rest of it is skipped, also the record that is half read. */
static void test_next_before_the_end_skips_the_rest(void) {
        Buffer wire = WIRE_NULL;

        wire_request(&wire, 1, 1, L(PARAMS_AB), "hello");
        wire_request(&wire, 1, 1, L("\x01\x01Zz"), "bye");

        for (size_t split = 16; split < 16 + 8 + 9 + 8 + 8 + 5 + 8; split++) {
                ServerTrace trace;
                const char *rest;

                server_trace_init(&trace);
                server_trace_feed(&trace, buffer_data(&wire), split);
                if (trace.server.state == FCGI_SERVER_IDLE)
                        test_fail("the request ended at %zu", split);
                fcgi_server_next(&trace.server);
                test_int(trace.server.params.n_entries, 0);
                server_trace_line(&trace, "next\n");
                server_trace_feed(&trace, buffer_data(&wire) + split, buffer_size(&wire) - split);
                rest = strstr(server_trace_text(&trace), "next\n");
                test_string(rest, "next\nparams 1 keep Z=z\nstdin bye\nend\nidle\n");
                server_trace_done(&trace);
        }
        buffer_done(&wire);
}

static void test_restart_forgets_the_connection(void) {
        Buffer wire = WIRE_NULL;

        wire_request(&wire, 1, 1, L(PARAMS_AB), "hello");
        for (size_t split = 0; split < buffer_size(&wire); split++) {
                ServerTrace trace;

                server_trace_init(&trace);
                server_trace_feed(&trace, buffer_data(&wire), split);
                fcgi_server_restart(&trace.server);
                server_trace_line(&trace, "");
                buffer_clear(&trace.text);
                server_trace_feed(&trace, buffer_data(&wire), buffer_size(&wire));
                test_string(server_trace_text(&trace), "params 1 keep A=a B=bb\nstdin hello\nend\nidle\n");
                server_trace_done(&trace);
        }
        buffer_done(&wire);
}

/* What one large request took is not held by an idle connection. */
static void test_memory_of_a_large_request_is_given_back(void) {
        static uint8_t value[60000];
        Buffer wire = WIRE_NULL;
        ServerTrace trace;

        wire_begin(&wire, 1, 1, 1);
        wire_record(&wire, 4, 1, L("\x01\x80\x00\xea\x60N"));
        wire_record(&wire, 4, 1, value, sizeof(value));
        wire_record(&wire, 4, 1, NULL, 0);
        wire_record(&wire, 5, 1, NULL, 0);
        wire_record(&wire, 9, 0, L("\x01\x00X"));

        server_trace_init(&trace);
        server_trace_feed(&trace, buffer_data(&wire), buffer_size(&wire));
        test_true(trace.server.state == FCGI_SERVER_IDLE);
        test_true(trace.server.params.bytes.allocated <= 16384);
        test_true(trace.server.decoder.rest.allocated <= 16384);
        test_int(trace.server.management.allocated, 0);
        server_trace_done(&trace);
        buffer_done(&wire);
}

int main(void) {
        test_run(test_plain_request);
        test_run(test_pipelined_requests);
        test_run(test_records_in_a_body_are_body);
        test_run(test_pair_split_over_records);
        test_run(test_padding_is_never_content);
        test_run(test_largest_records);
        test_run(test_params_beyond_a_record);
        test_run(test_names_empty_and_twice);
        test_run(test_roles_are_refused);
        test_run(test_other_ids_are_skipped);
        test_run(test_second_request_at_once_is_refused);
        test_run(test_abort);
        test_run(test_next_before_the_end_skips_the_rest);
        test_run(test_restart_forgets_the_connection);
        test_run(test_memory_of_a_large_request_is_given_back);
        return 0;
}
