/* SPDX-License-Identifier: MIT */
/*
 * One varlink call over a unix socket
 *
 * The server may be anything: a pool's PHP runs as the user who owns the
 * directory of the socket and can put something else in its place. So the last
 * component of the path is opened without following a symbolic link, must be
 * a socket, and is connected to by that descriptor: root's tool cannot be sent
 * on to the socket of another service. Size, nesting and time are bounded; what
 * the values contain is for the caller to distrust.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "ipc/varlink-client.h"
#include "util/clock.h"
#include "util/fd.h"

static uint64_t client_deadline(uint64_t timeout_usec) {
        return timeout_usec == USEC_INFINITY ? USEC_INFINITY : clock_now_usec() + timeout_usec;
}

/*
 * connect(2) to a full backlog blocks for SO_SNDTIMEO (socket(7)); without
 * blocking it fails with EAGAIN, and nothing could be polled for.
 */
static int client_set_connect_timeout(int fd, uint64_t timeout_usec) {
        struct timeval tv;

        if (timeout_usec == USEC_INFINITY)
                return 0;

        /* 0 would mean no timeout */
        timeout_usec = MAX2(timeout_usec, UINT64_C(1));
        tv = (struct timeval){
                .tv_sec = (time_t)(timeout_usec / USEC_PER_SEC),
                .tv_usec = (suseconds_t)(timeout_usec % USEC_PER_SEC),
        };
        return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0 ? -errno : 0;
}

int varlink_client_connect(int *ret, const char *path, uint64_t timeout_usec) {
        _cleanup_(fd_closep) int fd = -EBADF, node = -EBADF;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        struct stat st;
        int r;

        node = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (node < 0 || fstat(node, &st) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode))
                return -ELOOP;
        if (!S_ISSOCK(st.st_mode))
                return -ENOTSOCK;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        r = timeout_usec == 0 ? fd_set_nonblock(fd, true) : client_set_connect_timeout(fd, timeout_usec);
        if (r < 0)
                return r;

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", node);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno;
        r = fd_set_nonblock(fd, true);
        if (r < 0)
                return r;

        *ret = TAKE_FD(fd);
        return 0;
}

/* Waits for @events until @deadline_usec. */
static int client_wait(int fd, short events, uint64_t deadline_usec) {
        for (;;) {
                struct pollfd p = { .fd = fd, .events = events };
                struct timespec ts, *timeout = NULL;
                int r;

                if (deadline_usec != USEC_INFINITY) {
                        uint64_t now = clock_now_usec();

                        if (now >= deadline_usec)
                                return -ETIMEDOUT;
                        ts.tv_sec = (time_t)((deadline_usec - now) / USEC_PER_SEC);
                        ts.tv_nsec = (long)((deadline_usec - now) % USEC_PER_SEC * 1000);
                        timeout = &ts;
                }

                r = ppoll(&p, 1, timeout, NULL);
                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return -errno;
        }
}

static int client_send(int fd, Buffer *buffer, uint64_t deadline_usec) {
        while (buffer_size(buffer) > 0) {
                ssize_t n = send(fd, buffer_data(buffer), buffer_size(buffer), MSG_NOSIGNAL);
                int r;

                if (n >= 0) {
                        buffer_consume(buffer, (size_t)n);
                        continue;
                }
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
                r = client_wait(fd, POLLOUT, deadline_usec);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Reads until a whole message stands at the front of @buffer. */
static int client_receive(int fd, Buffer *buffer, uint64_t deadline_usec, size_t *ret_size) {
        for (;;) {
                uint8_t *room;
                size_t chunk;
                ssize_t n;
                int r;

                r = varlink_next(buffer, VARLINK_REPLY_MAX, ret_size);
                if (r == 0)
                        return 0;
                if (r != VARLINK_E_MORE)
                        return -EMSGSIZE;

                r = client_wait(fd, POLLIN, deadline_usec);
                if (r < 0)
                        return r;
                chunk = MIN2((size_t)16384, VARLINK_REPLY_MAX - buffer_size(buffer));
                r = buffer_reserve(buffer, chunk, &room);
                if (r < 0)
                        return r;
                n = recv(fd, room, chunk, 0);
                if (n == 0)
                        return -ECONNRESET;
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                if (n > 0)
                        buffer_commit(buffer, (size_t)n);
        }
}

int varlink_client_exchange(int fd,
                            uint64_t timeout_usec,
                            const char *method,
                            struct json_object *parameters,
                            VarlinkReply *ret) {
        uint64_t deadline_usec = client_deadline(timeout_usec);
        _cleanup_(buffer_done) Buffer buffer = BUFFER_NULL(VARLINK_REPLY_MAX);
        size_t size = 0;
        int r;

        r = varlink_call_encode(&buffer, method, parameters);
        if (r < 0)
                return r;
        r = client_send(fd, &buffer, deadline_usec);
        if (r < 0)
                return r;
        r = client_receive(fd, &buffer, deadline_usec, &size);
        if (r < 0)
                return r;

        r = varlink_reply_decode(ret, buffer_data(&buffer), size);
        if (r > 0)
                return r == VARLINK_E_LARGE ? -EMSGSIZE : -EBADMSG;
        return r;
}

int varlink_client_call(const char *path,
                        uint64_t timeout_usec,
                        const char *method,
                        struct json_object *parameters,
                        VarlinkReply *ret) {
        uint64_t deadline = client_deadline(timeout_usec), now;
        _cleanup_(fd_closep) int fd = -EBADF;
        int r;

        /* 0 is for those who do not wait at all */
        r = varlink_client_connect(&fd, path, MAX2(timeout_usec, UINT64_C(1)));
        if (r < 0)
                return r;

        now = clock_now_usec();
        if (deadline != USEC_INFINITY)
                timeout_usec = deadline > now ? deadline - now : 0;
        return varlink_client_exchange(fd, timeout_usec, method, parameters, ret);
}
