/* SPDX-License-Identifier: MIT */
/*
 * The answer on its way out
 *
 * One buffer, laid out so that what is collected can go in one send:
 *
 *      | record header | content, at most CONTENT_MAX | END_REQUEST |
 *
 * CONTENT_MAX is a multiple of eight, so full records need no padding. A peer
 * that takes nothing for timeout_msec is given up: it would hold the worker.
 *
 * An answer that comes slowly must not wait for a full buffer: front ends take a
 * long silence for the end (nginx: fastcgi_read_timeout, 60 s). php-fpm sends every
 * 8 KB, and so does this if nothing has been sent for LATE_USEC. The clock is read
 * only when the buffer passes a multiple of that.
 */

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "fcgi/record.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "worker/answer.h"

#define CONTENT_MAX      65528U
#define LATE_SIZE        8192U
#define LATE_USEC        USEC_PER_SEC
#define RECORDS_PER_SEND 8U

int answer_init(Answer *answer, int timeout_msec, _Atomic uint32_t *begun) {
        *answer = (Answer){ .fd = -EBADF, .timeout_msec = timeout_msec, .begun = begun };
        answer->buffer = malloc(FCGI_HEADER_SIZE + CONTENT_MAX + FCGI_END_SIZE);
        return answer->buffer ? 0 : -ENOMEM;
}

void answer_done(Answer *answer) {
        free(answer->buffer);
        *answer = (Answer){ .fd = -EBADF };
}

void answer_begin(Answer *answer, int fd, uint16_t id) {
        answer->fd = fd;
        answer->id = id;
        answer->failed = false;
        answer->content_size = 0;
        answer->sent_size = 0;
        answer->sent_usec = clock_now_usec();
        atomic_store_explicit(answer->begun, 0, memory_order_relaxed);
}

/* Waits until the peer takes more. False: it does not. */
static bool answer_wait(const Answer *answer) {
        struct pollfd p = { .fd = answer->fd, .events = POLLOUT };

        return poll(&p, 1, answer->timeout_msec) > 0;
}

/* Sends all of @iov, which is used up. */
static int answer_send(Answer *answer, struct iovec *iov, size_t n_iov) {
        if (answer->muted)
                return 0;

        atomic_store_explicit(answer->begun, 1, memory_order_relaxed);
        while (n_iov > 0 && !answer->failed) {
                struct msghdr message = { .msg_iov = iov, .msg_iovlen = n_iov };
                ssize_t n = sendmsg(answer->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0) {
                        if (errno == EINTR || (errno == EAGAIN && answer_wait(answer)))
                                continue;
                        answer->failed = true;
                        break;
                }

                while (n_iov > 0 && (size_t)n >= iov->iov_len) {
                        n -= (ssize_t)iov->iov_len;
                        iov++;
                        n_iov--;
                }
                if (n_iov > 0) {
                        iov->iov_base = (uint8_t *)iov->iov_base + n;
                        iov->iov_len -= (size_t)n;
                }
        }

        return answer->failed ? -EPIPE : 0;
}

/* What is collected, with its header in front; nothing if nothing is. */
static struct iovec answer_take(Answer *answer) {
        size_t size = answer->content_size;

        if (size == 0)
                return (struct iovec){ .iov_base = answer->buffer + FCGI_HEADER_SIZE };

        fcgi_record_encode(answer->buffer, FCGI_STDOUT, answer->id, size, /* padding_size= */ 0);
        answer->sent_size += size;
        answer->content_size = 0;
        return (struct iovec){ .iov_base = answer->buffer, .iov_len = FCGI_HEADER_SIZE + size };
}

int answer_flush(Answer *answer) {
        struct iovec iov = answer_take(answer);

        answer->sent_usec = clock_now_usec();
        return iov.iov_len > 0 ? answer_send(answer, &iov, 1) : 0;
}

/* What is collected, then @data from where it lies: records of CONTENT_MAX. */
static int answer_write_through(Answer *answer, const uint8_t *data, size_t size) {
        while (size > 0) {
                uint8_t headers[RECORDS_PER_SEND][FCGI_HEADER_SIZE];
                struct iovec iov[1 + 2 * RECORDS_PER_SEND];
                size_t n = 0;
                int r;

                iov[n++] = answer_take(answer);
                for (size_t i = 0; i < RECORDS_PER_SEND && size > 0; i++) {
                        size_t chunk = MIN2(size, CONTENT_MAX);

                        fcgi_record_encode(headers[i],
                                           FCGI_STDOUT,
                                           answer->id,
                                           chunk,
                                           /* padding_size= */ 0);
                        iov[n++] = (struct iovec){ headers[i], FCGI_HEADER_SIZE };
                        iov[n++] = (struct iovec){ (void *)data, chunk };
                        answer->sent_size += chunk;
                        data += chunk;
                        size -= chunk;
                }

                r = answer_send(answer, iov, n);
                if (r < 0)
                        return r;
        }

        answer->sent_usec = clock_now_usec();
        return 0;
}

/* The buffer has passed a multiple of LATE_SIZE. */
static int answer_look(Answer *answer) {
        return clock_now_usec() - answer->sent_usec < LATE_USEC ? 0 : answer_flush(answer);
}

int answer_write(Answer *answer, const void *data, size_t size) {
        size_t before = answer->content_size;

        if (answer->failed)
                return -EPIPE;

        if (size > CONTENT_MAX - answer->content_size)
                return answer_write_through(answer, data, size);

        memcpy(answer->buffer + FCGI_HEADER_SIZE + answer->content_size, data, size);
        answer->content_size += size;
        return answer->content_size / LATE_SIZE > before / LATE_SIZE ? answer_look(answer) : 0;
}

int answer_write_error(Answer *answer, const void *data, size_t size) {
        static const uint8_t zeros[7];
        uint8_t header[FCGI_HEADER_SIZE];
        size_t padding;

        size = MIN2(size, CONTENT_MAX);
        if (size == 0) /* an empty record would end the stream (FastCGI 1.0, section 3.3) */
                return 0;

        padding = (8 - size % 8) % 8;
        fcgi_record_encode(header, FCGI_STDERR, answer->id, size, padding);
        return answer_send(answer,
                           (struct iovec[]){
                                   { header, FCGI_HEADER_SIZE },
                                   { (void *)data, size },
                                   { (void *)zeros, padding },
                           },
                           3);
}

int answer_end(Answer *answer, uint32_t app_status, uint8_t protocol_status) {
        struct iovec iov = answer_take(answer);

        /* END_REQUEST stands directly behind the content */
        fcgi_end_encode((uint8_t *)iov.iov_base + iov.iov_len, answer->id, app_status, protocol_status);
        iov.iov_len += FCGI_END_SIZE;
        return answer_send(answer, &iov, 1);
}
