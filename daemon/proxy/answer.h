/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The response to the client: head, framing, pages
 *
 * Everything is appended to connection->out. Appending never fails here: what
 * did not fit is remembered and ends the connection when it is flushed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "http/response.h"

struct iovec;
typedef struct Answer Answer;
typedef struct Exchange Exchange;

typedef enum AnswerFraming {
        ANSWER_NO_BODY, /* HEAD, 204, 304 */
        ANSWER_LENGTH,
        ANSWER_CHUNKED,
        ANSWER_UNTIL_CLOSE, /* to HTTP/1.0, length unknown */
} AnswerFraming;

struct Answer {
        AnswerFraming framing;
        uint64_t left; /* ANSWER_LENGTH: bytes still due */
        unsigned int status;
        bool begun;
};

/* Status line and the fields that each answer has. @reason may be empty. */
void answer_begin(Exchange *exchange, unsigned int status, HttpSlice reason, bool has_date);
void answer_header(Exchange *exchange, HttpSlice name, HttpSlice value);
void answer_string(Exchange *exchange, const char *name, const char *value);
void answer_length(Exchange *exchange, uint64_t size);
void answer_end_head(Exchange *exchange);

/* The head of a pool's response. @whole: its body is all there and has @size bytes. */
void answer_response(Exchange *exchange, const HttpResponse *response, bool whole, uint64_t size);
/* 103: the fields alone, and the answer is still to come. */
void answer_interim(Exchange *exchange, const HttpResponse *response);
void answer_body(Exchange *exchange, const struct iovec *slices, size_t n_slices);
/* False: the body is shorter than was promised; the connection has to be cut. */
bool answer_end(Exchange *exchange);

/* A whole answer: a short page that says what happened and names the request. */
void answer_page(Exchange *exchange, unsigned int status, const char *explanation); /* NULL: the usual one */
void answer_redirect(Exchange *exchange, unsigned int status, const char *location);
/* The fields that errors of this status have. */
void answer_error_fields(Exchange *exchange, unsigned int status);

bool answer_is_to_head(const Exchange *exchange);
bool answer_has_no_body(unsigned int status);
