/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Test inputs: records as bytes, built without the encoders under test
 */

#include "test.h"
#include "util/buffer.h"

#define WIRE_NULL BUFFER_NULL(16U << 20)

/* "X" is a string literal: its NUL does not count, those inside do. */
#define L(x) (x), sizeof(x) - 1

static inline void wire_raw(Buffer *wire, const void *data, size_t size) {
        test_int(buffer_append(wire, data, size), 0);
}

/* Padding and the reserved byte are 0xee, so that reading them as anything else shows. */
static inline void wire_record_padded(Buffer *wire,
                                      unsigned int type,
                                      unsigned int id,
                                      const void *content,
                                      size_t size,
                                      size_t padding) {
        const uint8_t header[8] = {
                1,
                (uint8_t)type,
                (uint8_t)(id >> 8),
                (uint8_t)id,
                (uint8_t)(size >> 8),
                (uint8_t)size,
                (uint8_t)padding,
                0xee,
        };

        wire_raw(wire, header, sizeof(header));
        wire_raw(wire, content, size);
        for (size_t i = 0; i < padding; i++)
                wire_raw(wire, "\xee", 1);
}

static inline void
wire_record(Buffer *wire, unsigned int type, unsigned int id, const void *content, size_t size) {
        wire_record_padded(wire, type, id, content, size, 0);
}

static inline void wire_begin(Buffer *wire, unsigned int id, unsigned int role, unsigned int flags) {
        const uint8_t body[8] = { (uint8_t)(role >> 8), (uint8_t)role, (uint8_t)flags };

        wire_record(wire, 1, id, body, sizeof(body));
}

/* A whole request: @params in wire form, @body in one record. */
static inline void wire_request(Buffer *wire,
                                unsigned int id,
                                unsigned int flags,
                                const void *params,
                                size_t params_size,
                                const char *body) {
        wire_begin(wire, id, 1, flags);
        if (params_size > 0)
                wire_record(wire, 4, id, params, params_size);
        wire_record(wire, 4, id, NULL, 0);
        if (*body)
                wire_record(wire, 5, id, body, strlen(body));
        wire_record(wire, 5, id, NULL, 0);
}
