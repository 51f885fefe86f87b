/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Varlink messages: a JSON object, ended by a NUL byte
 *
 *   call:  {"method": "io.phppool.Pool.GetStatus", "parameters": {...}}
 *   reply: {"parameters": {...}}  or  {"error": "org...", "parameters": {...}}
 *
 * Pure: bytes in, structures out. Both sides treat the other as hostile: a
 * message has a largest size, a deepest nesting and a largest number of objects
 * and arrays (an empty one costs three bytes to send, and some hundred to hold).
 */

#include <stdbool.h>
#include <stddef.h>
#include "util/buffer.h"
#include "util/cleanup.h"

typedef struct VarlinkCall VarlinkCall;
typedef struct VarlinkReply VarlinkReply;

struct json_object;

enum {
        VARLINK_CALL_MAX = 64 * 1024,      /* bytes of a call with its NUL */
        VARLINK_REPLY_MAX = 1024 * 1024,   /* bytes of a reply with its NUL */
        VARLINK_DEPTH_MAX = 16,            /* the status nests five deep */
        VARLINK_CONTAINERS_MAX = 8 * 1024, /* workers.max is at most 4096, an object each */
        VARLINK_VALUES_MAX = 64 * 1024,    /* json-c makes some hundred bytes of each */
};

enum {
        _VARLINK_E_SUCCESS,
        VARLINK_E_MORE,      /* the message has not ended yet */
        VARLINK_E_LARGE,     /* a limit above is passed */
        VARLINK_E_MALFORMED, /* not JSON, or JSON that is not such a message */
};

struct VarlinkCall {
        char *method;                   /* owned; "interface.Method" */
        struct json_object *parameters; /* owned; an object, or NULL */
        bool oneway;                    /* wants no reply */
};

struct VarlinkReply {
        char *error;                    /* owned; NULL: success */
        struct json_object *parameters; /* owned; an object, or NULL */
};

/*
 * The size of the first message in @buffer, without its NUL: 0,
 * VARLINK_E_MORE, or VARLINK_E_LARGE when it cannot end within @max bytes.
 */
int varlink_next(const Buffer *buffer, size_t max, size_t *ret_size);

/* 0, VARLINK_E_MALFORMED, VARLINK_E_LARGE, -ENOMEM. */
int varlink_call_decode(VarlinkCall *ret, const void *text, size_t size);
void varlink_call_done(VarlinkCall *call);
int varlink_reply_decode(VarlinkReply *ret, const void *text, size_t size);
void varlink_reply_done(VarlinkReply *reply);

/*
 * Append a message and its NUL. @parameters, may be NULL, stays the caller's. 0, -ENOMEM;
 * -ENOBUFS: larger than the limit of its kind or of the buffer; nothing is appended.
 */
int varlink_call_encode(Buffer *buffer, const char *method, struct json_object *parameters);
int varlink_reply_encode(Buffer *buffer, const char *error, struct json_object *parameters);
