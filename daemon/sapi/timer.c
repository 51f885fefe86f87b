/* SPDX-License-Identifier: MIT */
/*
 * max_execution_time
 *
 * PHP counts the processor time of a script with a timer that it sets up, arms
 * and disarms anew for each request: four calls to the kernel. Here one interval
 * timer per worker ticks whenever TICK_USEC of processor time are used up, and
 * the limit of a script is a number of ticks. A limit is never early, and late
 * by one tick at most.
 *
 * libphp calls zend_set_timeout() and zend_unset_timeout() through its linkage
 * table, so definitions in the program take the place of its own (ld.so(8):
 * symbols are looked up in the program first). A libphp that was linked with
 * -Bsymbolic-functions would not ask, and its own timers would work as ever.
 *
 * When the limit is reached PHP's own functions take over: zend_timeout() puts
 * its handler in place of ours and expects a timer that fires once, after
 * hard_timeout. So the interval timer ends there; the next request, in this
 * worker or another, starts it again.
 *
 * The same tick is where a busy script learns that the front end has taken its
 * request back: nobody else looks at the connection while it runs.
 */

#include "sapi/internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>
#include "util/clock.h"

#define TICK_USEC 250000

static struct {
        bool running;
        volatile sig_atomic_t ticks_left; /* 0: no limit */
} timer;

static uint64_t timer_count(zend_long seconds) {
        /* the first tick may come at once */
        return seconds > 0 ? MIN2((uint64_t)seconds, INT_MAX / 8) * USEC_PER_SEC / TICK_USEC + 1 : 0;
}

/* Async-signal-safe. PHP's handler is about to replace ours, and must not see our ticks. */
static void timer_expire(void) {
        struct itimerval once = { .it_value.tv_sec = MAX2(EG(hard_timeout), 0) };

        timer.running = false;
        (void)setitimer(ITIMER_PROF, &once, NULL); /* cannot fail for these values */
        zend_atomic_bool_store(&EG(timed_out), true);
        zend_atomic_bool_store(&EG(vm_interrupt), true);
}

static void timer_on_hard_timeout(void) {
        static const char text[] =
                "PHP did not react to max_execution_time within hard_timeout: it is ended\n";

        (void)!write(STDERR_FILENO, text, sizeof(text) - 1); /* nothing could be done about a failure */
        _exit(124);                                          /* as PHP does */
}

static void timer_on_tick(int signo) {
        int saved = errno; /* of the call that was interrupted behind */

        if (!timer.running) {
                timer_on_hard_timeout();
                return;
        }

        embed_check_abort();
        embed_tell_blocking();
        if (timer.ticks_left > 0 && --timer.ticks_left == 0)
                timer_expire();
        errno = saved;
}

static void timer_start(void) {
        struct sigaction action = { .sa_handler = timer_on_tick, .sa_flags = SA_RESTART };
        struct itimerval interval = {
                .it_interval.tv_usec = TICK_USEC,
                .it_value.tv_usec = TICK_USEC,
        };

        timer.running = true;
        (void)sigaction(SIGPROF, &action, NULL);       /* cannot fail for a valid signal */
        (void)setitimer(ITIMER_PROF, &interval, NULL); /* cannot fail for these values */
}

void embed_timer_begin(void) {
        if (!timer.running)
                timer_start();
}

void embed_timer_forget(void) {
        timer.running = false;
}

ZEND_API void zend_set_timeout(zend_long seconds, bool reset_signals) {
        timer.ticks_left = 0;
        EG(timeout_seconds) = seconds;
        zend_atomic_bool_store(&EG(timed_out), false);
        embed_timer_begin();
        timer.ticks_left = (sig_atomic_t)timer_count(seconds);
}

ZEND_API void zend_unset_timeout(void) {
        timer.ticks_left = 0;
        zend_atomic_bool_store(&EG(timed_out), false);
}
