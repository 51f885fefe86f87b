/* SPDX-License-Identifier: MIT */
/*
 * Records out of a stream
 *
 * A header is decoded where it lies; only one that is cut between two reads is
 * put together first. Content is handed on where it lies. Content and padding
 * are counted apart, in size_t: their sum does not fit the 16 bits that each
 * fits (HAProxy CVE-2026-55203).
 */

#include <string.h>
#include "fcgi/reader.h"
#include "util/cleanup.h"

static FcgiSlice slice_take(FcgiSlice *input, size_t size_max) {
        FcgiSlice taken = { .data = input->data, .size = MIN2(input->size, size_max) };

        if (taken.size > 0) {
                input->data += taken.size;
                input->size -= taken.size;
        }
        return taken;
}

static bool reader_take_header(FcgiReader *reader, FcgiSlice *input) {
        FcgiSlice piece = slice_take(input, (size_t)FCGI_HEADER_SIZE - reader->n_header);

        if (piece.size == FCGI_HEADER_SIZE) {
                fcgi_record_decode(&reader->record, piece.data);
        } else {
                if (piece.size > 0)
                        memcpy(reader->header + reader->n_header, piece.data, piece.size);
                reader->n_header = (uint8_t)(reader->n_header + piece.size);
                if (reader->n_header < FCGI_HEADER_SIZE)
                        return false;
                fcgi_record_decode(&reader->record, reader->header);
        }

        reader->n_header = 0;
        reader->content_left = reader->record.content_size;
        reader->padding_left = reader->record.padding_size;
        reader->in_record = true;
        return true;
}

FcgiReaderPart fcgi_reader_next(FcgiReader *reader, FcgiSlice *input, FcgiSlice *ret_content) {
        if (!reader->in_record)
                return reader_take_header(reader, input) ? FCGI_READER_HEADER : FCGI_READER_NEED_MORE;

        if (reader->content_left > 0) {
                FcgiSlice content = slice_take(input, reader->content_left);

                if (content.size == 0)
                        return FCGI_READER_NEED_MORE;
                reader->content_left -= content.size;
                *ret_content = content;
                return FCGI_READER_CONTENT;
        }

        reader->padding_left -= slice_take(input, reader->padding_left).size;
        if (reader->padding_left > 0)
                return FCGI_READER_NEED_MORE;

        reader->in_record = false;
        return FCGI_READER_END;
}
