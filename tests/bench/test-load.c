/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of the load generator
 */

#include <math.h>
#include "bench/answer.h"
#include "bench/histogram.h"
#include "bench/pace.h"
#include "bench/request.h"
#include "test.h"

static void test_near(double a, double b, double part) {
        if (!(fabs(a - b) <= fabs(b) * part))
                test_fail("%f is not %f to %f", a, b, part);
}

static void test_histogram_small(void) {
        static Histogram h;

        test_int(histogram_quantile(&h, 0.99), 0);
        for (uint64_t v = 1; v <= 100; v++)
                histogram_add(&h, v);
        test_int(h.n, 100);
        test_int(h.max, 100);
        test_near(histogram_mean(&h), 50.5, 1e-9);
        test_int(histogram_quantile(&h, 0), 1);
        test_int(histogram_quantile(&h, 0.5), 50);
        test_int(histogram_quantile(&h, 0.99), 99);
        test_int(histogram_quantile(&h, 0.991), 100);
        test_int(histogram_quantile(&h, 1), 100);
}

static void test_histogram_wide(void) {
        static Histogram h;
        uint64_t value = 1, largest = 0;

        /* never below, and never more than 1/64 above */
        for (unsigned i = 0; i < 5000; i++, value = value * 101 / 100 + 1) {
                uint64_t q;

                if (value > UINT64_MAX / 102)
                        break;
                memset(&h, 0, sizeof(h));
                histogram_add(&h, value);
                histogram_add(&h, UINT64_MAX);
                q = histogram_quantile(&h, 0.5);
                test_true(q >= value && q - value <= value / 64);
                test_true(q >= largest);
                largest = q;
        }
        test_true(largest > UINT64_C(1) << 50);
        test_true(histogram_quantile(&h, 1) == UINT64_MAX);
}

/* one slow value in a thousand is the largest and the p99.9 leaves it out */
static void test_histogram_tail(void) {
        static Histogram h;

        for (unsigned i = 0; i < 999; i++)
                histogram_add(&h, 1000);
        histogram_add(&h, 1000000);
        test_near((double)histogram_quantile(&h, 0.999), 1000, 0.02);
        test_int(histogram_quantile(&h, 0.9991), 1000000);
}

static void test_pace_even(void) {
        Pace pace;

        pace_init(&pace, 5000000, 3, false, 1);
        test_int(pace_next(&pace), 5000000);
        for (unsigned i = 0; i < 300000; i++)
                pace_advance(&pace);
        test_int(pace_next(&pace), 5000000 + UINT64_C(100000) * 1000000);
}

static void test_pace_poisson(void) {
        Pace pace, other;
        uint64_t last = 0, longer = 0;
        double mean;

        pace_init(&pace, 0, 1000, true, 7);
        pace_init(&other, 0, 1000, true, 7);
        for (unsigned i = 0; i < 200000; i++) {
                last = pace_next(&pace);
                pace_advance(&pace);
                pace_advance(&other);
                test_true(pace_next(&pace) == pace_next(&other));
                test_true(pace_next(&pace) >= last);
                longer += pace_next(&pace) - last > 1000;
        }
        mean = (double)pace_next(&pace) / 200000;
        test_near(mean, 1000, 0.02);
        test_near((double)longer / 200000,
                  exp(-1),
                  0.02); /* of an exponential distribution are above the mean */
}

static const char reply[] = "\1\7\0\1\0\5\3\0error\0\0\0"
                            "\1\6\0\1\0\26\1\0Status: 503 Busy\r\nX: y\0"
                            "\1\6\0\1\0\6\0\0\r\n\r\nhi"
                            "\1\3\0\1\0\10\0\0\0\0\0\0\2\0\0\0"
                            "next";

static void test_answer_cut_anywhere(void) {
        const uint8_t *data = (const uint8_t *)reply;
        size_t size = sizeof(reply) - 1, used;

        for (size_t cut = 0; cut < size - 4; cut++) {
                Answer answer;

                answer_init(&answer);
                test_int(answer_feed(&answer, data, cut, &used), ANSWER_E_MORE);
                test_int(answer_feed(&answer, data + cut, size - cut, &used), 0);
                test_int(used, size - cut - 4);
                test_int(answer_protocol_status(&answer), 2);
                test_int(answer_http_status(&answer), 503);
                test_int(answer.stdout_size, 22 + 6);
        }
}

static void test_answer_of_others(void) {
        Answer answer;
        size_t used;

        for (unsigned i = 0; i < 3; i++) {
                static const char *const wrong[] = { "HTTP/1.1 200 OK",
                                                     "\1\13\0\0\0\10\0\0",
                                                     "\1\3\0\1\0\7\0\0" };

                answer_init(&answer);
                test_int(answer_feed(&answer, (const uint8_t *)wrong[i], 8, &used), ANSWER_E_BROKEN);
        }

        answer_init(&answer);
        test_int(answer_http_status(&answer), 200);
}

static void test_request(void) {
        static const char *const params[] = { "A=1", "LONG=", "E=x=y" };
        Buffer buffer = BUFFER_NULL(1 << 20);
        const uint8_t *data;

        test_int(request_append(&buffer, params, 3, 70000, true), 0);
        data = buffer_data(&buffer);
        test_bytes(data, 16, "\1\1\0\1\0\10\0\0\0\1\1\0\0\0\0\0", 16);
        test_bytes(data + 16, 8, "\1\4\0\1\0\20\0\0", 8);
        test_bytes(data + 24, 16, "\1\1A1\4\0LONG\1\3Ex=y", 16);
        test_bytes(data + 40, 8, "\1\4\0\1\0\0\0\0", 8);
        test_bytes(data + 48, 8, "\1\5\0\1\377\377\0\0", 8);
        test_bytes(data + 48 + 8 + 65535, 8, "\1\5\0\1\21\161\0\0", 8);
        test_int(buffer_size(&buffer), 48 + 8 + 65535 + 8 + 4465 + 8);
        buffer_done(&buffer);

        test_int(request_append(&buffer, (const char *const[]){ "none" }, 1, 0, false), -EINVAL);
        buffer_done(&buffer);
}

int main(void) {
        test_run(test_histogram_small);
        test_run(test_histogram_wide);
        test_run(test_histogram_tail);
        test_run(test_pace_even);
        test_run(test_pace_poisson);
        test_run(test_answer_cut_anywhere);
        test_run(test_answer_of_others);
        test_run(test_request);
        return 0;
}
