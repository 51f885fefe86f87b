/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "util/clock.h"
#include "util/loop.h"

static Loop loop;
static Timer timers[8];
static uint64_t fired_usec[8];
static unsigned int n_fired;

static void on_expire(Timer *timer) {
        fired_usec[timer - timers] = loop.now_usec;
        n_fired++;
        if (timer == &timers[3]) {
                timer_unset(&timers[4]); /* of the same slot */
                loop.exit = true;
        }
}

static void test_timers_fire_once_not_early_and_at_most_a_tick_late(void) {
        uint64_t begin, delays[] = { 0, 10000, 90000, 150000, 150000, 40 * USEC_PER_SEC };

        test_int(loop_init(&loop), 0);
        begin = loop.now_usec;
        for (size_t i = 0; i < 6; i++) {
                timer_init(&timers[i], on_expire);
                timer_set(&loop, &timers[i], delays[i]);
        }
        timer_init(&timers[6], on_expire);
        timer_set(&loop, &timers[6], 50000);
        timer_set(&loop, &timers[6], USEC_INFINITY);

        test_int(loop_run(&loop), 0);
        test_int(n_fired, 4);
        for (size_t i = 0; i < 4; i++) {
                test_true(fired_usec[i] >= begin + delays[i]);
                test_true(fired_usec[i] <
                          begin + delays[i] + 3 * LOOP_TICK_USEC); /* a loaded machine adds its own */
        }
        loop_done(&loop);
}

int main(void) {
        test_run(test_timers_fire_once_not_early_and_at_most_a_tick_late);
        return 0;
}
