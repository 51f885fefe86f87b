/* SPDX-License-Identifier: MIT */
#include "ipc/tally.h"
#include "test.h"

static void test_buckets(void) {
        test_int(tally_bucket(0), 0);
        test_int(tally_bucket(1000), 0);
        test_int(tally_bucket(1001), 1);
        test_int(tally_bucket(60000000), TALLY_BUCKETS - 2);
        test_int(tally_bucket(60000001), TALLY_BUCKETS - 1);
        test_int(tally_bucket(UINT64_MAX), TALLY_BUCKETS - 1);
        for (size_t i = 1; i < TALLY_BUCKETS - 1; i++)
                test_true(tally_bucket_usec[i - 1] < tally_bucket_usec[i]);
}

static void test_counts_are_added_up(void) {
        static const int statuses[] = { 200, 204, 301, 404, 503, 599, 0, 99, 700, -5 };
        Tally tally = {};
        TallySum sum = {};

        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
                tally_count(&tally,
                            &(TallyRequest){
                                    .status = statuses[i],
                                    .bytes_in = 1,
                                    .bytes_out = 10,
                                    .duration_usec = 2000,
                                    .wait_usec = 3,
                            });
        tally_add(&sum, &tally);
        tally_add(&sum, &tally);

        test_int(sum.classes[0], 2 * 4); /* what is no status */
        test_int(sum.classes[2], 2 * 2);
        test_int(sum.classes[3], 2);
        test_int(sum.classes[4], 2);
        test_int(sum.classes[5], 2 * 2);
        test_int(sum.bytes_in, 20);
        test_int(sum.bytes_out, 200);
        test_int(sum.durations[1], 20);
        test_int(sum.duration_usec, 40000);
        test_int(sum.waits[0], 20);
        test_int(sum.wait_usec, 60);
}

int main(void) {
        test_run(test_buckets);
        test_run(test_counts_are_added_up);
        return 0;
}
