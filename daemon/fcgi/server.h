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
 * STDIN_END is given when the padding of the last record has arrived as well,
 * so that a request that is whole ends exactly between two records.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fcgi/params.h"
#include "fcgi/reader.h"
#include "util/pairs.h"

typedef struct FcgiServer FcgiServer;
typedef struct FcgiEvent FcgiEvent;

typedef enum FcgiEventType {
        FCGI_EVENT_NEED_MORE, /* all bytes are consumed, but for those after a whole request */
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
        FCGI_SERVER_IDLE,   /* between requests and between records: another decoder could go on from here */
        FCGI_SERVER_HEAD,   /* inside a record, or before the end of the parameters */
        FCGI_SERVER_BODY,   /* parameters complete, stdin not */
        FCGI_SERVER_WHOLE,  /* stdin ended, or aborted; waits for fcgi_server_next() */
        FCGI_SERVER_BROKEN, /* a violation was seen */
} FcgiServerState;

/* What becomes of a record. */
typedef enum FcgiServerUse {
        FCGI_SERVER_USE_NONE, /* skipped */
        FCGI_SERVER_USE_BEGIN,
        FCGI_SERVER_USE_PARAMS,
        FCGI_SERVER_USE_STDIN,
        FCGI_SERVER_USE_ABORT,
        FCGI_SERVER_USE_GET_VALUES,
        FCGI_SERVER_USE_UNKNOWN_TYPE,
        _FCGI_SERVER_USE_MAX,
} FcgiServerUse;

enum {
        FCGI_SERVER_REPLY_MAX = 96, /* the longest is GET_VALUES_RESULT with three pairs: 65 bytes */
};

struct FcgiServer {
        FcgiServerState state;
        uint16_t id;    /* of the active request */
        bool keep_conn; /* of the active request */
        Pairs params;   /* of the active request; the last value of a name wins */
        bool too_large; /* a violation, but of our limits: the parameters; id can be answered */

        /* private */
        FcgiReader reader;
        FcgiServerUse use; /* of the record that is being read */
        FcgiParams decoder;
        uint8_t begin[8];  /* the body of BEGIN_REQUEST */
        Buffer management; /* the content of GET_VALUES */
        uint8_t reply[FCGI_SERVER_REPLY_MAX];
        size_t n_ignored; /* records that no request needed, since the last request ended */
        bool active;      /* id, keep_conn and params are those of a request */
        bool close;       /* the reply to the last request is given */
        const char *error;
};

/* Bounds: pairs and bytes of parameters of one request. */
void fcgi_server_init(FcgiServer *server, size_t n_params_max, size_t params_size_max);
void fcgi_server_done(FcgiServer *server);

/*
 * Consumes up to one event; *ret_used says how much of @data. @size may be 0.
 * In FCGI_SERVER_WHOLE it gives NEED_MORE and consumes nothing; CLOSE and
 * VIOLATION are given again and again. -ENOMEM.
 */
int fcgi_server_feed(FcgiServer *server, const uint8_t *data, size_t size, size_t *ret_used, FcgiEvent *ret);

/* Back to the first byte of a new connection; keeps the memory. */
void fcgi_server_restart(FcgiServer *server);

/*
 * Forgets the request that ended; the connection goes on with the next one.
 * Of a request that is not whole, what still comes is skipped, within the
 * bound for records that nobody needs.
 */
void fcgi_server_next(FcgiServer *server);
