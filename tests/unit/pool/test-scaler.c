/* SPDX-License-Identifier: MIT */
#include "pool/scaler.h"
#include "test.h"
#include "util/clock.h"

static const ScalerView quiet = { .now_usec = 1000, .max = 8, .spare = 1, .idle_usec = 60 * USEC_PER_SEC };

static uint64_t start(ScalerView view) {
        Scaler scaler = {};

        return scaler_start(&scaler, &view);
}

static void test_spare_and_min_are_started_whoever_waits(void) {
        ScalerView view = quiet;

        test_int(start(view), 1);
        view.n_workers = view.n_idle = 1;
        test_int(start(view), 0);
        view.min = 5;
        test_int(start(view), 4);
        view.spare = 3;
        view.min = 0;
        test_int(start(view), 2);
        view.n_starting = 2;
        view.n_workers = 3;
        test_int(start(view), 0);
        view.max = 3;
        view.min = 3;
        view.n_idle = view.n_starting = 0;
        test_int(start(view), 0);
}

static void test_nothing_is_kept_where_nothing_is_asked_for(void) {
        ScalerView view = quiet;

        view.spare = 0;
        test_int(start(view), 0);
        view.n_waiting = 1;
        test_true(start(view) >= 1);
}

/* A round: all that were started have come, and somebody waits still. */
static uint64_t start_round(Scaler *scaler, ScalerView *view) {
        uint64_t n;

        view->now_usec += USEC_PER_MSEC;
        n = scaler_start(scaler, view);
        view->n_workers += n;
        return n;
}

static void test_pressure_doubles_up_to_max(void) {
        ScalerView view = quiet;
        Scaler scaler = {};
        uint64_t steps = 0;

        view.max = 100;
        view.n_workers = 1;
        view.n_waiting = 1;
        while (view.n_workers < view.max) {
                test_true(start_round(&scaler, &view) > 0);
                test_true(view.n_workers <= view.max);
                test_true(++steps <= 7);
        }
        test_int(scaler_start(&scaler, &view), 0);
}

static void test_a_round_waits_for_the_one_before(void) {
        ScalerView view = quiet;
        Scaler scaler = {};
        uint64_t first;

        view.max = 100;
        view.n_workers = 1;
        view.n_waiting = 1;
        first = view.n_starting = start_round(&scaler, &view);
        test_true(first > 0);
        for (; view.n_starting > 0; view.n_starting--)
                test_int(start_round(&scaler, &view), 0);
        test_int(start_round(&scaler, &view), 2 * first);
}

static void test_who_does_not_come_is_not_waited_for(void) {
        ScalerView view = quiet;
        Scaler scaler = {};

        view.max = 100;
        view.n_workers = 1;
        view.n_waiting = 1;
        view.n_starting = start_round(&scaler, &view);
        view.now_usec += USEC_PER_SEC - 2 * USEC_PER_MSEC;
        test_int(start_round(&scaler, &view), 0);
        view.now_usec += USEC_PER_MSEC;
        test_true(start_round(&scaler, &view) > 0);
        test_int(start_round(&scaler, &view), 0);
}

static void test_those_on_their_way_count(void) {
        ScalerView view = quiet;

        view.max = 100;
        view.n_workers = view.n_starting = 50;
        view.n_waiting = 20;
        test_int(start(view), 0);
        view.n_waiting = 60;
        test_int(start(view), 10);
}

static void test_those_on_their_way_count_once(void) {
        ScalerView view = quiet;

        view.min = view.max = 10;
        view.n_workers = 9;
        view.n_starting = view.n_waiting = 1;
        test_int(start(view), 1);
        view.min = 0;
        view.spare = 4;
        view.max = 100;
        test_int(start(view), 3);
}

static void test_an_idle_worker_means_no_pressure(void) {
        ScalerView view = quiet;

        view.n_workers = 4;
        view.n_idle = 1;
        view.n_waiting = 9;
        test_int(start(view), 0);
}

