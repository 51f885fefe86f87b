/* SPDX-License-Identifier: MIT */
/*
 * How many workers to start or stop
 *
 * Under pressure (somebody waits and nobody is idle) they are started in rounds,
 * each twice as large as the one before: a hundred are there within a tenth of a
 * second, while a pressure that one worker relieves costs two. How many wait on a
 * listener the kernel does not tell, hence the doubling; and whether a round was
 * enough shows when all of it have come and taken what waited, hence the rounds. Who
 * does not come for PATIENCE_USEC is not waited for. It begins anew when nobody
 * waits; that a worker is idle for the moment until it has taken what waits is no
 * end of the pressure.
 *
 * Only workers that die before they take a request slow down the next start. One
 * that dies while running a request is replaced at once: else one bad URL
 * could starve a site.
 */

#include "pool/scaler.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define BACKOFF_FIRST_USEC (100 * USEC_PER_MSEC)
#define BACKOFF_MAX_USEC   (10 * USEC_PER_SEC)
#define PATIENCE_USEC      USEC_PER_SEC
#define BURST_FIRST        2U

/* What min and spare ask for, whoever waits. */
static uint64_t scaler_wanted(const ScalerView *view) {
        uint64_t ready = view->n_idle + view->n_starting, wanted = 0;

        if (view->n_workers < view->min)
                wanted = view->min - view->n_workers;
        if (ready < view->spare)
                wanted = MAX2(wanted, view->spare - ready);
        return wanted;
}

/* What those who wait ask for, beyond who is on the way. */
static uint64_t scaler_pressure(Scaler *scaler, const ScalerView *view) {
        uint64_t wanted = view->n_waiting;

        if (view->n_starting == 0 || view->now_usec - scaler->round_usec >= PATIENCE_USEC) {
                scaler->burst = scaler->burst == 0 ? BURST_FIRST : MIN2(scaler->burst * 2, view->max);
                scaler->round_usec = view->now_usec;
                wanted = MAX2(wanted, scaler->burst);
        }
        return wanted - MIN2(wanted, view->n_starting);
}

uint64_t scaler_start(Scaler *scaler, const ScalerView *view) {
        uint64_t wanted = scaler_wanted(view), pressure = 0, room;

        if (view->n_waiting == 0)
                scaler->burst = 0;
        else if (view->n_idle == 0)
                pressure = scaler_pressure(scaler, view);
        wanted = MAX2(wanted, pressure);

        if (view->now_usec < scaler->not_before_usec)
                return 0;
        if (scaler->failures > 0)
                wanted = view->n_starting > 0 ? 0 : MIN2(wanted, 1); /* try with one */

        room = view->n_workers < view->max ? view->max - view->n_workers : 0;
        return MIN2(wanted, room);
}

uint64_t scaler_stop(const Scaler *scaler, const ScalerView *view) {
        uint64_t surplus, above_min;

        if (view->n_waiting > 0 || view->n_workers == 0)
                return 0;
        if (view->n_workers > view->max) /* after a reload with a smaller max */
                return MIN2(view->n_workers - view->max, view->n_idle);

        surplus = view->n_idle > view->spare ? view->n_idle - view->spare : 0;
        above_min = view->n_workers > view->min ? view->n_workers - view->min : 0;
        return MIN2(MIN2(surplus, above_min), view->n_idle_long);
}

uint64_t scaler_on_early_death(Scaler *scaler, uint64_t now_usec) {
        uint64_t delay = BACKOFF_FIRST_USEC << MIN2(scaler->failures, 10);

        delay = MIN2(delay, BACKOFF_MAX_USEC);
        scaler->failures++;
        scaler->not_before_usec = now_usec + delay;
        return delay;
}

void scaler_on_success(Scaler *scaler) {
        scaler->failures = 0;
        scaler->not_before_usec = 0;
}
