/* SPDX-License-Identifier: MIT */
/*
 * A small HTTP server
 *
 * A connection reads a head, the handler makes the answer at once, the answer
 * is written, and the connection ends: there is nothing to keep in step. It is
 * closed for writing first and read until its peer has closed too, because what
 * is unread at close(2) would reset the connection and lose the answer (RFC 9112 section 9.6).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ctl/serve.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/fd.h"
#include "util/list.h"

#define SERVE_TIMEOUT_USEC (10 * USEC_PER_SEC)

typedef struct ServeConnection ServeConnection;

struct ServeConnection {
        Serve *serve;
        List link; /* Serve.connections, the oldest first */
        int fd;    /* owned */
        sd_event_source *io, *timer;
        Buffer in, out;
        size_t checked; /* bytes of @in that were scanned for the end of the head */
        bool answered;
        bool drains; /* the answer is out */
        bool ended;  /* the client says no more */
};

struct Serve {
        sd_event *event; /* a reference */
        int fd;          /* owned */
        sd_event_source *source;
        List connections;
        unsigned int n_connections;
        ServeHandler handler;
        void *userdata;
};

static const struct {
        unsigned int status;
        const char *reason;
} serve_reasons[] = {
        { 200, "OK" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
};

static const char *serve_reason(unsigned int status) {
        for (size_t i = 0; i < ELEMENTSOF(serve_reasons); i++)
                if (serve_reasons[i].status == status)
                        return serve_reasons[i].reason;

        return "Unknown";
}

static ServeConnection *serve_connection_free(ServeConnection *connection) {
        if (!connection)
                return NULL;

        list_remove(&connection->link);
        connection->serve->n_connections--;
        sd_event_source_disable_unref(connection->io);
        sd_event_source_disable_unref(connection->timer);
        buffer_done(&connection->in);
        buffer_done(&connection->out);
        fd_close(connection->fd);
        free(connection);
        return NULL;
}

/* @with_body: not for HEAD. */
static int serve_compose(Buffer *out, const ServeAnswer *answer, bool with_body) {
        const char *reason = serve_reason(answer->status), *body = answer->body ?: reason;
        size_t size = answer->body ? answer->size : strlen(reason);
        int r;

        r = buffer_appendf(
                out,
                "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n%s\r\n",
                answer->status,
                reason,
                answer->type ?: "text/plain; charset=utf-8",
                size,
                answer->headers ?: "");
        if (r == 0 && with_body)
                r = buffer_append(out, body, size);
        return r;
}

/* What is wrong with the request by itself, or 0. */
static unsigned int serve_refuse(const HttpRequest *request) {
        HttpSlice method = request->method;

        if (request->body != HTTP_BODY_NONE)
                return 413;
        /* methods are case-sensitive (RFC 9110 section 9.1) */
        if ((method.size == 3 && memcmp(method.data, "GET", 3) == 0) ||
            (method.size == 4 &&
             (memcmp(method.data, "HEAD", 4) == 0 || memcmp(method.data, "POST", 4) == 0)))
                return 0;
        return 405;
}

static int serve_answer(ServeConnection *connection, const HttpRequest *request) {
        ServeAnswer answer = { .status = 404 };
        bool head = request->method.size == 4 && memcmp(request->method.data, "HEAD", 4) == 0;
        unsigned int refused = serve_refuse(request);
        int r;

        if (refused > 0)
                answer.status = refused;
        else if (connection->serve->handler(request, &answer, connection->serve->userdata) < 0) {
                free(answer.body);
                answer = (ServeAnswer){ .status = 500 };
        }

        r = serve_compose(&connection->out, &answer, !head);
        free(answer.body);
        connection->answered = true;
        return r;
}

/* What comes behind the request is of no interest; its end need not be that of the answer. 0: go on. 1: over. */
static int serve_drain(ServeConnection *connection) {
        uint8_t rest[4096];
        ssize_t n = recv(connection->fd, rest, sizeof(rest), 0);

        if (n == 0)
                connection->ended = true;
        if (n >= 0)
                return n == 0 && buffer_size(&connection->out) == 0;
        return errno != EAGAIN && errno != EINTR;
}

/* 0: wait for more. 1: over. */
static int serve_read(ServeConnection *connection) {
        uint8_t *room;
        HttpRequest request;
        ssize_t n;
        int r;

        if (connection->answered)
                return serve_drain(connection);

        r = buffer_reserve(&connection->in, 4096, &room);
        if (r < 0)
                return 1;
        n = recv(connection->fd, room, 4096, 0);
        if (n <= 0)
                return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : 1;
        buffer_commit(&connection->in, (size_t)n);

        r = http_request_parse(&request,
                               (const char *)buffer_data(&connection->in),
                               buffer_size(&connection->in),
                               connection->checked,
                               SERVE_HEAD_MAX);
        if (r == HTTP_REQUEST_E_INCOMPLETE) {
                connection->checked = buffer_size(&connection->in);
                return 0;
        }
        if (r == HTTP_REQUEST_E_REJECTED) {
                connection->answered = true;
                return serve_compose(&connection->out, &(ServeAnswer){ .status = request.status }, true) < 0;
        }
        return serve_answer(connection, &request) < 0;
}

static int serve_write(ServeConnection *connection) {
        while (buffer_size(&connection->out) > 0) {
                ssize_t n = send(connection->fd,
                                 buffer_data(&connection->out),
                                 buffer_size(&connection->out),
                                 MSG_NOSIGNAL);

                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : 1;
                buffer_consume(&connection->out, (size_t)n);
        }

        if (connection->answered && !connection->drains) {
                connection->drains = true;
                if (shutdown(connection->fd, SHUT_WR) < 0)
                        return 1;
        }
        return connection->ended;
}

static int serve_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        ServeConnection *connection = userdata;
        int r = 0;

        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
                r = serve_read(connection);
        if (r == 0 && connection->answered)
                r = serve_write(connection);
        if (r == 0)
                r = sd_event_source_set_io_events(
                        source,
                        (connection->ended ? 0U : EPOLLIN) |
                                (buffer_size(&connection->out) > 0 ? EPOLLOUT : 0U));
        if (r != 0)
                serve_connection_free(connection);
        return 0;
}

