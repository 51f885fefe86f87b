/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The responder's side of a FastCGI connection: bytes in, events out
 *
 *   for (;;) {
 *           r = fcgi_server_feed(server, data, size, &used, &event);
 *           data += used; size -= used;
 *           if (r < 0) no memory; close
 *           switch (event.type) ...   FCGI_EVENT_NEED_MORE: read again
 *   }
 *
 * One request at a time (GET_VALUES answers FCGI_MPXS_CONNS=0). The decoder
 * stops after each event, so the caller always knows which bytes belong to
 * what; after FCGI_EVENT_STDIN_END it consumes nothing more until
 * fcgi_server_next(): bytes of a pipelined request stay with the caller, and
 * no byte of one request's body can be read as the next request
 * (CVE-2026-129289).
 *
 * Padding after the last record of a request is consumed before STDIN_END is
 * given if it has arrived; else fcgi_server_next() leaves it to be skipped first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fcgi/params.h"
#include "fcgi/record.h"
#include "util/pairs.h"

typedef struct FcgiServer FcgiServer;
typedef struct FcgiEvent FcgiEvent;

typedef enum FcgiEventType {
        FCGI_EVENT_NEED_MORE, /* all bytes are consumed */
        FCGI_EVENT_PARAMS,    /* server->params is complete; stdin follows */
        FCGI_EVENT_STDIN,     /* data/size: a slice of the input */
        FCGI_EVENT_STDIN_END, /* the request is whole; call fcgi_server_next() when done with it */
        FCGI_EVENT_ABORT, /* ABORT_REQUEST for the active request, before it was whole: do not run it, answer
                                 END_REQUEST, call fcgi_server_next() */
        FCGI_EVENT_REPLY, /* data/size: bytes to send now (GET_VALUES_RESULT, UNKNOWN_TYPE, END_REQUEST with
                                 CANT_MPX_CONN or UNKNOWN_ROLE); valid until the next feed */
        FCGI_EVENT_CLOSE, /* what was asked is answered and the peer did not ask to keep the connection (only
                                 after the REPLY to an unknown role without KEEP_CONN) */
        FCGI_EVENT_VIOLATION, /* broken peer: close; error says what */
        _FCGI_EVENT_TYPE_MAX,
} FcgiEventType;

struct FcgiEvent {
        FcgiEventType type;
        const uint8_t *data;
        size_t size;
        const char *error; /* static string */
};

/* Where the decoder stands: what a caller with a deadline needs to know. */
typedef enum FcgiServerState {
        FCGI_SERVER_IDLE,   /* between requests, nothing read */
        FCGI_SERVER_HEAD,   /* inside a record header or parameters */
        FCGI_SERVER_BODY,   /* parameters complete, stdin not */
        FCGI_SERVER_WHOLE,  /* stdin ended; waits for fcgi_server_next() */
        FCGI_SERVER_BROKEN, /* a violation was seen */
} FcgiServerState;

struct FcgiServer {
        FcgiServerState state;
        uint16_t id;    /* of the active request */
        bool keep_conn; /* of the active request */
        Pairs params;   /* of the active request; the last value of a name wins */

        /* private */
        FcgiParams decoder;
        uint8_t header[FCGI_HEADER_SIZE];
        size_t n_header;
        FcgiRecord record;
        size_t content_left;
        size_t padding_left;
        bool in_record;
        uint8_t body[8]; /* BEGIN_REQUEST */
        size_t n_body;
        Buffer management; /* GET_VALUES content, and the reply */
        uint8_t role_flags;
        uint64_t n_ignored; /* records of other ids and types, in this request */
        bool close_next;
};

/* Bounds: pairs and bytes of parameters of one request. */
void fcgi_server_init(FcgiServer *server, size_t n_params_max, size_t params_size_max);
void fcgi_server_done(FcgiServer *server);

int fcgi_server_feed(FcgiServer *server, const uint8_t *data, size_t size, size_t *ret_used, FcgiEvent *ret);

/* Forgets the request that ended; the connection goes on with the next one. */
void fcgi_server_next(FcgiServer *server);
