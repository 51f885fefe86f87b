/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An input in pieces whose sizes depend on nothing but the input, so that a
 * finding repeats. Each piece ends where an allocation ends: a sanitizer sees a
 * read past it.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "test.h"

typedef struct Pieces Pieces;

struct Pieces {
        const uint8_t *data;
        size_t size;
        size_t piece_max; /* 1: byte by byte */
        uint64_t random;
        uint8_t *copy; /* piece_max bytes, the last of them the piece given last */
};

static inline void pieces_init(Pieces *pieces, const uint8_t *data, size_t size, size_t piece_max) {
        *pieces = (Pieces){ .data = data, .size = size, .piece_max = piece_max };

        pieces->copy = malloc(piece_max);
        test_true(pieces->copy);

        /* FNV-1a */
        pieces->random = 0xcbf29ce484222325ULL;
        for (size_t i = 0; i < size; i++)
                pieces->random = (pieces->random ^ data[i]) * 0x100000001b3ULL;
}

/* The piece before is gone then. NULL after the last one, and all is freed. */
static inline uint8_t *pieces_next(Pieces *pieces, size_t *ret_size) {
        uint8_t *piece;
        size_t n;

        if (pieces->size == 0) {
                free(pieces->copy);
                pieces->copy = NULL;
                return NULL;
        }

        pieces->random = pieces->random * 6364136223846793005ULL + 1442695040888963407ULL;
        n = 1 + (size_t)(pieces->random >> 33) % pieces->piece_max;
        if (n > pieces->size)
                n = pieces->size;

        piece = pieces->copy + pieces->piece_max - n;
        memcpy(piece, pieces->data, n);
        pieces->data += n;
        pieces->size -= n;
        *ret_size = n;
        return piece;
}
