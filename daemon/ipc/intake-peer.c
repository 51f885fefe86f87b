/* SPDX-License-Identifier: MIT */
/*
 * The other end of the connection: whether it is still there, and what it still
 * sends. Nothing of this touches the request.
 */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ipc/intake.h"

#define DRAIN_MAX  16
#define DRAIN_SIZE 65536U

/*
 * A peer that has only said all that it will say waits for its answer. On unix
 * sockets POLLHUP tells the one that has closed from it, and from our own
 * shutdown(2) for reading at a stop; on TCP nothing does, and who ends its
 * direction there has gone, as all front ends do it.
 */
static bool peer_has_closed(int fd, short events) {
        struct tcp_info info;
        socklen_t size = sizeof(info);

        if (events & (POLLHUP | POLLERR))
                return true;
        if (!(events & POLLRDHUP))
                return false;

        return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_CLOSE_WAIT;
}

/* The first bytes of those that came with the request; how many. */
static size_t peer_peek(const Intake *intake, void *data, size_t size) {
        uint64_t n;
        ssize_t r;

        if (!intake_has_more(intake))
                return 0;

        if (intake->spool >= 0) {
                r = pread(intake->spool, data, size, (off_t)intake->decoded);
                return r > 0 ? (size_t)r : 0;
        }

        n = buffer_size(&intake->raw) - intake->decoded;
        if (size > n)
                size = (size_t)n;
        memcpy(data, buffer_data(&intake->raw) + intake->decoded, size);
        return size;
}

static bool peer_has_aborted(const Intake *intake) {
        uint8_t header[FCGI_HEADER_SIZE];
        size_t n = peer_peek(intake, header, sizeof(header));
        FcgiRecord record;

        if (n < sizeof(header) &&
            recv(intake->fd, header + n, sizeof(header) - n, MSG_PEEK | MSG_DONTWAIT) !=
                    (ssize_t)(sizeof(header) - n))
                return false;

        fcgi_record_decode(&record, header);
        return record.type == FCGI_ABORT_REQUEST && record.id == intake->server.id;
}

bool intake_is_abandoned(const Intake *intake) {
        struct pollfd p = { .fd = intake->fd, .events = POLLIN | POLLRDHUP };

        if (intake->fd < 0 || intake_has_more(intake) || poll(&p, 1, /* timeout= */ 0) <= 0)
                return false;

        return peer_has_closed(intake->fd, p.revents) || ((p.revents & POLLIN) && peer_has_aborted(intake));
}

bool intake_is_aborted(const Intake *intake) {
        return intake->fd >= 0 && peer_has_aborted(intake);
}

void intake_drain(Intake *intake) {
        uint8_t rest[DRAIN_SIZE];

        for (int i = 0; i < DRAIN_MAX; i++)
                if (recv(intake->fd, rest, sizeof(rest), MSG_DONTWAIT) <= 0)
                        return;
}
