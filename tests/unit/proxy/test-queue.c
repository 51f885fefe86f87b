/* SPDX-License-Identifier: MIT */
#include "proxy/queue.h"
#include "test.h"
#include "util/cleanup.h"

static Queue queue;
static QueueEntry entries[16];

static void add(size_t i, uint64_t client) {
        list_init(&entries[i].link);
        queue_add(&queue, &entries[i], client);
}

/* Takes as many as there are digits, and compares their numbers. */
static void expect(const char *digits) {
        for (; *digits; digits++) {
                QueueEntry *entry = queue_take(&queue);

                test_true(entry);
                test_int(entry - entries, *digits - '0');
                test_true(!entry->queue);
        }
}

static void begin(void) {
        queue_init(&queue);
        memset(entries, 0, sizeof(entries));
        test_true(!queue_take(&queue));
}

static void test_one_client_is_served_in_order(void) {
        begin();
        for (size_t i = 0; i < 4; i++)
                add(i, 7);
        test_int(queue.n, 4);
        expect("0123");
        test_true(!queue_take(&queue));
}

static void test_clients_take_turns(void) {
        begin();
        for (size_t i = 0; i < 5; i++)
                add(i, 1);
        add(5, 2);
        add(6, 3);
        expect("056");
        add(7, 2);
        expect("172");
        expect("34");
        test_int(queue.n, 0);
}

static void test_who_goes_away_leaves_no_trace(void) {
        begin();
        add(0, 1);
        add(1, 1);
        add(2, 2);
        queue_remove(&entries[2]);
        queue_remove(&entries[2]);
        queue_remove(&entries[0]);
        test_int(queue.n, 1);
        expect("1");
        add(2, 2);
        expect("2");
        test_true(!queue_take(&queue));
}

static void test_what_is_put_back_is_the_next(void) {
        begin();
        add(0, 1);
        add(1, 1);
        add(2, 2);
        expect("0");
        queue_put_back(&queue, &entries[0]);
        test_int(queue.n, 3);
        expect("021");
        queue_put_back(&queue, &entries[1]);
        expect("1");
}

static void test_numbers_beyond_the_lanes_share_one(void) {
        begin();
        add(0, 3);
        add(1, 3 + QUEUE_N_LANES);
        add(2, UINT64_MAX);
        expect("021");
}

int main(void) {
        test_run(test_one_client_is_served_in_order);
        test_run(test_clients_take_turns);
        test_run(test_who_goes_away_leaves_no_trace);
        test_run(test_what_is_put_back_is_the_next);
        test_run(test_numbers_beyond_the_lanes_share_one);
        return 0;
}