static int serve_on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        serve_connection_free(userdata);
        return 0;
}

static int serve_on_accept(sd_event_source *source, int listener, uint32_t revents, void *userdata) {
        Serve *serve = userdata;
        ServeConnection *connection;
        int fd;

        /* What accept(2) fails with concerns that connection, or passes: EMFILE. */
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return 0;
        if (serve->n_connections >= SERVE_CONNECTIONS_MAX)
                serve_connection_free(list_entry(serve->connections.next, ServeConnection, link));

        connection = calloc(1, sizeof(*connection));
        if (!connection) {
                fd_close(fd);
                return 0;
        }
        *connection = (ServeConnection){ .serve = serve, .fd = fd };
        buffer_init(&connection->in, SERVE_HEAD_MAX + 4096);
        buffer_init(&connection->out, SERVE_BODY_MAX);
        list_append(&serve->connections, &connection->link);
        serve->n_connections++;

        if (sd_event_add_io(serve->event, &connection->io, fd, EPOLLIN, serve_on_io, connection) < 0 ||
            sd_event_add_time_relative(serve->event,
                                       &connection->timer,
                                       CLOCK_MONOTONIC,
                                       SERVE_TIMEOUT_USEC,
                                       /* accuracy= */ 0,
                                       serve_on_timeout,
                                       connection) < 0)
                serve_connection_free(connection);
        return 0;
}

int serve_new_take_fd(Serve **ret, sd_event *event, int fd, ServeHandler handler, void *userdata) {
        _cleanup_(serve_freep) Serve *serve = NULL;
        int r;

        serve = calloc(1, sizeof(*serve));
        if (!serve)
                return -ENOMEM;

        *serve = (Serve){ .event = sd_event_ref(event),
                          .fd = -EBADF,
                          .handler = handler,
                          .userdata = userdata };
        list_init(&serve->connections);
        r = sd_event_add_io(event, &serve->source, fd, EPOLLIN, serve_on_accept, serve);
        if (r < 0)
                return r;
        r = sd_event_source_set_ratelimit(serve->source,
                                          100 * USEC_PER_MSEC,
                                          100); /* EMFILE must not spin */
        if (r < 0)
                return r;

        serve->fd = fd;
        *ret = TAKE_PTR(serve);
        return 0;
}

Serve *serve_free(Serve *serve) {
        if (!serve)
                return NULL;

        LIST_FOREACH_SAFE (l, &serve->connections)
                serve_connection_free(list_entry(l, ServeConnection, link));
        sd_event_source_disable_unref(serve->source);
        fd_close(serve->fd);
        sd_event_unref(serve->event);
        free(serve);
        return NULL;
}
