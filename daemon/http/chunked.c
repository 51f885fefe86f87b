/* SPDX-License-Identifier: MIT */

/*
 * The chunked transfer coding
 *
 *      SIZE --CR--> SIZE_LF --LF--> DATA (size > 0) --all--> DATA_CR -> DATA_LF -> SIZE
 *        \--;--> EXTENSION --CR--/    \ (size 0) LINE
 *
 *      LINE --token--> NAME --:--> VALUE --CR--> VALUE_LF -> LINE
 *        \--CR--> END_LF --LF--> END
 *
 * One byte at a time but for the data, so it cannot matter how the bytes
 * arrive. Any step that is not in the picture leads to BROKEN, for ever:
 * no LF without CR, no white space before the line end or an extension, data
 * ended by exactly CRLF. Where decoders forgave one of these, requests were
 * smuggled through them.
 */

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include "http/chunked.h"
#include "http/syntax.h"
#include "util/cleanup.h"

#define DIGITS_MAX 16U

enum {
        STATE_SIZE,
        STATE_EXTENSION,
        STATE_SIZE_LF,
        STATE_DATA,
        STATE_DATA_CR,
        STATE_DATA_LF,
        STATE_LINE,
        STATE_NAME,
        STATE_VALUE,
        STATE_VALUE_LF,
        STATE_END_LF,
        STATE_END,
        STATE_BROKEN,
};

void http_chunked_init(HttpChunked *chunked) {
        *chunked = (HttpChunked){ .state = STATE_SIZE };
}

static int break_off(HttpChunked *chunked, const char *error) {
        chunked->error = error;
        return STATE_BROKEN;
}

static int step_size(HttpChunked *chunked, uint8_t c) {
        int digit = http_hex_value((char)c);

        if (digit >= 0) {
                if (chunked->n_digits == DIGITS_MAX || chunked->left > (uint64_t)INT64_MAX >> 4)
                        return break_off(chunked, "a chunk size over the limit");
                chunked->left = chunked->left << 4 | (uint64_t)digit;
                chunked->n_digits++;
                return STATE_SIZE;
        }
        if (chunked->n_digits == 0)
                return break_off(chunked, "no chunk size");
        if (c == '\r')
                return STATE_SIZE_LF;
        if (c == ';')
                return STATE_EXTENSION;
        return break_off(chunked, "a chunk size with something behind it");
}

static int step_extension(HttpChunked *chunked, uint8_t c) {
        if (c == '\r')
                return STATE_SIZE_LF;
        if ((c < ' ' && c != '\t') || c == 0x7f)
                return break_off(chunked, "a control byte in a chunk extension");
        if (++chunked->n_extra > HTTP_CHUNK_EXTENSION_MAX)
                return break_off(chunked, "a chunk extension over the limit");
        return STATE_EXTENSION;
}

static int step_size_lf(HttpChunked *chunked, uint8_t c) {
        if (c != '\n')
                return break_off(chunked, "a CR without LF behind a chunk size");

        chunked->n_digits = 0;
        chunked->n_extra = 0;
        return chunked->left > 0 ? STATE_DATA : STATE_LINE;
}

/* Any byte of a trailer field: a line's first one, of its name, of its value. */
static int step_trailer(HttpChunked *chunked, uint8_t c) {
        char byte = (char)c;

        if (++chunked->n_extra > HTTP_TRAILERS_MAX)
                return break_off(chunked, "trailer fields over the limit");

        if (chunked->state == STATE_VALUE) {
                if (c == '\r')
                        return STATE_VALUE_LF;
                if ((c < ' ' && c != '\t') || c == 0x7f)
                        return break_off(chunked, "a control byte in a trailer field");
                return STATE_VALUE;
        }

        if (chunked->state == STATE_LINE && c == '\r')
                return STATE_END_LF;
        if (chunked->state == STATE_NAME && c == ':')
                return STATE_VALUE;
        if (http_name_is_token((HttpSlice){ &byte, 1 }))
                return STATE_NAME;
        return break_off(chunked, "a trailer line that is no field");
}

static int step(HttpChunked *chunked, uint8_t c) {
        switch (chunked->state) {
        case STATE_SIZE:
                return step_size(chunked, c);
        case STATE_EXTENSION:
                return step_extension(chunked, c);
        case STATE_SIZE_LF:
                return step_size_lf(chunked, c);
        case STATE_DATA_CR:
                return c == '\r' ? STATE_DATA_LF : break_off(chunked, "chunk data longer than its size");
        case STATE_DATA_LF:
                return c == '\n' ? STATE_SIZE : break_off(chunked, "a CR without LF behind chunk data");
        case STATE_VALUE_LF:
                return c == '\n' ? STATE_LINE : break_off(chunked, "a CR without LF in a trailer field");
        case STATE_END_LF:
                return c == '\n' ? STATE_END : break_off(chunked, "a CR without LF at the end of the body");
        default:
                return step_trailer(chunked, c);
        }
}

void http_chunked_feed(HttpChunked *chunked,
                       const uint8_t *data,
                       size_t size,
                       size_t *ret_used,
                       HttpChunkedEvent *ret) {
        HttpChunkedEvent event = { .type = HTTP_CHUNKED_NEED_MORE };
        size_t used = 0;

        while (used < size && chunked->state < STATE_END && chunked->state != STATE_DATA)
                chunked->state = step(chunked, data[used++]);

        if (chunked->state == STATE_DATA && used < size) {
                event.type = HTTP_CHUNKED_DATA;
                event.data = data + used;
                event.size = (size_t)MIN2((uint64_t)(size - used), chunked->left);
                used += event.size;
                chunked->left -= event.size;
                if (chunked->left == 0)
                        chunked->state = STATE_DATA_CR;
        } else if (chunked->state == STATE_END)
                event.type = HTTP_CHUNKED_END;
        else if (chunked->state == STATE_BROKEN) {
                event.type = HTTP_CHUNKED_VIOLATION;
                event.error = chunked->error;
        }

        *ret_used = used;
        *ret = event;
}

size_t http_chunk_header_encode(char buffer[static HTTP_CHUNK_HEADER_MAX], uint64_t size) {
        static const char digits[] = "0123456789abcdef";
        size_t n = 1;

        assert(size > 0);

        while (n < DIGITS_MAX && size >> (4 * n) > 0)
                n++;
        for (size_t i = 0; i < n; i++)
                buffer[i] = digits[size >> (4 * (n - 1 - i)) & 0xf];
        memcpy(buffer + n, HTTP_CHUNK_TAIL, strlen(HTTP_CHUNK_TAIL));
        return n + strlen(HTTP_CHUNK_TAIL);
}
