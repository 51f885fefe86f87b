/* SPDX-License-Identifier: MIT */
#include "ipc/tally.h"

const uint64_t tally_bucket_usec[TALLY_BUCKETS - 1] = {
        1000,   2500,    5000,    10000,   25000,    50000,    100000,   250000,
        500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
};

size_t tally_bucket(uint64_t usec) {
        size_t i = 0;

        while (i < TALLY_BUCKETS - 1 && usec > tally_bucket_usec[i])
                i++;
        return i;
}

/* One writer, so a load and a store do: no locked instruction on the path of every request. */
static void tally_raise(_Atomic uint64_t *number, uint64_t by) {
        atomic_store_explicit(number,
                              atomic_load_explicit(number, memory_order_relaxed) + by,
                              memory_order_relaxed);
}

void tally_count(Tally *tally, const TallyRequest *request) {
        int class = request->status / 100;

        tally_raise(&tally->classes[class > 0 && class < TALLY_CLASSES ? class : 0], 1);
        tally_raise(&tally->bytes_in, request->bytes_in);
        tally_raise(&tally->bytes_out, request->bytes_out);
        tally_raise(&tally->duration_usec, request->duration_usec);
        tally_raise(&tally->wait_usec, request->wait_usec);
        tally_raise(&tally->durations[tally_bucket(request->duration_usec)], 1);
        tally_raise(&tally->waits[tally_bucket(request->wait_usec)], 1);
}

static uint64_t tally_get(const _Atomic uint64_t *number) {
        return atomic_load_explicit(number, memory_order_relaxed);
}

void tally_add(TallySum *sum, const Tally *tally) {
        for (size_t i = 0; i < TALLY_CLASSES; i++)
                sum->classes[i] += tally_get(&tally->classes[i]);
        sum->bytes_in += tally_get(&tally->bytes_in);
        sum->bytes_out += tally_get(&tally->bytes_out);
        sum->duration_usec += tally_get(&tally->duration_usec);
        sum->wait_usec += tally_get(&tally->wait_usec);
        for (size_t i = 0; i < TALLY_BUCKETS; i++) {
                sum->durations[i] += tally_get(&tally->durations[i]);
                sum->waits[i] += tally_get(&tally->waits[i]);
        }
}
