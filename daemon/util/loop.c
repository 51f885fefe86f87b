/* SPDX-License-Identifier: MIT */
/*
 * An event loop for many connections
 *
 * Sources are registered once, edge-triggered, so a request on kept
 * connections costs no epoll_ctl(2), and one epoll_wait(2) gives many events.
 * A handler must therefore read and write until EAGAIN, or remember that it
 * did not.
 *
 * Timers sit in a wheel of LOOP_N_SLOTS lists, one per tick: to set and unset
 * is a list operation, no system call. A timer beyond the wheel's horizon
 * stays in its slot until its round has come. The bitmap tells how long
 * epoll_wait(2) may sleep without a look at every slot.
 *
 * An object that ends closes its sources at once and frees itself in a
 * Deferred: no event of the same batch can reach freed memory.
 */

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "util/clock.h"
#include "util/fd.h"
#include "util/loop.h"

#define LOOP_BATCH 256

int loop_init(Loop *loop) {
        *loop = (Loop){ .now_usec = clock_now_usec() };
        loop->tick = loop->now_usec / LOOP_TICK_USEC;
        list_init(&loop->deferred);
        for (size_t i = 0; i < LOOP_N_SLOTS; i++)
                list_init(&loop->slots[i]);

        loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_done(Loop *loop) {
        loop->epoll_fd = fd_close(loop->epoll_fd);
}

int loop_add_take_fd(Loop *loop, Source *source, int fd, uint32_t events) {
        struct epoll_event event = { .events = events | EPOLLET, .data.ptr = source };

        if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
                return -errno;

        source->fd = fd;
        return 0;
}

int loop_change(Loop *loop, Source *source, uint32_t events) {
        struct epoll_event event = { .events = events | EPOLLET, .data.ptr = source };

        return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno : 0;
}

void source_close(Source *source) {
        source->fd = fd_close(source->fd); /* epoll(7): the last descriptor's end removes the registration */
}

void timer_init(Timer *timer, void (*on_expire)(Timer *timer)) {
        *timer = (Timer){ .on_expire = on_expire };
        list_init(&timer->link);
}

static void loop_insert(Loop *loop, Timer *timer) {
        /* + 1: a slot is looked at when its tick has begun */
        size_t slot = (timer->deadline_usec / LOOP_TICK_USEC + 1) % LOOP_N_SLOTS;

        list_append(&loop->slots[slot], &timer->link);
        loop->used[slot / 64] |= UINT64_C(1) << (slot % 64);
}

void timer_set(Loop *loop, Timer *timer, uint64_t delay_usec) {
        list_remove(&timer->link);
        if (delay_usec > USEC_INFINITY - loop->now_usec)
                return;

        timer->deadline_usec = loop->now_usec + delay_usec;
        loop_insert(loop, timer);
}

void timer_unset(Timer *timer) {
        list_remove(&timer->link);
}

void deferred_init(Deferred *deferred, void (*run)(Deferred *deferred)) {
        *deferred = (Deferred){ .run = run };
        list_init(&deferred->link);
}

void loop_defer(Loop *loop, Deferred *deferred) {
        list_remove(&deferred->link);
        list_append(&loop->deferred, &deferred->link);
}

static void list_move(List *to, List *from) {
        list_init(to);
        while (!list_is_empty(from)) {
                List *link = from->next;

                list_remove(link);
                list_append(to, link);
        }
}

static void loop_look_at_slot(Loop *loop, size_t slot) {
        List due;

        list_move(&due, &loop->slots[slot]);
        loop->used[slot / 64] &= ~(UINT64_C(1) << (slot % 64));

        /* a handler may set and unset any timer, those of this list too */
        while (!list_is_empty(&due)) {
                Timer *timer = list_entry(due.next, Timer, link);

                list_remove(&timer->link);
                if (timer->deadline_usec <= loop->now_usec)
                        timer->on_expire(timer);
                else
                        loop_insert(loop, timer);
        }
}

static void loop_expire(Loop *loop) {
        uint64_t tick = loop->now_usec / LOOP_TICK_USEC;

        if (tick - loop->tick > LOOP_N_SLOTS)
                loop->tick = tick - LOOP_N_SLOTS;

        while (loop->tick < tick) {
                size_t slot = ++loop->tick % LOOP_N_SLOTS;

                if (loop->used[slot / 64] & (UINT64_C(1) << (slot % 64)))
                        loop_look_at_slot(loop, slot);
        }
}

/* Milliseconds until the next slot that may hold timers; -1: there is none. */
static int loop_timeout(const Loop *loop) {
        if (!list_is_empty(&loop->deferred))
                return 0;

        for (uint64_t tick = loop->tick + 1; tick <= loop->tick + LOOP_N_SLOTS;) {
                size_t slot = tick % LOOP_N_SLOTS;
                uint64_t word = loop->used[slot / 64] >> (slot % 64);

                if (word == 0) {
                        tick += 64 - slot % 64;
                        continue;
                }

                tick += (uint64_t)__builtin_ctzll(word);
                if (tick * LOOP_TICK_USEC <= loop->now_usec)
                        return 0;
                return (int)((tick * LOOP_TICK_USEC - loop->now_usec) / USEC_PER_MSEC) + 1;
        }

        return -1;
}

void loop_run_deferred(Loop *loop) {
        List now;

        list_move(&now, &loop->deferred);
        while (!list_is_empty(&now)) {
                Deferred *deferred = list_entry(now.next, Deferred, link);

                list_remove(&deferred->link);
                deferred->run(deferred);
        }
}

int loop_run(Loop *loop) {
        struct epoll_event events[LOOP_BATCH];

        while (!loop->exit) {
                int n = epoll_wait(loop->epoll_fd, events, LOOP_BATCH, loop_timeout(loop));

                if (n < 0 && errno != EINTR)
                        return -errno;

                loop->now_usec = clock_now_usec();
                for (int i = 0; i < n; i++) {
                        Source *source = events[i].data.ptr;

                        if (source->fd >= 0)
                                source->on_events(source, events[i].events);
                }

                loop_expire(loop);
                loop_run_deferred(loop);
        }

        return 0;
}
