/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A stream of bytes as records: what the two sides of a connection share
 *
 * Zero-initialised it stands before the first record. It judges nothing: any
 * eight bytes are a header.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fcgi/record.h"

typedef struct FcgiReader FcgiReader;
typedef struct FcgiSlice FcgiSlice;

/* Of each record: one HEADER, CONTENT as often as it arrives in pieces (never empty), one END. */
typedef enum FcgiReaderPart {
        FCGI_READER_NEED_MORE, /* all bytes are consumed */
        FCGI_READER_HEADER,    /* reader->record is the record that begins here */
        FCGI_READER_CONTENT,   /* *ret_content is a slice of the input */
        FCGI_READER_END,       /* all of the record, its padding included, is consumed */
} FcgiReaderPart;

struct FcgiReader {
        FcgiRecord record;
        size_t content_left;
        size_t padding_left;
        bool in_record;
        uint8_t n_header; /* bytes of a header that is not complete yet */
        uint8_t header[FCGI_HEADER_SIZE];
};

struct FcgiSlice {
        const uint8_t *data;
        size_t size;
};

/* Takes one part off the front of @input. */
FcgiReaderPart fcgi_reader_next(FcgiReader *reader, FcgiSlice *input, FcgiSlice *ret_content);

/* Between two records, no byte of the next one read: another reader could go on from here. */
static inline bool fcgi_reader_at_boundary(const FcgiReader *reader) {
        return !reader->in_record && reader->n_header == 0;
}
