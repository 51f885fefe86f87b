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
#include "fcgi/record.h"
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
        uint8_t header[FCGI_HEADER_SIZE];
        size_t n_header;
        FcgiRecord record;
        size_t content_left;
        size_t padding_left;
        bool in_record;
        uint8_t body[8];
        size_t n_body;
        bool ended;
        bool broken;
};

/*
 * Appends BEGIN, PARAMS of all @params (in records of at most 65535 bytes),
 * and the empty PARAMS. 0, -ENOBUFS, -ENOMEM.
 */
int fcgi_client_encode_request(Buffer *buffer, uint16_t id, bool keep_conn, const Pairs *params);

/* Appends an empty STDIN record. */
int fcgi_client_encode_stdin_end(Buffer *buffer, uint16_t id);

void fcgi_client_init(FcgiClient *client, uint16_t id);

/*
 * Consumes up to one event. After FCGI_CLIENT_END any further byte is a
 * violation of the next request's peace: the caller must see that *ret_used is
 * all it has before it reuses the connection. Padding of the END_REQUEST
 * record belongs to it and is consumed first.
 */
int fcgi_client_feed(FcgiClient *client,
                     const uint8_t *data,
                     size_t size,
                     size_t *ret_used,
                     FcgiClientEvent *ret);
