/* SPDX-License-Identifier: MIT */
/*
 * Two loops in one. Closed: a connection sends its next request when it has its
 * answer. Open: requests are due at times of their own, whatever has become of
 * those before; one that finds all connections taken waits, and its latency
 * counts from when it was due. So a server that stalls is charged for all that
 * came due meanwhile, and cannot slow down its own measurement.
 *
 * A connection is closed, idle (open, nothing sent) or busy. Free ones, closed
 * or idle, lie on a stack: the warmest is used first.
 *
 * A server may close a kept connection at any time. One that ends unused is
 * opened anew; one that ends after a request was sent, but before any of the
 * answer came, was closed in that instant: the request is sent once more, on a
 * new connection, as front ends do.
 */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "bench/answer.h"
#include "bench/load.h"
#include "bench/pace.h"
#include "util/cleanup.h"
#include "util/clock.h"

enum {
        EVENTS_MAX = 128,
        READ_SIZE = 65536,
};

/* A closed loop that cannot connect tries again after this time. */
#define PAUSE_USEC (10 * USEC_PER_MSEC)

typedef struct Connection {
        int fd;
        bool busy;
        bool used;     /* has given an answer before */
        bool repeated; /* this request was on a stale connection */
        bool answered; /* some of the answer has come */
        size_t sent;
        uint64_t intended_usec;
        Answer answer;
} Connection;

struct Load {
        const LoadOptions *options; /* not owned */
        LoadReport *report;         /* not owned */
        int epoll_fd;
        int timer_fd;
        uint64_t start_usec;
        uint64_t end_usec;   /* nothing is sent after it */
        uint64_t pause_usec; /* closed loop: nothing is sent before it */
        uint64_t sent;       /* requests, repetitions not counted */
        Pace pace;           /* open loop: of the next request to send */
        Connection *connections;
        Connection **free; /* stack */
        size_t n_free;
        uint8_t buffer[READ_SIZE];
};

static const char *const error_names[_LOAD_ERROR_MAX] = {
        [LOAD_ERROR_CONNECT] = "connect", [LOAD_ERROR_RESET] = "reset",
        [LOAD_ERROR_SHORT] = "short",     [LOAD_ERROR_OVERLOADED] = "overloaded",
        [LOAD_ERROR_STATUS] = "status",   [LOAD_ERROR_PROTOCOL] = "protocol",
};

const char *load_error_to_string(LoadError error) {
        return error_names[error];
}

static void connection_close(Connection *c) {
        if (c->fd >= 0)
                (void)close(c->fd);
        c->fd = -EBADF;
        c->used = false;
}

static void load_release(Load *load, Connection *c) {
        c->busy = false;
        load->free[load->n_free++] = c;
}

static void load_fail(Load *load, Connection *c, LoadError error) {
        load->report->errors[error]++;
        connection_close(c);
        load_release(load, c);
        if (error == LOAD_ERROR_CONNECT)
                load->pause_usec = clock_now_usec() + PAUSE_USEC;
}

