/* SPDX-License-Identifier: MIT */
#include "fcgi/server.h"
#include "test.h"
#include "unit/fcgi/server-check.h"
#include "unit/fcgi/wire.h"

static void test_get_values(void) {
        Buffer wire = WIRE_NULL;

        wire_record_padded(&wire,
                           9,
                           0,
                           L("\x0e\x00"
                             "FCGI_MAX_CONNS"
                             "\x0d\x00"
                             "FCGI_MAX_REQS"
                             "\x0f\x00"
                             "FCGI_MPXS_CONNS"),
                           6);
        check(&wire,
              "reply 010a000000390000"
              "0e04464347495f4d41585f434f4e4e5331303234"
              "0d04464347495f4d41585f5245515331303234"
              "0f01464347495f4d5058535f434f4e4e5330\nidle\n");

        /* Unknown names and whatever comes as a value are passed over; a name is answered once. */
        wire_record(&wire,
                    9,
                    0,
                    L("\x03\x02"
                      "FOOxx"
                      "\x0d\x01"
                      "FCGI_MAX_REQS9"
                      "\x0d\x00"
                      "FCGI_MAX_REQS"
                      "\x0d\x00"
                      "fcgi_max_reqs"
                      "\x00\x00"));
        check(&wire, "reply 010a0000001300000d04464347495f4d41585f5245515331303234\nidle\n");
}

static void test_get_values_around_and_inside_a_request(void) {
        Buffer wire = WIRE_NULL;

        wire_record(&wire, 9, 0, L("\x01\x00X"));
        wire_begin(&wire, 1, 1, 1);
        wire_record(&wire, 9, 0, NULL, 0);
        wire_record(&wire, 4, 1, L("\x01"));
        wire_record(&wire, 9, 0, NULL, 0);
        wire_record(&wire, 4, 1, L("\x01Zz"));
        wire_record(&wire, 4, 1, NULL, 0);
        wire_record(&wire, 5, 1, L("a"));
        wire_record(&wire, 9, 0, NULL, 0);
        wire_record(&wire, 5, 1, NULL, 0);
        wire_record(&wire, 9, 0, NULL, 0);
        check(&wire,
              "reply 010a000000000000\nreply 010a000000000000\nreply 010a000000000000\n"
              "params 1 keep Z=z\nstdin a\nreply 010a000000000000\nend\nreply 010a000000000000\nidle\n");
}

static void test_get_values_cut_short(void) {
        static const char *const contents[] = {
                "\x0e",
                "\xff\xff",
                "\x05\x01"
                "AB",
                "\x02\x05"
                "ABx",
                "\x02\x01"
                "ABx"
                "\x03",
        };

        for (size_t i = 0; i < ELEMENTSOF(contents); i++) {
                Buffer wire = WIRE_NULL;

                wire_record(&wire, 9, 0, contents[i], strlen(contents[i]));
                check(&wire, "GET_VALUES that ends inside a pair\n");
        }
}

static void test_unknown_types(void) {
        Buffer wire = WIRE_NULL;

        /* Of management: told. */
        wire_record(&wire, 12, 0, L("what"));
        wire_record(&wire, 255, 0, NULL, 0);
        wire_record(&wire, 5, 0, L("stdin of nothing"));
        check(&wire,
              "reply 010b0000000800000c00000000000000\n"
              "reply 010b000000080000ff00000000000000\n"
              "reply 010b0000000800000500000000000000\nidle\n");

        /* Answers are not answered. */
        wire_record(&wire,
                    10,
                    0,
                    L("\x01\x01"
                      "Aa"));
        wire_record(&wire, 11, 0, L("\x0c\0\0\0\0\0\0\0"));
        check(&wire, "idle\n");

        /* Of an application: skipped, with and without a request; GET_VALUES with an id is one of them. */
        wire_record(&wire, 77, 3, L("what"));
        wire_record(&wire,
                    9,
                    3,
                    L("\x0d\x00"
                      "FCGI_MAX_REQS"));
        wire_begin(&wire, 1, 1, 0);
        wire_record(&wire, 77, 1, L("what"));
        wire_record(&wire, 3, 1, L("\0\0\0\0\0\0\0\0"));
        wire_record(&wire, 4, 1, L(PARAMS_AB));
        wire_record(&wire, 0, 1, NULL, 0);
        wire_record(&wire, 4, 1, NULL, 0);
        wire_record(&wire, 8, 1, L("data of a filter"));
        wire_record(&wire, 8, 1, NULL, 0);
        wire_record(&wire, 5, 1, L("x"));
        wire_record(&wire, 5, 1, NULL, 0);
        check(&wire, "params 1 close A=a B=bb\nstdin x\nend\nidle\n");
}

int main(void) {
        test_run(test_get_values);
        test_run(test_get_values_around_and_inside_a_request);
        test_run(test_get_values_cut_short);
        test_run(test_unknown_types);
        return 0;
}
