/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Record headers and the fixed bodies (FastCGI 1.0, sections 3.3, 5.1, 5.5)
 *
 *     b0        b1     b2 b3        b4 b5          b6              b7
 *  +---------+------+------------+---------------+---------------+----------+
 *  | version | type | request id | content size  | padding size  | reserved |
 *  +---------+------+------------+---------------+---------------+----------+
 */

#include <stddef.h>
#include <stdint.h>
#include "fcgi/protocol.h"

typedef struct FcgiRecord FcgiRecord;

struct FcgiRecord {
        uint8_t version;
        uint8_t type; /* FcgiType, or what the peer sent */
        uint16_t id;
        uint16_t content_size;
        uint8_t padding_size;
};

void fcgi_record_decode(FcgiRecord *ret, const uint8_t bytes[static FCGI_HEADER_SIZE]);

/* Asserts content_size <= FCGI_CONTENT_MAX: the one place where a size becomes 16 bits. Reserved bytes are zero. */
void fcgi_record_encode(uint8_t bytes[static FCGI_HEADER_SIZE],
                        uint8_t type,
                        uint16_t id,
                        size_t content_size,
                        uint8_t padding_size);

enum {
        FCGI_BEGIN_SIZE = 16,        /* header and body */
        FCGI_END_SIZE = 16,          /* header and body */
        FCGI_UNKNOWN_TYPE_SIZE = 16, /* header and body */
};

void fcgi_begin_encode(uint8_t bytes[static FCGI_BEGIN_SIZE], uint16_t id, uint16_t role, uint8_t flags);
void fcgi_end_encode(uint8_t bytes[static FCGI_END_SIZE],
                     uint16_t id,
                     uint32_t app_status,
                     uint8_t protocol_status);
void fcgi_unknown_type_encode(uint8_t bytes[static FCGI_UNKNOWN_TYPE_SIZE], uint8_t type);