static int connection_open(Load *load, Connection *c) {
        const LoadOptions *o = load->options;
        struct epoll_event event = {
                .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                .data.ptr = c,
        };

        c->fd = socket(o->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (c->fd < 0)
                return -errno;
        if (o->address.ss_family != AF_UNIX)
                (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        if (connect(c->fd, (const struct sockaddr *)&o->address, o->address_size) < 0 &&
            errno != EINPROGRESS)
                return -errno;
        if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
                return -errno;
        return 0;
}

static void connection_write(Load *load, Connection *c);
static void connection_read(Load *load, Connection *c);

/* Opens what is closed and sends what can be sent. */
static void connection_begin(Load *load, Connection *c) {
        c->busy = true;
        c->answered = false;
        c->sent = 0;
        answer_init(&c->answer);

        if (c->fd < 0 && connection_open(load, c) < 0) {
                load_fail(load, c, LOAD_ERROR_CONNECT);
                return;
        }
        connection_write(load, c);
}

/* The connection is gone: @error is 0 for an end of file. */
static void connection_lost(Load *load, Connection *c, int error) {
        if (c->used && !c->answered && !c->repeated) {
                load->report->stale++;
                c->repeated = true;
                connection_close(c);
                connection_begin(load, c);
        } else if (c->sent == 0 && error != 0 && error != EPIPE && error != ECONNRESET) {
                load_fail(load, c, LOAD_ERROR_CONNECT);
        } else {
                load_fail(load, c, error != 0 ? LOAD_ERROR_RESET : LOAD_ERROR_SHORT);
        }
}

static void connection_write(Load *load, Connection *c) {
        const LoadOptions *o = load->options;

        while (c->sent < o->request_size) {
                ssize_t n = send(c->fd, o->request + c->sent, o->request_size - c->sent, MSG_NOSIGNAL);

                if (n < 0) {
                        /* The answer may be there all the same, and reading finds the end as well. */
                        if (errno == EPIPE || errno == ECONNRESET)
                                connection_read(load, c);
                        else if (errno != EAGAIN)
                                connection_lost(load, c, errno);
                        return;
                }
                c->sent += (size_t)n;
                load->report->bytes_out += (uint64_t)n;
        }
}

static void connection_answered(Load *load, Connection *c) {
        LoadReport *report = load->report;
        uint8_t status = answer_protocol_status(&c->answer);

        if (status == 2) {
                report->errors[LOAD_ERROR_OVERLOADED]++;
        } else if (status != 0) {
                report->errors[LOAD_ERROR_PROTOCOL]++;
        } else if (answer_http_status(&c->answer) >= 400) {
                report->errors[LOAD_ERROR_STATUS]++;
        } else {
                report->answers++;
                histogram_add(&report->latency_usec, clock_now_usec() - c->intended_usec);
        }

        c->used = true;
        if (!load->options->keep || c->sent < load->options->request_size)
                connection_close(c);
        load_release(load, c);
}

/* Reads until there is nothing more to read, or the answer has ended. */
static void connection_read(Load *load, Connection *c) {
        for (;;) {
                ssize_t n = recv(c->fd, load->buffer, sizeof(load->buffer), 0);
                size_t used;
                int r;

                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0) {
                        connection_lost(load, c, n < 0 ? errno : 0);
                        return;
                }

                c->answered = true;
                load->report->bytes_in += (uint64_t)n;
                r = answer_feed(&c->answer, load->buffer, (size_t)n, &used);
                if (r == ANSWER_E_BROKEN || (r == 0 && used < (size_t)n)) {
                        load_fail(load, c, LOAD_ERROR_PROTOCOL);
                        return;
                }
                if (r == 0) {
                        connection_answered(load, c);
                        return;
                }
        }
}

static void connection_event(Load *load, Connection *c, uint32_t events) {
        if (c->fd < 0)
                return;
        if (!c->busy) {
                /* It is on the stack already. Only its end, or what nobody asked for, is news. */
                if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                        connection_close(c);
                return;
        }
        if (events & EPOLLOUT)
                connection_write(load, c);
        if (c->busy && c->fd >= 0 && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                connection_read(load, c);
        /* An end behind the answer is not told of again. */
        if (!c->busy && events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                connection_close(c);
}

/* In an open loop also what came due before the end and has not been sent yet. */
static bool load_may_send(const Load *load, uint64_t now) {
        if (load->options->count_max > 0 && load->sent >= load->options->count_max)
                return false;
        return (load->options->rate > 0 ? pace_next(&load->pace) : now) < load->end_usec;
}

/* Sends what is due as long as a connection is free. */
static void load_send(Load *load) {
        bool open = load->options->rate > 0;

        while (load->n_free > 0) {
                uint64_t now = clock_now_usec();
                Connection *c;

                if (!load_may_send(load, now) || (open ? pace_next(&load->pace) : load->pause_usec) > now)
                        return;

                c = load->free[--load->n_free];
                c->intended_usec = open ? pace_next(&load->pace) : now;
                c->repeated = false;
                load->sent++;
                if (open)
                        pace_advance(&load->pace);
                connection_begin(load, c);
        }
}

static int load_arm(Load *load, uint64_t now) {
        uint64_t at = load->end_usec + load->options->grace_usec;
        struct itimerspec timer = {};

        /* Without a free connection it is an answer that is waited for, not the clock. */
        if (load->n_free > 0 && load_may_send(load, now))
                at = MIN2(
                        at,
                        MAX2(load->options->rate > 0 ? pace_next(&load->pace) : load->pause_usec, now + 1));
        timer.it_value = (struct timespec){
                .tv_sec = (time_t)(at / USEC_PER_SEC),
                .tv_nsec = (long)(at % USEC_PER_SEC * 1000),
        };
        return timerfd_settime(load->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL) < 0 ? -errno : 0;
}

static bool load_over(const Load *load, uint64_t now) {
        if (now >= load->end_usec + load->options->grace_usec)
                return true;
        return load->n_free == load->options->connections_max && !load_may_send(load, now);
}

/* What was due and has no answer. */
static void load_count_unanswered(Load *load, uint64_t now) {
        LoadReport *report = load->report;

        for (unsigned i = 0; i < load->options->connections_max; i++) {
                Connection *c = load->connections + i;

                if (!c->busy)
                        continue;
                report->unanswered++;
                report->unanswered_usec = MAX2(report->unanswered_usec, now - c->intended_usec);
        }

        if (load->options->rate <= 0)
                return;
        while (load_may_send(load, now)) {
                report->unanswered++;
                report->unanswered_usec = MAX2(report->unanswered_usec, now - pace_next(&load->pace));
                load->sent++;
                pace_advance(&load->pace);
        }
}

static int load_loop(Load *load) {
        struct epoll_event events[EVENTS_MAX];
        uint64_t ticks, now = load->start_usec;
        int n, r;

        for (;;) {
                load_send(load);
                now = clock_now_usec();
                if (load_over(load, now))
                        break;
                r = load_arm(load, now);
                if (r < 0)
                        return r;
                n = epoll_wait(load->epoll_fd, events, EVENTS_MAX, -1);
                if (n < 0 && errno != EINTR)
                        return -errno;
                for (int i = 0; i < n; i++)
                        if (events[i].data.ptr)
                                connection_event(load, events[i].data.ptr, events[i].events);
                        else
                                (void)!read(load->timer_fd, &ticks, sizeof(ticks));
        }

        load->report->elapsed_usec = MIN2(now, load->end_usec) - load->start_usec;
        load_count_unanswered(load, now);
        return 0;
}

static void load_free(Load *load) {
        for (unsigned i = 0; load->connections && i < load->options->connections_max; i++)
                connection_close(load->connections + i);
        if (load->epoll_fd >= 0)
                (void)close(load->epoll_fd);
        if (load->timer_fd >= 0)
                (void)close(load->timer_fd);
        free(load->connections);
        free(load->free);
        free(load);
}
DEFINE_CLEANUP(Load *, load_free);

int load_run(const LoadOptions *options, LoadReport *ret) {
        _cleanup_(load_freep) Load *load = calloc(1, sizeof(*load));

        if (!load)
                return -ENOMEM;
        load->options = options;
        load->report = ret;
        load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        load->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (load->epoll_fd < 0 || load->timer_fd < 0)
                return -errno;
        if (epoll_ctl(load->epoll_fd,
                      EPOLL_CTL_ADD,
                      load->timer_fd,
                      &(struct epoll_event){ .events = EPOLLIN }) < 0)
                return -errno;

        load->connections = calloc(options->connections_max, sizeof(*load->connections));
        load->free = calloc(options->connections_max, sizeof(Connection *));
        if (!load->connections || !load->free)
                return -ENOMEM;
        for (unsigned i = 0; i < options->connections_max; i++) {
                load->connections[i].fd = -EBADF;
                load->free[load->n_free++] = load->connections + i;
        }

        load->start_usec = clock_now_usec();
        load->end_usec = load->start_usec + options->duration_usec;
        if (options->rate > 0)
                pace_init(&load->pace, load->start_usec, options->rate, options->poisson, options->seed);
        return load_loop(load);
}
