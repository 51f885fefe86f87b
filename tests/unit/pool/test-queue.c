/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>
#include "fcgi/record.h"
#include "ipc/channel.h"
#include "pool/queue.h"
#include "test.h"
#include "util/fd.h"

#define MANY 300 /* more than the kernel's part holds */

/* A connection whose client has begun the request @id. Gives the client's end. */
static int push(Queue *queue, uint16_t id, int spool, uint64_t since, size_t n_max, int expected) {
        uint8_t begin[FCGI_BEGIN_SIZE];
        int fds[2];

        test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        fcgi_begin_encode(begin, id, FCGI_RESPONDER, 0);
        test_int(write(fds[1], begin, sizeof(begin)), sizeof(begin));
        test_int(queue_push_take_fds(queue, fds[0], spool, since, n_max), expected);
        return fds[1];
}

/* As a worker does. Gives since_usec. */
static uint64_t take(Queue *queue, int *ret_spool) {
        QueueMessage message;
        int fds[2] = { -EBADF, -EBADF };
        size_t n_fds = 2;

        test_int(fd_recv_message(queue->recv_fd, &message, sizeof(message), fds, &n_fds), sizeof(message));
        test_true(n_fds >= 1);
        fd_close(fds[0]);
        if (ret_spool)
                *ret_spool = fds[1];
        else
                fd_close(fds[1]);
        return message.since_usec;
}

static void check_overloaded(int client, uint16_t id) {
        uint8_t expected[FCGI_END_SIZE], bytes[64];
        ssize_t n;

        fcgi_end_encode(expected, id, 0, FCGI_OVERLOADED);
        n = read(client, bytes, sizeof(bytes));
        test_bytes(bytes, (size_t)n, expected, sizeof(expected));
        test_int(read(client, bytes, sizeof(bytes)), 0);
        fd_close(client);
}

static void test_order_is_kept_beyond_the_kernels_part(void) {
        static int clients[MANY];
        Queue queue;

        test_int(queue_init(&queue), 0);
        for (uint64_t i = 0; i < MANY; i++)
                clients[i] = push(&queue, 1, -EBADF, i, MANY, 0);
        test_int(queue_length(&queue), MANY);
        for (uint64_t i = 0; i < MANY; i++) {
                test_int(take(&queue, NULL), i);
                queue_refill(&queue);
        }
        test_int(queue_length(&queue), 0);
        for (size_t i = 0; i < MANY; i++)
                fd_close(clients[i]);
        queue_done(&queue);
}

static void test_the_spool_travels(void) {
        int spool = fd_open_spool(NULL), client, got;
        Queue queue;
        char text[4];

        test_int(queue_init(&queue), 0);
        test_int(write(spool, "abc", 3), 3);
        client = push(&queue, 1, spool, 7, 10, 0);
        test_int(take(&queue, &got), 7);
        test_int(pread(got, text, sizeof(text), 0), 3);
        fd_close(got);
        fd_close(client);
        queue_done(&queue);
}

static void test_a_full_queue_refuses(void) {
        int clients[4];
        Queue queue;

        test_int(queue_init(&queue), 0);
        for (uint16_t i = 0; i < 3; i++)
                clients[i] = push(&queue, 1, -EBADF, i, 3, 0);
        clients[3] = push(&queue, 258, -EBADF, 9, 3, -EAGAIN);
        check_overloaded(clients[3], 258);
        test_int(queue.n_dropped, 1);
        test_int(queue_length(&queue), 3);
        for (size_t i = 0; i < 3; i++)
                fd_close(clients[i]);
        queue_done(&queue);
}

static void test_what_waited_too_long_is_refused_in_both_parts(void) {
        static int clients[MANY];
        Queue queue;

        test_int(queue_init(&queue), 0);
        for (uint64_t i = 0; i < MANY; i++)
                clients[i] = push(&queue, (uint16_t)(i + 1), -EBADF, i, MANY, 0);
        test_int(queue_expire(&queue, 0), 0);
        test_int(queue_expire(&queue, 3), 3);
        for (uint64_t i = 0; i < 3; i++)
                check_overloaded(clients[i], (uint16_t)(i + 1));
        test_int(queue_length(&queue), MANY - 3);
        queue_refill(&queue);
        test_int(take(&queue, NULL), 3);
        fd_close(clients[3]);
        test_int(queue_expire(&queue, MANY), MANY - 4);
        for (uint64_t i = 4; i < MANY; i++)
                check_overloaded(clients[i], (uint16_t)(i + 1));
        test_int(queue.n_refused, MANY - 1);
        queue_done(&queue);
}

int main(void) {
        test_run(test_order_is_kept_beyond_the_kernels_part);
        test_run(test_the_spool_travels);
        test_run(test_a_full_queue_refuses);
        test_run(test_what_waited_too_long_is_refused_in_both_parts);
        return 0;
}
