/* SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <sys/socket.h>
#include "peer.h"

static void tcp_pair(int fds[static 2]) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        test_int(bind(listener, (struct sockaddr *)&address, size), 0);
        test_int(listen(listener, 1), 0);
        test_int(getsockname(listener, (struct sockaddr *)&address, &size), 0);
        fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        test_int(connect(fds[1], (struct sockaddr *)&address, size), 0);
        fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        test_true(fds[0] >= 0);
        close(listener);
}

enum {
        WAY_NOTHING,  /* the peer waits */
        WAY_SAID_ALL, /* it has shut its direction down */
        WAY_STOP,     /* we read no more, as at a stop */
        WAY_ABORT,
        WAY_OTHER_ABORT, /* of another request */
        WAY_CLOSE,
        _WAY_MAX,
};

/* What intake_is_abandoned() says, or intake_is_aborted(). */
static bool ask_of(bool (*function)(const Intake *intake), bool tcp, int way) {
        Buffer wire = WIRE_NULL, more = WIRE_NULL;
        Intake intake;
        bool answer;
        int fds[2];

        if (tcp)
                tcp_pair(fds);
        else
                test_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        intake_init(&intake, &small);
        intake_attach_take_fd(&intake, fds[0], 1);
        wire_whole(&wire, 7, 10, 10);
        send_bytes(fds[1], &wire, 0, buffer_size(&wire));
        test_int(intake_read(&intake), 0);

        if (way == WAY_SAID_ALL)
                test_int(shutdown(fds[1], SHUT_WR), 0);
        if (way == WAY_STOP)
                test_int(shutdown(fds[0], SHUT_RD), 0);
        if (way == WAY_ABORT || way == WAY_OTHER_ABORT) {
                wire_record(&more, 2, way == WAY_ABORT ? 7 : 8, "", 0);
                send_bytes(fds[1], &more, 0, buffer_size(&more));
        }
        if (way == WAY_CLOSE)
                fds[1] = fd_close(fds[1]);
        usleep(1000); /* loopback is not instant */

        answer = function(&intake);
        fd_close(fds[1]);
        intake_done(&intake);
        buffer_done(&wire);
        buffer_done(&more);
        return answer;
}

static void test_who_has_gone_and_who_only_waits(void) {
        static const bool expected_unix[_WAY_MAX] = { [WAY_ABORT] = true, [WAY_CLOSE] = true };

        for (int way = 0; way < _WAY_MAX; way++)
                if (ask_of(intake_is_abandoned, false, way) != expected_unix[way])
                        test_fail("unix, way %d", way);

        test_true(!ask_of(intake_is_abandoned, true, WAY_NOTHING));
        test_true(!ask_of(intake_is_abandoned, true, WAY_STOP));
        test_true(ask_of(intake_is_abandoned, true, WAY_ABORT));
        test_true(ask_of(intake_is_abandoned, true, WAY_CLOSE));
}

static void test_only_the_record_aborts(void) {
        for (int way = 0; way < _WAY_MAX; way++) {
                if (ask_of(intake_is_aborted, false, way) != (way == WAY_ABORT))
                        test_fail("unix, way %d", way);
                if (ask_of(intake_is_aborted, true, way) != (way == WAY_ABORT))
                        test_fail("tcp, way %d", way);
        }
}

/* Of an ABORT_REQUEST with @id, @n bytes come with the request and the others later; @travels: they are in a file then. */
static bool is_aborted_by(uint16_t id, size_t n, bool travels) {
        Buffer wire = WIRE_NULL;
        size_t request_size;
        Intake first, again, *intake = &first;
        bool answer;
        int peer = connect_intake(&first, &small);

        wire_whole(&wire, 7, 10, 10);
        request_size = buffer_size(&wire);
        wire_record(&wire, 2, id, "", 0);
        send_bytes(peer, &wire, 0, request_size + n);
        test_int(intake_read(&first), 0);
        test_true(intake_has_more(&first) == (n > 0));
        if (travels) {
                travel(&first, &again);
                test_int(intake_read(&again), 0);
                intake = &again;
        }
        send_bytes(peer, &wire, request_size + n, buffer_size(&wire));

        answer = intake_is_aborted(intake);
        test_true(intake_is_abandoned(intake) ==
                  (answer && n == 0)); /* what came with it may be a next request's */
        close(peer);
        intake_done(intake);
        buffer_done(&wire);
        return answer;
}

static void test_an_abort_that_comes_with_its_request(void) {
        for (size_t n = 0; n <= FCGI_HEADER_SIZE; n++)
                for (int travels = 0; travels <= 1; travels++) {
                        if (!is_aborted_by(7, n, travels))
                                test_fail("%zu bytes came with it, in a file: %d", n, travels);
                        if (is_aborted_by(8, n, travels))
                                test_fail("another's, %zu bytes came with it, in a file: %d", n, travels);
                }
}

int main(void) {
        test_run(test_who_has_gone_and_who_only_waits);
        test_run(test_only_the_record_aborts);
        test_run(test_an_abort_that_comes_with_its_request);
        return 0;
}
