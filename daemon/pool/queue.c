/* SPDX-License-Identifier: MIT */
/*
 * The queue that all workers share
 *
 * A SOCK_SEQPACKET pair: each message carries one connection and reaches one
 * worker, in order, and waits in the kernel, so a worker takes it without the
 * manager's help and a dead manager loses none that a worker can still serve.
 * Its length is what the kernel says (SIOCINQ counts whole messages), so no
 * counter can drift. A message cannot be called back, but the manager holds the
 * reading end as well: to refuse what has waited too long it looks at the
 * oldest message (MSG_PEEK, without taking the descriptors) and then takes it
 * as a worker would. If a worker was faster it finds a younger one in its
 * hands, and puts that back.
 */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fcgi/record.h"
#include "ipc/channel.h"
#include "pool/queue.h"
#include "util/fd.h"

#define QUEUE_BUFFER_SIZE (4U << 20) /* the kernel caps it at net.core.wmem_max */
#define DRAIN_MAX         16         /* receives of 64 KiB before a refused connection is closed */

int queue_init(Queue *queue) {
        int size = QUEUE_BUFFER_SIZE, r;

        *queue = (Queue)QUEUE_NULL;
        r = channel_pair(&queue->send_fd, &queue->recv_fd);
        if (r < 0)
                return r;

        (void)setsockopt(queue->send_fd,
                         SOL_SOCKET,
                         SO_SNDBUF,
                         &size,
                         sizeof(size)); /* then it holds fewer */
        return 0;
}

void queue_done(Queue *queue) {
        fd_close(queue->send_fd);
        fd_close(queue->recv_fd);
        *queue = (Queue)QUEUE_NULL;
}

/* The id of the request that waits in @fd or @spool; 1, which all web servers use, if it cannot be seen. */
static uint16_t queue_request_id(int fd, int spool) {
        uint8_t bytes[FCGI_HEADER_SIZE];
        FcgiRecord record;
        ssize_t n;

        if (spool >= 0)
                n = pread(spool, bytes, sizeof(bytes), 0);
        else
                n = recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
        if (n != (ssize_t)sizeof(bytes))
                return 1;

        fcgi_record_decode(&record, bytes);
        return record.type == FCGI_BEGIN_REQUEST ? record.id : 1;
}

/* Answers FCGI_OVERLOADED. Unread bytes are taken first: closing on them would reset the connection (unix(7), TCP)
 * and could take the answer with it. */
static void queue_refuse_take_fds(int fd, int spool) {
        uint16_t id = queue_request_id(fd, spool);
        uint8_t end[FCGI_END_SIZE], rest[65536];

        fcgi_end_encode(end, id, /* app_status= */ 0, FCGI_OVERLOADED);
        (void)send(fd, end, sizeof(end), MSG_DONTWAIT | MSG_NOSIGNAL); /* or it is gone */
        for (int i = 0; i < DRAIN_MAX && recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0; i++)
                ;

        fd_close(fd);
        fd_close(spool);
}

int queue_push_take_fds(Queue *queue, int fd, int spool, uint64_t since_usec) {
        QueueMessage message = { .since_usec = since_usec };
        int fds[2] = { fd, spool }, r;

        r = fd_send_message(queue->send_fd, &message, sizeof(message), fds, spool >= 0 ? 2 : 1);
        if (r < 0) {
                queue->n_dropped++;
                queue_refuse_take_fds(fd, spool);
                return r == -ETOOMANYREFS || r == -ENOBUFS || r == -ENOMEM ? -EAGAIN : r;
        }

        fd_close(fd);
        fd_close(spool);
        return 0;
}

size_t queue_length(const Queue *queue) {
        ssize_t n = channel_waiting(queue->recv_fd, sizeof(QueueMessage));

        return n > 0 ? (size_t)n : 0;
}

static bool queue_oldest(const Queue *queue, QueueMessage *ret) {
        return recv(queue->recv_fd, ret, sizeof(*ret), MSG_PEEK | MSG_DONTWAIT) == (ssize_t)sizeof(*ret);
}

size_t queue_expire(Queue *queue, uint64_t deadline_usec) {
        QueueMessage message;
        size_t n_expired = 0;

        while (queue_oldest(queue, &message) && message.since_usec < deadline_usec) {
                int fds[2] = { -EBADF, -EBADF };
                size_t n_fds = ELEMENTSOF(fds);

                if (fd_recv_message(queue->recv_fd, &message, sizeof(message), fds, &n_fds) !=
                            (ssize_t)sizeof(message) ||
                    n_fds == 0)
                        break;

                if (message.since_usec >= deadline_usec) {
                        (void)queue_push_take_fds(queue,
                                                  fds[0],
                                                  fds[1],
                                                  message.since_usec); /* or it is refused */
                        break;
                }

                queue_refuse_take_fds(fds[0], fds[1]);
                queue->n_refused++;
                n_expired++;
        }

        return n_expired;
}