static void test_early_deaths_slow_down_and_success_ends_it(void) {
        ScalerView view = quiet;
        Scaler scaler = {};
        uint64_t first, last = 0;

        first = scaler_on_early_death(&scaler, view.now_usec);
        test_true(first > 0);
        test_int(scaler_start(&scaler, &view), 0);
        view.now_usec += first;
        view.min = 8;
        test_int(scaler_start(&scaler, &view), 1);
        for (int i = 0; i < 100; i++) {
                uint64_t delay = scaler_on_early_death(&scaler, view.now_usec);

                test_true(delay >= last);
                last = delay;
        }
        test_int(last, 10 * USEC_PER_SEC);
        scaler_on_success(&scaler);
        test_int(scaler_start(&scaler, &view), 8);
}

static void test_the_long_idle_beyond_spare_and_min_go(void) {
        ScalerView view = quiet;
        Scaler scaler = {};

        view.n_workers = view.n_idle = 6;
        test_int(scaler_stop(&scaler, &view), 0);
        view.n_idle_long = 6;
        test_int(scaler_stop(&scaler, &view), 5);
        view.min = 4;
        test_int(scaler_stop(&scaler, &view), 2);
        view.n_idle_long = 1;
        test_int(scaler_stop(&scaler, &view), 1);
        view.n_waiting = 1;
        test_int(scaler_stop(&scaler, &view), 0);
        view.n_waiting = view.min = view.spare = 0;
        view.n_workers = view.n_idle = view.n_idle_long = 1;
        test_int(scaler_stop(&scaler, &view), 1);
}

static void test_a_smaller_max_starts_none_and_stops_the_idle_at_once(void) {
        ScalerView view = quiet;
        Scaler scaler = {};

        view.max = 4;
        view.n_workers = 10;
        view.min = view.spare = 4;
        test_int(scaler_start(&scaler, &view), 0);
        test_int(scaler_stop(&scaler, &view), 0);
        view.n_idle = 3;
        test_int(scaler_stop(&scaler, &view), 3);
        view.n_idle = 9;
        test_int(scaler_stop(&scaler, &view), 6);
        view.n_idle = 0;
        view.n_waiting = 50;
        test_int(scaler_start(&scaler, &view), 0);
        test_int(scaler_stop(&scaler, &view), 0);
}

static void test_the_burst_begins_anew_once_the_pressure_is_gone(void) {
        ScalerView view = quiet;
        Scaler scaler = {};
        uint64_t first;

        view.max = 100;
        view.n_workers = view.n_waiting = 1;
        first = start_round(&scaler, &view);
        test_int(start_round(&scaler, &view), 2 * first);
        view.n_idle = 1; /* for the moment, until it has taken what waits */
        test_int(start_round(&scaler, &view), 0);
        view.n_idle = 0;
        test_int(start_round(&scaler, &view), 4 * first);
        view.n_waiting = 0;
        view.n_idle = 1;
        test_int(start_round(&scaler, &view), 0);
        view.n_waiting = 1;
        view.n_idle = 0;
        test_int(start_round(&scaler, &view), first);
}

int main(void) {
        test_run(test_spare_and_min_are_started_whoever_waits);
        test_run(test_nothing_is_kept_where_nothing_is_asked_for);
        test_run(test_pressure_doubles_up_to_max);
        test_run(test_a_round_waits_for_the_one_before);
        test_run(test_who_does_not_come_is_not_waited_for);
        test_run(test_those_on_their_way_count);
        test_run(test_those_on_their_way_count_once);
        test_run(test_an_idle_worker_means_no_pressure);
        test_run(test_early_deaths_slow_down_and_success_ends_it);
        test_run(test_the_long_idle_beyond_spare_and_min_go);
        test_run(test_a_smaller_max_starts_none_and_stops_the_idle_at_once);
        test_run(test_the_burst_begins_anew_once_the_pressure_is_gone);
        return 0;
}
