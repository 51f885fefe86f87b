/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The web server's side of a FastCGI connection
 *
 * Outwards a request is BEGIN, PARAMS, an empty PARAMS, STDIN, an empty STDIN.
 * Everything up to the first STDIN goes into one Buffer, so that a request
 * without a body is one send. Inwards, bytes give events, as in server.h; the
 * pool is treated as hostile.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fcgi/reader.h"
#include "util/buffer.h"
#include "util/pairs.h"

typedef struct FcgiClient FcgiClient;
typedef struct FcgiClientEvent FcgiClientEvent;

typedef enum FcgiClientEventType {
        FCGI_CLIENT_NEED_MORE,
        FCGI_CLIENT_STDOUT,    /* data/size: a slice of the input */
        FCGI_CLIENT_STDERR,    /* data/size: a slice of the input */
        FCGI_CLIENT_END,       /* app_status, protocol_status; nothing more is consumed */
        FCGI_CLIENT_VIOLATION, /* close; error says what */
        _FCGI_CLIENT_EVENT_TYPE_MAX,
} FcgiClientEventType;

struct FcgiClientEvent {
        FcgiClientEventType type;
        const uint8_t *data;
        size_t size;
        uint32_t app_status;
        uint8_t protocol_status;
        const char *error; /* static string */
};

struct FcgiClient {
        uint16_t id;
        /* private */
        FcgiReader reader;
        uint8_t end[8];   /* the body of END_REQUEST */
        size_t n_ignored; /* empty records since the last content */
        bool ended;
        const char *error; /* not NULL: a violation was seen */
};

/*
 * Appends BEGIN, PARAMS of all @params (in records of at most 65535 bytes; a
 * pair is cut between two only if it does not fit into one), and the empty
 * PARAMS. 0, -ENOBUFS, -ENOMEM; @buffer is as before then. Asserts that @id
 * is not 0.
 */
int fcgi_client_encode_request(Buffer *buffer, uint16_t id, bool keep_conn, const Pairs *params);

/* Appends an empty STDIN record. 0, -ENOBUFS, -ENOMEM. */
int fcgi_client_encode_stdin_end(Buffer *buffer, uint16_t id);

void fcgi_client_init(FcgiClient *client, uint16_t id);

/*
 * Consumes up to one event; *ret_used says how much of @data. @size may be 0.
 * FCGI_CLIENT_END is given when the padding of its record has arrived as well.
 * Bytes after it are a violation: the next request on this connection would
 * read them as its answer, so the caller must see that *ret_used is all it has
 * before it reuses the connection. Always 0.
 */
int fcgi_client_feed(FcgiClient *client,
                     const uint8_t *data,
                     size_t size,
                     size_t *ret_used,
                     FcgiClientEvent *ret);
