/* SPDX-License-Identifier: MIT */
#include "fcgi/server.h"
#include "test.h"
#include "unit/fcgi/server-check.h"
#include "unit/fcgi/wire.h"

static void
check_violation(const char *error, unsigned int type, const char *content, size_t size, bool in_body) {
        Buffer wire = WIRE_NULL, expected = WIRE_NULL;

        wire_begin(&wire, 1, 1, 1);
        if (in_body) {
                wire_record(&wire, 4, 1, NULL, 0);
                wire_raw(&expected, L("params 1 keep\n"));
        }
        wire_record(&wire, type, 1, content, size);
        wire_request(&wire, 2, 1, L(""), "");
        test_int(buffer_appendf(&expected, "%s\n", error), 0);
        wire_raw(&expected, "", 1);
        check(&wire, (const char *)buffer_data(&expected));
        buffer_done(&expected);
}

static void test_violations_end_the_connection(void) {
        static const char *const again = "BEGIN_REQUEST for the active request",
                                 *const order = "STDIN before the end of PARAMS",
                                 *const late = "PARAMS after their end",
                                 *const size = "BEGIN_REQUEST of a wrong size";

        check_violation(again, 1, L("\0\x01\x01\0\0\0\0\0"), false);
        check_violation(again, 1, L("\0\x01\x01\0\0\0\0\0"), true);
        check_violation(size, 1, L("\0\x01\x01\0\0\0\0"), false);
        check_violation(size, 1, L("\0\x01\x01\0\0\0\0\0\0"), true);
        check_violation(order, 5, L("x"), false);
        check_violation(order, 5, L(""), false);
        check_violation(late,
                        4,
                        L("\x01\x01"
                          "Xx"),
                        true);
        check_violation(late, 4, L(""), true);
}

static void test_begin_of_a_wrong_size(void) {
        static const size_t sizes[] = { 0, 7, 9, 65535 };
        static const uint8_t zeros[65535];

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                Buffer wire = WIRE_NULL;

                wire_record(&wire, 1, 1, zeros, MIN2(sizes[i], 20));
                wire.data[4] = (uint8_t)(sizes[i] >> 8);
                wire.data[5] = (uint8_t)sizes[i];
                check(&wire, "BEGIN_REQUEST of a wrong size\n");
        }
}

static void test_versions(void) {
        static const uint8_t versions[] = { 0, 2, 255, 'G' };

        for (size_t i = 0; i < ELEMENTSOF(versions); i++) {
                Buffer wire = WIRE_NULL;

                wire_request(&wire, 1, 1, L(""), "");
                wire.data[0] = versions[i];
                check(&wire, "record of an unknown version\n");

                wire_request(&wire, 1, 1, L(""), "");
                wire.data[16] = versions[i];
                check(&wire, "record of an unknown version\n");
        }
}

static void test_params_cut_short_or_too_large(void) {
        static const struct {
                const char *content;
                size_t size;
                const char *expected;
        } inputs[] = {
                { L("\x01"), "PARAMS that end inside a pair\n" },
                { L("\x80\x00"), "PARAMS that end inside a pair\n" },
                { L("\x01\x01"), "PARAMS that end inside a pair\n" },
                { L(PARAMS_AB "\x03\x01"
                              "CC"),
                  "PARAMS that end inside a pair\n" },
                { L("\x01\xff\xff\xff\xff"), "too many or too large PARAMS\n" },
                { L("\xff\xff\xff\xff\xff\xff\xff\xff"), "too many or too large PARAMS\n" },
                { L(PARAMS_AB "\x04\x80\x04\x00\x00"), "too many or too large PARAMS\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(inputs); i++) {
                Buffer wire = WIRE_NULL;

                wire_request(&wire, 1, 1, inputs[i].content, inputs[i].size, "");
                check(&wire, inputs[i].expected);
        }
}

/* Empty pairs cost the peer two bytes each, and no byte of the limit of bytes would stop them. */
static void test_flood_of_pairs(void) {
        Buffer wire = WIRE_NULL;

        wire_begin(&wire, 1, 1, 1);
        for (size_t i = 0; i < TRACE_PARAMS_MAX; i++)
                wire_record(&wire, 4, 1, L("\0\0"));
        check_split(&wire, 100, "head\n");
        wire_record(&wire, 4, 1, L("\0\0"));
        check_some(&wire, "too many or too large PARAMS\n");
}

static void test_flood_of_params(void) {
        static uint8_t value[60000];
        Buffer wire = WIRE_NULL;

        wire_begin(&wire, 1, 1, 1);
        for (size_t i = 0; i < 5; i++) {
                wire_record(&wire, 4, 1, L("\x01\x80\x00\xea\x60N"));
                wire_record(&wire, 4, 1, value, sizeof(value));
        }
        check_some(&wire, "too many or too large PARAMS\n");
}

static void check_ignored(unsigned int type, unsigned int id, const char *reply) {
        Buffer wire = WIRE_NULL, expected = WIRE_NULL;

        /* 1000 are borne, also by the request after the next; 1001 are not. */
        for (size_t round = 0; round < 2; round++) {
                wire_begin(&wire, 1, 1, 1);
                wire_record(&wire, 4, 1, NULL, 0);
                wire_raw(&expected, L("params 1 keep\n"));
                for (size_t i = 0; i < 1000; i++) {
                        wire_record(&wire, type, id, NULL, 0);
                        wire_raw(&expected, reply, strlen(reply));
                }
                if (round == 1)
                        break;
                wire_record(&wire, 5, 1, NULL, 0);
                wire_raw(&expected, L("end\n"));
        }
        wire_record(&wire, type, id, NULL, 0);
        wire_raw(&expected, L("too many records that no request needs\n\0"));
        check_split(&wire, 0, (const char *)buffer_data(&expected));
        check_split(&wire, 1001, (const char *)buffer_data(&expected));
        check_trickled(&wire, (const char *)buffer_data(&expected));
        buffer_done(&wire);
        buffer_done(&expected);
}

static void test_nonsense_is_borne_within_a_bound(void) {
        check_ignored(4, 2, "");
        check_ignored(77, 1, "");
        check_ignored(8, 1, "");
        check_ignored(11, 0, "");
        check_ignored(9, 0, "reply 010a000000000000\n");
        check_ignored(12, 0, "reply 010b0000000800000c00000000000000\n");
}

int main(void) {
        test_run(test_violations_end_the_connection);
        test_run(test_begin_of_a_wrong_size);
        test_run(test_versions);
        test_run(test_params_cut_short_or_too_large);
        test_run(test_flood_of_pairs);
        test_run(test_flood_of_params);
        test_run(test_nonsense_is_borne_within_a_bound);
        return 0;
}
