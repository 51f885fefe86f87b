/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The pools of php-poolctl top: figures between two looks, in an order
 */

#include "ctl/text.h"
#include "ctl/view.h"

typedef struct TopItem TopItem;
typedef struct TopList TopList;
typedef struct TopSums TopSums;

struct TopItem {
        const View *view;      /* TopList.views */
        double values[10];     /* what the columns sort by; top-list.c knows which is which */
        double requests, usec; /* counters at this look, to compare with at the next; -1: not told */
        bool awake;
};

struct TopList {
        Views views;
        TopItem *items; /* owned, in the order of views */
        size_t n_items;
        uint64_t look_usec;
        size_t column; /* sorted by it */
        bool reversed;
        bool running_only;
};

struct TopSums {
        size_t n_pools, n_running, n_unreachable;
        uint64_t busy, idle, max, queue, memory;
        double rate;
};

#define TOP_LIST_NULL \
        { .column = 2 } /* busy workers */

/* Looks again. After a failure the last look stays. */
int top_list_refresh(TopList *list, const Ctl *ctl);
void top_list_done(TopList *list);

/* A key that chooses the order; others are ignored. */
void top_list_on_key(TopList *list, int key);

void top_list_sum(const TopList *list, TopSums *ret);
size_t top_list_length(const TopList *list); /* rows to be shown */
int top_list_print(const TopList *list, FILE *f, size_t width, size_t skip);
