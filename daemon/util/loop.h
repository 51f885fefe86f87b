/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An event loop: epoll in batches, coarse timers, deferred work
 */

#include <stdbool.h>
#include <stdint.h>
#include "util/list.h"

typedef struct Deferred Deferred;
typedef struct Loop Loop;
typedef struct Source Source;
typedef struct Timer Timer;

enum {
        LOOP_N_SLOTS = 1024,
        LOOP_TICK_USEC = 32768,
};

/* Embedded in its owner. fd -EBADF: closed; events of this batch that are left for it are dropped. */
struct Source {
        int fd; /* owned */
        void (*on_events)(Source *source, uint32_t events);
};

/* Fires once, never early, late by one tick at most. */
struct Timer {
        List link;
        uint64_t deadline_usec;
        void (*on_expire)(Timer *timer);
};

/* Runs once, after the events of this batch. */
struct Deferred {
        List link;
        void (*run)(Deferred *deferred);
};

struct Loop {
        int epoll_fd;
        uint64_t now_usec; /* CLOCK_MONOTONIC, taken once per batch */
        uint64_t tick;     /* the last one whose slot was looked at */
        List slots[LOOP_N_SLOTS];
        uint64_t used[LOOP_N_SLOTS / 64]; /* slots that may hold timers */
        List deferred;
        bool exit;
};

int loop_init(Loop *loop);
void loop_done(Loop *loop);
int loop_run(Loop *loop); /* until exit is set */

/* Takes @fd; edge-triggered. On failure the descriptor stays the caller's. */
int loop_add_take_fd(Loop *loop, Source *source, int fd, uint32_t events);
int loop_change(Loop *loop, Source *source, uint32_t events);
void source_close(Source *source);

void timer_init(Timer *timer, void (*on_expire)(Timer *timer));
void timer_set(Loop *loop, Timer *timer, uint64_t delay_usec); /* USEC_INFINITY: unset */
void timer_unset(Timer *timer);

void deferred_init(Deferred *deferred, void (*run)(Deferred *deferred));
void loop_defer(Loop *loop, Deferred *deferred);
void loop_run_deferred(Loop *loop); /* what the loop does itself after each batch */
