/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The answer to one request on its way out: bytes of stdout become STDOUT
 * records, the end an END_REQUEST record. Small answers leave in one send.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Answer Answer;

struct Answer {
        int fd;           /* borrowed */
        int timeout_msec; /* most waiting for the peer to take more */
        uint16_t id;
        bool failed;         /* the peer is gone: nothing more is sent */
        uint8_t *buffer;     /* owned: room for a record header, content, END_REQUEST */
        size_t content_size; /* bytes of content in buffer */
        uint64_t sent_size;  /* bytes of content sent */
};

int answer_init(Answer *answer, int timeout_msec);
void answer_done(Answer *answer);

void answer_begin(Answer *answer, int fd, uint16_t id);

/* 0 or -errno: the peer is gone. Data beyond the buffer are sent from where they lie. */
int answer_write(Answer *answer, const void *data, size_t size);
int answer_flush(Answer *answer);
int answer_end(Answer *answer, uint32_t app_status, uint8_t protocol_status);
