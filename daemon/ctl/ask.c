/* SPDX-License-Identifier: MIT */
/*
 * The same question to many pools at once
 *
 * One silent pool may cost its timeout, a hundred of them must not cost a
 * hundred: up to ASK_PARALLEL connections are open at a time, and poll(2) says
 * which of them goes on. The list is walked once; what is open lies between
 * `first`, the first that has not ended, and `next`, the first that has not begun.
 */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include "ctl/ask.h"
#include "ipc/varlink-client.h"
#include "util/clock.h"
#include "util/fd.h"

/* Descriptors, of which 1024 is the usual limit, and replies of up to VARLINK_REPLY_MAX. */
#define ASK_PARALLEL 256U

typedef struct AskRun AskRun;

struct AskRun {
        Ask *asks;
        size_t n_asks;
        size_t first, next;
        size_t n_open;
        struct pollfd *polls; /* owned; ASK_PARALLEL of them */
        const char *method;
        uint64_t timeout_usec;
        uint64_t deadline_usec;
};

static void ask_end(AskRun *run, Ask *ask, int result) {
        fd_close(ask->fd);
        ask->fd = -EBADF;
        ask->result = result;
        buffer_done(&ask->buffer);
        run->n_open--;
}

static void ask_begin(AskRun *run, Ask *ask, uint64_t now) {
        int r;

        *ask = (Ask){ .path = ask->path, .fd = -EBADF, .deadline_usec = now + run->timeout_usec };
        buffer_init(&ask->buffer, VARLINK_REPLY_MAX);
        run->n_open++;

        r = varlink_client_connect(&ask->fd, ask->path, /* timeout_usec= */ 0);
        if (r == 0)
                r = varlink_call_encode(&ask->buffer, run->method, NULL);
        if (r < 0)
                ask_end(run, ask, r);
}

/* 0: it has to wait for more; 1: it is over, well; -errno. */
static int ask_receive(Ask *ask) {
        for (;;) {
                size_t size, chunk = MIN2((size_t)16384, VARLINK_REPLY_MAX - buffer_size(&ask->buffer));
                uint8_t *room;
                ssize_t n;
                int r;

                r = varlink_next(&ask->buffer, VARLINK_REPLY_MAX, &size);
                if (r == 0) {
                        r = varlink_reply_decode(&ask->reply, buffer_data(&ask->buffer), size);
                        return r == 0 ? 1 : r < 0 ? r : r == VARLINK_E_LARGE ? -EMSGSIZE : -EBADMSG;
                }
                if (r != VARLINK_E_MORE)
                        return -EMSGSIZE;

                r = buffer_reserve(&ask->buffer, chunk, &room);
                if (r < 0)
                        return r;
                n = recv(ask->fd, room, chunk, MSG_DONTWAIT);
                if (n <= 0)
                        return n == 0 ? -ECONNRESET : errno == EAGAIN || errno == EINTR ? 0 : -errno;
                buffer_commit(&ask->buffer, (size_t)n);
        }
}

static int ask_advance(Ask *ask) {
        while (!ask->sent) {
                ssize_t n = send(ask->fd,
                                 buffer_data(&ask->buffer),
                                 buffer_size(&ask->buffer),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                buffer_consume(&ask->buffer, (size_t)n);
                ask->sent = buffer_size(&ask->buffer) == 0;
        }

        return ask_receive(ask);
}

/* Those that are over make room for the next. */
static void ask_fill(AskRun *run, uint64_t now) {
        while (run->first < run->next && run->asks[run->first].fd < 0)
                run->first++;

        while (run->next < run->n_asks && run->n_open < ASK_PARALLEL)
                ask_begin(run, &run->asks[run->next++], now);
}

/* The time until the next deadline, in ms; -1: nothing is open. */
static int ask_gather(AskRun *run, uint64_t now, nfds_t *ret_n) {
        uint64_t wait = run->deadline_usec > now ? run->deadline_usec - now : 0;
        nfds_t n = 0;

        for (size_t i = run->first; i < run->next; i++) {
                const Ask *ask = &run->asks[i];

                if (ask->fd < 0)
                        continue;
                run->polls[n++] = (struct pollfd){ .fd = ask->fd, .events = ask->sent ? POLLIN : POLLOUT };
                wait = MIN2(wait, ask->deadline_usec > now ? ask->deadline_usec - now : 0);
        }

        *ret_n = n;
        return n > 0 ? (int)(wait / USEC_PER_MSEC) + 1 : -1;
}

static void ask_serve(AskRun *run, nfds_t n_polls, uint64_t now) {
        nfds_t at = 0;

        for (size_t i = run->first; i < run->next && at < n_polls; i++) {
                Ask *ask = &run->asks[i];
                int r = 0;

                if (ask->fd != run->polls[at].fd)
                        continue;
                if (run->polls[at++].revents != 0)
                        r = ask_advance(ask);
                if (r == 0 && now >= MIN2(ask->deadline_usec, run->deadline_usec))
                        r = -ETIMEDOUT;
                if (r != 0)
                        ask_end(run, ask, MIN2(r, 0));
        }
}

int ask_all(Ask *asks, size_t n_asks, const char *method, uint64_t timeout_usec) {
        uint64_t now = clock_now_usec();
        AskRun run = {
                .asks = asks,
                .n_asks = n_asks,
                .polls = calloc(ASK_PARALLEL, sizeof(*run.polls)),
                .method = method,
                .timeout_usec = timeout_usec,
                .deadline_usec = now + 2 * timeout_usec,
        };
        _cleanup_(freep) struct pollfd *polls = run.polls;

        if (!polls)
                return -ENOMEM;

        for (;;) {
                nfds_t n;
                int wait;

                if (now < run.deadline_usec)
                        ask_fill(&run, now);
                wait = ask_gather(&run, now, &n);
                if (wait < 0)
                        break;
                (void)poll(polls, n, wait); /* EINTR is a round without events */
                now = clock_now_usec();
                ask_serve(&run, n, now);
        }

        for (size_t i = run.next; i < n_asks; i++)
                asks[i].result = -ETIMEDOUT;
        return 0;
}

void ask_done(Ask *ask) {
        if (ask->result == 0)
                varlink_reply_done(&ask->reply);
}
