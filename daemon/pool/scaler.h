/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How many workers to start or stop: pure, numbers in and numbers out
 *
 * static, dynamic and ondemand of php-fpm are one model: `min` workers are
 * always there, `spare` idle ones are kept ready, demand starts more at once up
 * to `max`, and what has been idle beyond the spare for `idle_usec` goes.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Scaler Scaler;
typedef struct ScalerView ScalerView;

/* Between two decisions. Zero-initialise. */
struct Scaler {
        uint64_t burst;           /* workers in the last round under pressure */
        uint64_t round_usec;      /* when that was started */
        uint64_t failures;        /* workers in a row that died before they took a request */
        uint64_t not_before_usec; /* back-off: start none before */
};

/* The pool at this moment. */
struct ScalerView {
        uint64_t now_usec;
        uint64_t min, max, spare;
        uint64_t idle_usec; /* workers.idle_timeout */
        uint64_t n_workers; /* of the current generation, starting ones included, draining ones not */
        uint64_t n_starting;
        uint64_t n_idle;
        uint64_t n_idle_long; /* of these, idle for idle_usec and longer */
        uint64_t n_waiting; /* connections that wait for a worker; 0: none; more than 0: at least so many */
};

/* How many to start now, at once. */
uint64_t scaler_start(Scaler *scaler, const ScalerView *view);

/* How many of the long idle to stop now. */
uint64_t scaler_stop(const Scaler *scaler, const ScalerView *view);

/* A worker died before it took a request: the next start waits, twice as long each time. Gives how long. */
uint64_t scaler_on_early_death(Scaler *scaler, uint64_t now_usec);

/* A worker has taken a request: all is well again. */
void scaler_on_success(Scaler *scaler);
