/* SPDX-License-Identifier: MIT */
#include "fcgi/params.h"
#include "test.h"
#include "unit/fcgi/wire.h"

/* Feeds @wire in two pieces, each against a guard page; the outcome of the last call made. */
static int feed_split(Pairs *pairs, const uint8_t *wire, size_t size, size_t split) {
        FcgiParams params;
        size_t starts[] = { 0, split }, sizes[] = { split, size - split };
        int r = 0;

        fcgi_params_init(&params, pairs->bytes.limit);
        for (size_t i = 0; i < 2 && r == 0; i++) {
                uint8_t *bytes = guard_copy(wire + starts[i], sizes[i]);

                r = fcgi_params_feed(&params, pairs, bytes, sizes[i]);
                guard_free(bytes, sizes[i]);
        }
        if (r == 0)
                r = fcgi_params_end(&params);
        fcgi_params_done(&params);
        return r;
}

/* Byte by byte. */
static int feed_trickled(Pairs *pairs, const uint8_t *wire, size_t size) {
        FcgiParams params;
        int r = 0;

        fcgi_params_init(&params, pairs->bytes.limit);
        for (size_t i = 0; i < size && r == 0; i++)
                r = fcgi_params_feed(&params, pairs, wire + i, 1);
        if (r == 0)
                r = fcgi_params_end(&params);
        fcgi_params_done(&params);
        return r;
}

static void test_pairs_cut_at_every_byte(void) {
        static const char wire[] = "\x01\x02"
                                   "Axy"
                                   "\x00\x00"
                                   "\x80\x00\x00\x02\x01"
                                   "BCz"
                                   "\x03\x80\x00\x00\x00"
                                   "DEF"
                                   "\x01\x03"
                                   "Am\0n";
        size_t size;

        for (size_t split = 0; split < sizeof(wire) + 1; split++) {
                Pairs pairs;

                pairs_init(&pairs, 5, 4096);
                if (split < sizeof(wire))
                        test_int(feed_split(&pairs, (const uint8_t *)wire, sizeof(wire) - 1, split), 0);
                else
                        test_int(feed_trickled(&pairs, (const uint8_t *)wire, sizeof(wire) - 1), 0);
                test_int(pairs.n_entries, 5);
                test_string(pairs_at(&pairs, 0).value, "xy");
                test_int(pairs_at(&pairs, 1).name_size, 0);
                test_string(pairs_get(&pairs, "BC", NULL), "z");
                test_string(pairs_get(&pairs, "DEF", NULL), "");
                test_true(memcmp(pairs_get(&pairs, "A", &size), "m\0n", 4) == 0);
                test_int(size, 3);
                pairs_done(&pairs);
        }
}

static void test_end_inside_a_pair_is_told(void) {
        static const char wire[] = "\x80\x00\x00\x03\x80\x00\x00\x02NAMvv";

        for (size_t size = 0; size < sizeof(wire); size++) {
                bool whole = size == 0 || size == sizeof(wire) - 1;
                Pairs pairs;

                pairs_init(&pairs, 5, 4096);
                test_int(feed_split(&pairs, (const uint8_t *)wire, size, size / 2),
                         whole ? 0 : FCGI_PARAMS_E_TRUNCATED);
                test_int(pairs.n_entries, size == sizeof(wire) - 1);
                pairs_done(&pairs);
        }
}

static void test_large_pair_across_feeds(void) {
        static const size_t pieces[] = { 1, 127, 65535, 1 << 20 };
        Buffer wire = WIRE_NULL;
        static uint8_t value[70000];

        memset(value, 'v', sizeof(value));
        test_int(fcgi_params_encode(&wire, "NAME", 4, value, sizeof(value)), 0);
        test_int(buffer_size(&wire), 1 + 4 + 4 + 70000);

        for (size_t i = 0; i < ELEMENTSOF(pieces); i++) {
                FcgiParams params;
                Pairs pairs;
                size_t size;

                fcgi_params_init(&params, 80000);
                pairs_init(&pairs, 1, 80000);
                for (size_t at = 0; at < buffer_size(&wire); at += pieces[i])
                        test_int(fcgi_params_feed(&params,
                                                  &pairs,
                                                  buffer_data(&wire) + at,
                                                  MIN2(pieces[i], buffer_size(&wire) - at)),
                                 0);
                test_int(fcgi_params_end(&params), 0);
                test_true(pairs_get(&pairs, "NAME", &size));
                test_bytes(pairs_get(&pairs, "NAME", NULL), size, value, sizeof(value));
                pairs_done(&pairs);
                fcgi_params_done(&params);
        }
        buffer_done(&wire);
}

