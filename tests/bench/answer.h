/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One FastCGI answer, as it arrives in pieces
 */

#include <stddef.h>
#include <stdint.h>

enum {
        ANSWER_HEAD_SIZE = 2048, /* of the script's output is looked at for its status */
};

enum {
        ANSWER_E_MORE = 1, /* what was given is used up and the answer has not ended */
        ANSWER_E_BROKEN,   /* this is no FastCGI */
};

typedef struct Answer Answer;

struct Answer {
        uint8_t header[8];
        uint8_t end[8];
        uint8_t head[ANSWER_HEAD_SIZE];
        size_t header_size; /* bytes of the header that are there */
        size_t content;     /* bytes of this record's content that have come */
        size_t head_size;
        size_t left; /* bytes of this record behind those that have come: content and padding */
        uint64_t stdout_size;
};

void answer_init(Answer *answer);

/* 0: the answer has ended, *ret_used bytes of @data were its. ANSWER_E_*. */
int answer_feed(Answer *answer, const uint8_t *data, size_t size, size_t *ret_used);

/* Of a whole answer. */
uint8_t answer_protocol_status(const Answer *answer);
unsigned answer_http_status(const Answer *answer); /* 200 when the script names none */
