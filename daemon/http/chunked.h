/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The chunked transfer coding (RFC 9112 section 7.1)
 *
 * Bytes in, events out; the data stays in the caller's buffer. Extensions and
 * trailer fields are checked, bounded and dropped.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct HttpChunked HttpChunked;
typedef struct HttpChunkedEvent HttpChunkedEvent;

typedef enum HttpChunkedEventType {
        HTTP_CHUNKED_NEED_MORE, /* all was consumed */
        HTTP_CHUNKED_DATA,      /* data/size: a slice of the input, never empty */
        HTTP_CHUNKED_END,       /* what follows *ret_used is the next request; stays so */
        HTTP_CHUNKED_VIOLATION, /* 400 and close; error says what; stays so */
        _HTTP_CHUNKED_EVENT_TYPE_MAX,
} HttpChunkedEventType;

struct HttpChunkedEvent {
        HttpChunkedEventType type;
        const uint8_t *data;
        size_t size;
        const char *error; /* static string */
};

enum {
        HTTP_CHUNK_EXTENSION_MAX = 128, /* bytes behind one chunk size */
        HTTP_TRAILERS_MAX = 4096,       /* bytes of all trailer fields */
        HTTP_CHUNK_HEADER_MAX = 18,     /* 16 digits, CR, LF */
};

struct HttpChunked {
        /* private */
        int state;
        uint64_t left;   /* of the chunk */
        size_t n_digits; /* of the chunk size */
        size_t n_extra;  /* bytes of the extension or of the trailers */
        const char *error;
};

void http_chunked_init(HttpChunked *chunked);

/* Consumes up to one event; *ret_used bytes of the input are done with. */
void http_chunked_feed(HttpChunked *chunked,
                       const uint8_t *data,
                       size_t size,
                       size_t *ret_used,
                       HttpChunkedEvent *ret);

/*
 * Outwards: header, data, HTTP_CHUNK_TAIL; at the end HTTP_CHUNKED_LAST.
 * @size is not 0: that would be the end. Gives the size of the header.
 */
size_t http_chunk_header_encode(char buffer[static HTTP_CHUNK_HEADER_MAX], uint64_t size);

#define HTTP_CHUNK_TAIL   "\r\n"
#define HTTP_CHUNKED_LAST "0\r\n\r\n"
