/* SPDX-License-Identifier: MIT */
/*
 * Record headers and fixed bodies on the wire
 *
 * Numbers are big-endian. All encoders go through fcgi_record_encode(), the one
 * place where a size becomes 16 bits: a longer block written with a truncated
 * length would let its tail be read as records of its own (HAProxy 0aeae2305).
 * Every byte of a fixed body is written, the reserved ones as zero, so that no
 * old memory goes to the peer.
 */

#include <assert.h>
#include <string.h>
#include "fcgi/record.h"

void fcgi_record_decode(FcgiRecord *ret, const uint8_t bytes[static FCGI_HEADER_SIZE]) {
        *ret = (FcgiRecord){
                .version = bytes[0],
                .type = bytes[1],
                .id = (uint16_t)(bytes[2] << 8 | bytes[3]),
                .content_size = (uint16_t)(bytes[4] << 8 | bytes[5]),
                .padding_size = bytes[6],
        };
}

void fcgi_record_encode(uint8_t bytes[static FCGI_HEADER_SIZE],
                        uint8_t type,
                        uint16_t id,
                        size_t content_size,
                        uint8_t padding_size) {
        assert(content_size <= FCGI_CONTENT_MAX);

        bytes[0] = FCGI_VERSION_1;
        bytes[1] = type;
        bytes[2] = (uint8_t)(id >> 8);
        bytes[3] = (uint8_t)id;
        bytes[4] = (uint8_t)(content_size >> 8);
        bytes[5] = (uint8_t)content_size;
        bytes[6] = padding_size;
        bytes[7] = 0;
}

void fcgi_begin_encode(uint8_t bytes[static FCGI_BEGIN_SIZE], uint16_t id, uint16_t role, uint8_t flags) {
        uint8_t *body = bytes + FCGI_HEADER_SIZE;

        fcgi_record_encode(bytes, FCGI_BEGIN_REQUEST, id, FCGI_BEGIN_SIZE - FCGI_HEADER_SIZE, 0);
        memset(body, 0, FCGI_BEGIN_SIZE - FCGI_HEADER_SIZE);
        body[0] = (uint8_t)(role >> 8);
        body[1] = (uint8_t)role;
        body[2] = flags;
}

void fcgi_end_encode(uint8_t bytes[static FCGI_END_SIZE],
                     uint16_t id,
                     uint32_t app_status,
                     uint8_t protocol_status) {
        uint8_t *body = bytes + FCGI_HEADER_SIZE;

        fcgi_record_encode(bytes, FCGI_END_REQUEST, id, FCGI_END_SIZE - FCGI_HEADER_SIZE, 0);
        memset(body, 0, FCGI_END_SIZE - FCGI_HEADER_SIZE);
        body[0] = (uint8_t)(app_status >> 24);
        body[1] = (uint8_t)(app_status >> 16);
        body[2] = (uint8_t)(app_status >> 8);
        body[3] = (uint8_t)app_status;
        body[4] = protocol_status;
}

void fcgi_unknown_type_encode(uint8_t bytes[static FCGI_UNKNOWN_TYPE_SIZE], uint8_t type) {
        uint8_t *body = bytes + FCGI_HEADER_SIZE;

        fcgi_record_encode(bytes,
                           FCGI_UNKNOWN_TYPE,
                           FCGI_NULL_REQUEST_ID,
                           FCGI_UNKNOWN_TYPE_SIZE - FCGI_HEADER_SIZE,
                           0);
        memset(body, 0, FCGI_UNKNOWN_TYPE_SIZE - FCGI_HEADER_SIZE);
        body[0] = type;
}
