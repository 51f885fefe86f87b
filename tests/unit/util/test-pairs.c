/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "util/pairs.h"

static void test_last_wins_and_order_stays(void) {
        Pairs p;
        size_t size;

        pairs_init(&p, 100, 4096);
        test_int(pairs_add_string(&p, "A", "1"), 0);
        test_int(pairs_add_string(&p, "B", ""), 0);
        test_int(pairs_add(&p, "A", 1, "x\0y", 3), 0);
        test_int(pairs_add(&p, "", 0, "", 0), 0);
        test_true(memcmp(pairs_get(&p, "A", &size), "x\0y", 4) == 0);
        test_int(size, 3);
        test_string(pairs_get(&p, "B", NULL), "");
        test_true(!pairs_get(&p, "a", NULL));
        test_string(pairs_at(&p, 0).value, "1");
        test_int(pairs_at(&p, 3).name_size, 0);
        pairs_clear(&p);
        test_true(!pairs_get(&p, "A", NULL));
        pairs_done(&p);
}

static void test_limits(void) {
        Pairs p;

        pairs_init(&p, 3, 20);
        test_int(pairs_add_string(&p, "0123456789", "01234567"), 0);
        test_int(pairs_add_string(&p, "", ""), -ENOBUFS);
        pairs_clear(&p);
        test_int(pairs_add(&p, "", SIZE_MAX, "", 2), -ENOBUFS);
        for (int i = 0; i < 3; i++)
                test_int(pairs_add_string(&p, "a", "b"), 0);
        test_int(pairs_add_string(&p, "", ""), -ENOBUFS);
        pairs_done(&p);
}

static void test_room_is_told_before_it_is_used(void) {
        Pairs p;

        pairs_init(&p, 2, 10);
        test_true(pairs_has_room(&p, 4, 4));
        test_true(!pairs_has_room(&p, 4, 5));
        test_true(!pairs_has_room(&p, SIZE_MAX, 3));
        test_true(!pairs_has_room(&p, 3, SIZE_MAX));
        test_int(pairs_add(&p, "A", 1, "1", 1), 0);
        test_true(pairs_has_room(&p, 2, 2));
        test_true(!pairs_has_room(&p, 2, 3));
        test_int(pairs_add(&p, "", 0, "", 0), 0);
        test_true(!pairs_has_room(&p, 0, 0));
        pairs_done(&p);
}

int main(void) {
        test_run(test_last_wins_and_order_stays);
        test_run(test_limits);
        test_run(test_room_is_told_before_it_is_used);
        return 0;
}
