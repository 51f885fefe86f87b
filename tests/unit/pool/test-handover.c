/* SPDX-License-Identifier: MIT */
#include "pool/handover.h"
#include "test.h"
#include "util/clock.h"

static uint64_t stay(uint64_t elapsed_usec, uint64_t n_old, uint64_t n_warm) {
        return handover_stay(
                &(HandoverView){ .elapsed_usec = elapsed_usec, .n_old = n_old, .n_warm = n_warm });
}

static void test_one_goes_for_each_that_is_warm(void) {
        test_int(stay(0, 4, 0), 4);
        test_int(stay(0, 4, 1), 3);
        test_int(stay(0, 4, 4), 0);
        test_int(stay(0, 4, 9), 0);
        test_int(stay(0, 0, 0), 0);
}

static void test_by_and_by_all_go(void) {
        uint64_t last = 16;

        for (uint64_t usec = 0; usec <= HANDOVER_USEC; usec += USEC_PER_MSEC) {
                uint64_t n = stay(usec, 16, 0);

                test_true(n <= last && last - n <= 1);
                last = n;
        }
        test_int(last, 0);
        test_int(stay(HANDOVER_USEC / 2, 4, 1), 2);
        test_int(stay(UINT64_MAX, 4, 0), 0);
}

static void test_at_once_where_nobody_asks(void) {
        HandoverView view = { .n_old = 100, .quiet_usec = USEC_PER_SEC };

        test_int(handover_stay(&view), 0);
        view.quiet_usec = USEC_PER_MSEC;
        test_int(handover_stay(&view), 100);
}

int main(void) {
        test_one_goes_for_each_that_is_warm();
        test_by_and_by_all_go();
        test_at_once_where_nobody_asks();
        return 0;
}
