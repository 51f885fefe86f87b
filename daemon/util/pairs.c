/* SPDX-License-Identifier: MIT */
/*
 * Name/value pairs in one buffer
 *
 * Entries hold offsets, not pointers, because the buffer moves when it grows.
 * Look-ups walk all entries: a request has some thirty, and comparing a length
 * is cheaper than hashing a name.
 */

#include <assert.h>
#include "util/pairs.h"

struct PairsEntry {
        uint32_t name; /* offset in bytes */
        uint32_t name_size;
        uint32_t value;
        uint32_t value_size;
};

#define PAIRS_FIRST_ALLOCATION 64U

void pairs_init(Pairs *pairs, size_t n_max, size_t size_max) {
        assert(size_max < UINT32_MAX);
        *pairs = (Pairs){ .n_max = n_max };
        buffer_init(&pairs->bytes, size_max);
}

void pairs_done(Pairs *pairs) {
        buffer_done(&pairs->bytes);
        free(pairs->entries);
        pairs->entries = NULL;
        pairs->n_entries = 0;
        pairs->n_allocated = 0;
}

void pairs_clear(Pairs *pairs) {
        buffer_clear(&pairs->bytes);
        pairs->n_entries = 0;
}

static int pairs_grow(Pairs *pairs) {
        size_t n = MIN2(MAX2(pairs->n_allocated * 2, PAIRS_FIRST_ALLOCATION), pairs->n_max);
        struct PairsEntry *entries;

        entries = reallocarray(pairs->entries, n, sizeof(*entries));
        if (!entries)
                return -ENOMEM;

        pairs->entries = entries;
        pairs->n_allocated = n;
        return 0;
}

bool pairs_has_room(const Pairs *pairs, size_t name_size, size_t value_size) {
        size_t room = pairs->bytes.limit - buffer_size(&pairs->bytes);

        /* Each alone first: the sum of two sizes that a peer chose may wrap. */
        return pairs->n_entries < pairs->n_max && name_size <= room && value_size <= room &&
               (uint64_t)name_size + value_size + 2 <= room;
}

int pairs_add(Pairs *pairs, const void *name, size_t name_size, const void *value, size_t value_size) {
        uint8_t *p;
        uint32_t offset = (uint32_t)buffer_size(&pairs->bytes);
        int r;

        if (!pairs_has_room(pairs, name_size, value_size))
                return -ENOBUFS;

        if (pairs->n_entries == pairs->n_allocated) {
                r = pairs_grow(pairs);
                if (r < 0)
                        return r;
        }

        r = buffer_reserve(&pairs->bytes, name_size + value_size + 2, &p);
        if (r < 0)
                return r;

        if (name_size > 0)
                memcpy(p, name, name_size);
        p[name_size] = 0;
        if (value_size > 0)
                memcpy(p + name_size + 1, value, value_size);
        p[name_size + 1 + value_size] = 0;
        buffer_commit(&pairs->bytes, name_size + value_size + 2);

        pairs->entries[pairs->n_entries++] = (struct PairsEntry){
                .name = offset,
                .name_size = (uint32_t)name_size,
                .value = offset + (uint32_t)name_size + 1,
                .value_size = (uint32_t)value_size,
        };
        return 0;
}

int pairs_add_string(Pairs *pairs, const char *name, const char *value) {
        return pairs_add(pairs, name, strlen(name), value, strlen(value));
}

Pair pairs_at(const Pairs *pairs, size_t i) {
        const char *base = (const char *)buffer_data(&pairs->bytes);
        const struct PairsEntry *e;

        assert(i < pairs->n_entries);
        e = &pairs->entries[i];
        return (Pair){
                .name = base + e->name,
                .value = base + e->value,
                .name_size = e->name_size,
                .value_size = e->value_size,
        };
}

const char *pairs_get(const Pairs *pairs, const char *name, size_t *ret_size) {
        size_t name_size = strlen(name);

        for (size_t i = pairs->n_entries; i > 0; i--) {
                Pair pair = pairs_at(pairs, i - 1);

                if (pair.name_size == name_size && memcmp(pair.name, name, name_size) == 0) {
                        if (ret_size)
                                *ret_size = pair.value_size;
                        return pair.value;
                }
        }

        return NULL;
}