/* Neither memory nor patience for a pair that will not fit: the lengths alone decide. */
static void test_length_beyond_the_limit_is_refused_at_once(void) {
        static const struct {
                const char *wire;
                size_t size;
        } inputs[] = {
                { L("\x01\xff\xff\xff\xff") },
                { L("\xff\xff\xff\xff\x01") },
                { L("\xff\xff\xff\xff\xff\xff\xff\xff") },
                { L("\xff\xff\xff\xfc\x80\x00\x00\x03") },
                { L("\x80\x00\x00\x00\xff\xff\xff\xff") },
                { L("\x05\x80\x00\x03\xe8") },
        };

        for (size_t i = 0; i < ELEMENTSOF(inputs); i++)
                for (size_t split = 0; split <= inputs[i].size; split++) {
                        Pairs pairs;

                        pairs_init(&pairs, 5, 1000);
                        test_int(feed_split(&pairs, (const uint8_t *)inputs[i].wire, inputs[i].size, split),
                                 FCGI_PARAMS_E_LIMIT);
                        test_int(pairs.n_entries, 0);
                        pairs_done(&pairs);
                }
}

static void test_limits_of_number_and_size(void) {
        static const char wire[] = "\x01\x01"
                                   "Aa"
                                   "\x01\x01"
                                   "Bb";
        const size_t n = sizeof(wire) - 1;

        for (size_t split = 0; split <= n; split++) {
                Pairs pairs;

                /* Each pair takes its bytes and two NULs. */
                pairs_init(&pairs, 2, 8);
                test_int(feed_split(&pairs, (const uint8_t *)wire, n, split), 0);
                pairs_done(&pairs);

                pairs_init(&pairs, 2, 7);
                test_int(feed_split(&pairs, (const uint8_t *)wire, n, split), FCGI_PARAMS_E_LIMIT);
                test_int(pairs.n_entries, 1);
                pairs_done(&pairs);

                pairs_init(&pairs, 1, 8);
                test_int(feed_split(&pairs, (const uint8_t *)wire, n, split), FCGI_PARAMS_E_LIMIT);
                test_int(pairs.n_entries, 1);
                pairs_done(&pairs);
        }
}

static void test_lengths_take_one_byte_or_four(void) {
        Buffer wire = BUFFER_NULL(300);
        uint8_t bytes[256] = {};

        test_int(fcgi_params_encode(&wire, "A", 1, bytes, 127), 0);
        test_bytes(buffer_data(&wire),
                   3,
                   "\x01\x7f"
                   "A",
                   3);
        buffer_clear(&wire);
        test_int(fcgi_params_encode(&wire, "A", 1, bytes, 128), 0);
        test_bytes(buffer_data(&wire),
                   6,
                   "\x01\x80\x00\x00\x80"
                   "A",
                   6);
        buffer_clear(&wire);
        test_int(fcgi_params_encode(&wire, bytes, 128, NULL, 0), 0);
        test_bytes(buffer_data(&wire), 5, "\x80\x00\x00\x80\x00", 5);
        buffer_clear(&wire);

        test_int(fcgi_params_encode(&wire, bytes, 150, bytes, 149), -ENOBUFS);
        test_int(fcgi_params_encode(&wire, bytes, SIZE_MAX, bytes, 2), -ENOBUFS);
        test_int(fcgi_params_encode(&wire, bytes, 2, bytes, SIZE_MAX - 1), -ENOBUFS);
        test_int(buffer_size(&wire), 0);
        buffer_done(&wire);
}

int main(void) {
        test_run(test_pairs_cut_at_every_byte);
        test_run(test_end_inside_a_pair_is_told);
        test_run(test_large_pair_across_feeds);
        test_run(test_length_beyond_the_limit_is_refused_at_once);
        test_run(test_limits_of_number_and_size);
        test_run(test_lengths_take_one_byte_or_four);
        return 0;
}
