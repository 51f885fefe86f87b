/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The answer to one request on its way out: bytes of stdout become STDOUT
 * records, the end an END_REQUEST record. Small answers leave in one send.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Answer Answer;

struct Answer {
        int fd;           /* borrowed */
        int timeout_msec; /* most waiting for the peer to take more */
        uint16_t id;
        bool muted;              /* nothing is sent, and all is well */
        bool failed;             /* the peer is gone: nothing more is sent */
        _Atomic uint32_t *begun; /* borrowed: set when the first bytes of the answer go out */
        uint8_t *buffer;         /* owned: room for a record header, content, END_REQUEST */
        size_t content_size;     /* bytes of content in buffer */
        uint64_t sent_usec;      /* when the answer began, or some of it was last sent */
        uint64_t sent_size;      /* bytes of content sent; a signal handler looks at it */
};

int answer_init(Answer *answer, int timeout_msec, _Atomic uint32_t *begun);
void answer_done(Answer *answer);

void answer_begin(Answer *answer, int fd, uint16_t id);

/*
 * 0 or -errno: the peer is gone. Data beyond the buffer are sent from where they lie,
 * and what has waited in it for a second leaves with the next few kilobytes.
 */
int answer_write(Answer *answer, const void *data, size_t size);
int answer_flush(Answer *answer);
/* A STDERR record of its own, before what is collected. Longer text is cut to one record. */
int answer_write_error(Answer *answer, const void *data, size_t size);
int answer_end(Answer *answer, uint32_t app_status, uint8_t protocol_status);
