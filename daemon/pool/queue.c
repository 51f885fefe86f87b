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
 *
 * Only KERNEL_MAX messages are in the kernel at a time, because descriptors in
 * flight count against LimitNOFILE of whoever sends next (unix(7), ETOOMANYREFS),
 * and the workers have to be able to hand connections back. The rest waits here.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fcgi/record.h"
#include "ipc/channel.h"
#include "pool/queue.h"
#include "util/fd.h"

#define KERNEL_MAX 128 /* messages, of two descriptors at most; they fit into any socket buffer */
#define PASSPIDFD  76  /* SO_PASSPIDFD of Linux 6.5, newer than our headers */
#define DRAIN_MAX  16  /* receives of 64 KiB before a refused connection is closed */

typedef struct QueueEntry QueueEntry;

struct QueueEntry {
        List link; /* Queue.rest */
        int fd;    /* owned */
        int spool; /* owned */
        uint64_t since_usec;
};

int queue_init(Queue *queue) {
        int r;

        *queue = (Queue)QUEUE_NULL;
        list_init(&queue->rest);
        r = channel_pair(&queue->send_fd, &queue->recv_fd);
        if (r < 0)
                return r;

        /* the workers have the reading end: nothing comes back through it, and nobody filters what is sent */
        if (shutdown(queue->send_fd, SHUT_RD) < 0 ||
            setsockopt(queue->recv_fd, SOL_SOCKET, SO_LOCK_FILTER, &(int){ 1 }, sizeof(int)) < 0)
                return -errno;
        return 0;
}

void queue_mend(Queue *queue) {
        static const struct {
                int name, value;
        } options[] = {
                { SO_PASSCRED, 0 },
                { SO_PASSSEC, 0 },
                { PASSPIDFD, 0 },
                { SO_PEEK_OFF, -1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(options); i++) /* older kernels do not know all of them */
                (void)setsockopt(queue->recv_fd,
                                 SOL_SOCKET,
                                 options[i].name,
                                 &options[i].value,
                                 sizeof(int));
}

static QueueEntry *queue_entry_free(Queue *queue, QueueEntry *entry) {
        list_remove(&entry->link);
        queue->n_rest--;
        fd_close_connection(entry->fd);
        fd_close(entry->spool);
        free(entry);
        return NULL;
}

void queue_done(Queue *queue) {
        while (queue->n_rest > 0)
                queue_entry_free(queue, list_entry(queue->rest.next, QueueEntry, link));
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

        fd_close_connection(fd);
        fd_close(spool);
}

static size_t queue_in_kernel(Queue *queue) {
        ssize_t n = channel_waiting(queue->recv_fd, sizeof(QueueMessage));

        queue->n_kernel = n > 0 ? (size_t)n : 0;
        return queue->n_kernel;
}

size_t queue_length(Queue *queue) {
        return queue_in_kernel(queue) + queue->n_rest;
}

/* Borrows both descriptors. */
static int queue_send(Queue *queue, int fd, int spool, uint64_t since_usec) {
        QueueMessage message = { .since_usec = since_usec };
        int fds[2] = { fd, spool }, r;

        r = fd_send_message(queue->send_fd, &message, sizeof(message), fds, spool >= 0 ? 2 : 1);
        if (r == -EPIPE)
                queue->broken = true;
        if (r >= 0)
                queue->n_kernel++;
        return r;
}

static int queue_append_take_fds(Queue *queue, int fd, int spool, uint64_t since_usec) {
        QueueEntry *entry = malloc(sizeof(*entry));

        if (!entry)
                return -ENOMEM;

        *entry = (QueueEntry){ .fd = fd, .spool = spool, .since_usec = since_usec };
        list_append(&queue->rest, &entry->link);
        queue->n_rest++;
        return 0;
}

int queue_push_take_fds(Queue *queue, int fd, int spool, uint64_t since_usec, size_t n_max) {
        /* asked only when it matters: this is on the path of every request of a kept connection */
        if (queue->n_kernel >= KERNEL_MAX || queue->n_kernel + queue->n_rest >= n_max)
                (void)queue_in_kernel(queue);

        if (queue->n_kernel + queue->n_rest < n_max) {
                if (queue->n_rest == 0 && queue->n_kernel < KERNEL_MAX &&
                    queue_send(queue, fd, spool, since_usec) >= 0) {
                        fd_close_connection(fd);
                        fd_close(spool);
                        return 0;
                }
                if (queue_append_take_fds(queue, fd, spool, since_usec) >= 0)
                        return 0;
        }

        queue->n_dropped++;
        queue_refuse_take_fds(fd, spool);
        return -EAGAIN;
}

void queue_refill(Queue *queue) {
        for (size_t n = queue_in_kernel(queue); n < KERNEL_MAX && queue->n_rest > 0; n++) {
                QueueEntry *entry = list_entry(queue->rest.next, QueueEntry, link);

                if (queue_send(queue, entry->fd, entry->spool, entry->since_usec) < 0)
                        return; /* next time */
                queue_entry_free(queue, entry);
        }
}

static bool queue_oldest(const Queue *queue, QueueMessage *ret) {
        return recv(queue->recv_fd, ret, sizeof(*ret), MSG_PEEK | MSG_DONTWAIT) == (ssize_t)sizeof(*ret);
}

/* The oldest message, if it is from before @deadline_usec. False: there is none, or a worker was faster. */
static bool queue_take_expired(Queue *queue, uint64_t deadline_usec, int fds[static 2]) {
        QueueMessage message;
        size_t n_fds = 2;

        fds[0] = fds[1] = -EBADF;
        if (!queue_oldest(queue, &message) || message.since_usec >= deadline_usec)
                return false;
        if (fd_recv_message(queue->recv_fd, &message, sizeof(message), fds, &n_fds) !=
                    (ssize_t)sizeof(message) ||
            n_fds == 0)
                return false;
        if (message.since_usec < deadline_usec)
                return true;

        /* a younger one: back, to where it is served next */
        if (queue_send(queue, fds[0], fds[1], message.since_usec) < 0)
                queue_refuse_take_fds(fds[0], fds[1]);
        else {
                fd_close_connection(fds[0]);
                fd_close(fds[1]);
        }
        return false;
}

size_t queue_expire(Queue *queue, uint64_t deadline_usec) {
        size_t n_expired = 0;
        int fds[2];

        for (; queue_take_expired(queue, deadline_usec, fds); n_expired++)
                queue_refuse_take_fds(fds[0], fds[1]);

        LIST_FOREACH_SAFE (l, &queue->rest) {
                QueueEntry *entry = list_entry(l, QueueEntry, link);

                if (entry->since_usec >= deadline_usec)
                        break;
                queue_refuse_take_fds(TAKE_FD(entry->fd), TAKE_FD(entry->spool));
                queue_entry_free(queue, entry);
                n_expired++;
        }

        queue->n_refused += n_expired;
        return n_expired;
}
