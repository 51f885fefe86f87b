/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>
#include "peer.h"

static void check_body(Intake *intake, size_t size) {
        uint8_t *expected = malloc(size + 1), *data = malloc(size + 64);
        IntakeCursor cursor = {};
        size_t done = 0;
        ssize_t n;

        fill(expected, size);
        while ((n = intake_read_body(intake, &cursor, data + done, 61)) > 0) {
                done += (size_t)n;
                test_true(done <= size);
        }
        test_int(n, 0);
        test_bytes(data, done, expected, size);
        test_int(intake->body_size, size);
        test_string(pairs_get(&intake->server.params, "X", NULL), "Y");
        free(expected);
        free(data);
}
static void test_a_request_in_one_piece(void) {
        Buffer wire = WIRE_NULL;
        Intake intake;
        int peer = connect_intake(&intake, &small);

        wire_whole(&wire, 1, 100, 33);
        send_bytes(peer, &wire, 0, buffer_size(&wire));
        test_int(intake_read(&intake), 0);
        check_body(&intake, 100);
        test_true(!intake_has_more(&intake));
        test_true(intake.fresh);
        test_int(intake_next(&intake), 0);
        test_true(!intake.fresh);
        test_true(intake_is_quiet(&intake));
        test_int(intake_read(&intake), INTAKE_E_WAIT);
        close(peer);
        test_int(intake_read(&intake), INTAKE_E_CLOSED);
        intake_done(&intake);
        buffer_done(&wire);
}

static void test_a_request_cut_at_every_byte(void) {
        Buffer wire = WIRE_NULL;

        wire_whole(&wire, 1, 700, 97);
        for (size_t cut = 1; cut < buffer_size(&wire); cut++) {
                Intake intake;
                int peer = connect_intake(&intake, &small);

                send_bytes(peer, &wire, 0, cut);
                test_int(intake_read(&intake), INTAKE_E_WAIT);
                test_true(!intake_is_quiet(&intake));
                send_bytes(peer, &wire, cut, buffer_size(&wire));
                test_int(intake_read(&intake), 0);
                check_body(&intake, 700);
                intake_done(&intake);
                close(peer);
        }
        buffer_done(&wire);
}

/* From a worker to the manager and back, with every number of bytes read. */
static void test_half_a_request_travels_at_every_byte(void) {
        Buffer wire = WIRE_NULL;

        wire_whole(&wire, 1, 300, 61);
        for (size_t cut = 1; cut < buffer_size(&wire); cut++) {
                Intake worker, manager, again;
                int peer = connect_intake(&worker, &small), spool;

                send_bytes(peer, &wire, 0, cut);
                test_int(intake_read(&worker), INTAKE_E_WAIT);
                test_int(intake_pack(&worker, &spool), 0);
                intake_init(&manager, &small);
                test_int(intake_attach_take_fds(&manager, dup(worker.fd), dup(spool), 5), 0);
                intake_done(&worker);

                test_int(intake_read(&manager), INTAKE_E_WAIT);
                send_bytes(peer, &wire, cut, buffer_size(&wire));
                test_int(intake_read(&manager), 0);
                test_int(intake_pack(&manager, &spool), 0);
                intake_init(&again, &small);
                test_int(intake_attach_take_fds(&again, dup(manager.fd), dup(spool), 5), 0);
                intake_done(&manager);

                test_int(intake_read(&again), 0);
                check_body(&again, 300);
                intake_done(&again);
                close(peer);
        }
        buffer_done(&wire);
}

static void test_pipelined_requests(size_t body_size) {
        Buffer wire = WIRE_NULL;
        Intake intake;
        int peer = connect_intake(&intake, &small);

        for (unsigned int i = 1; i <= 3; i++)
                wire_whole(&wire, i, body_size, 100);
        send_bytes(peer, &wire, 0, buffer_size(&wire));
        for (unsigned int i = 1; i <= 3; i++) {
                test_int(intake_read(&intake), 0);
                test_int(intake.server.id, i);
                check_body(&intake, body_size);
                test_int(intake_next(&intake), 0);
        }
        test_true(intake_is_quiet(&intake));
        test_int(intake_read(&intake), INTAKE_E_WAIT);
        intake_done(&intake);
        close(peer);
        buffer_done(&wire);
}

static void test_pipelined_requests_stay_apart(void) {
        test_pipelined_requests(0);
        test_pipelined_requests(50);
        test_pipelined_requests(900);
        test_pipelined_requests(5000);
}

static void test_a_body_beyond_the_limit(void) {
        IntakeLimits limits = small;
        Buffer wire = WIRE_NULL;
        Intake intake;
        int peer;

        limits.body_max = 4999;
        peer = connect_intake(&intake, &limits);
        wire_whole(&wire, 1, 5000, 1000);
        send_bytes(peer, &wire, 0, buffer_size(&wire));
        test_int(intake_read(&intake), INTAKE_E_TOO_LARGE);
        intake_done(&intake);
        close(peer);
        buffer_done(&wire);
}

/* Who sends faster than we read has no end of bytes. */
static void test_a_read_ends_after_so_many_receives(void) {
        IntakeLimits limits = small;
        Buffer wire = WIRE_NULL;
        size_t n_calls = 1;
        Intake intake;
        int peer, r;

        limits.receives_max = 3;
        peer = connect_intake(&intake, &limits);
        wire_whole(&wire, 1, 5000, 1000);
        send_bytes(peer, &wire, 0, buffer_size(&wire));
        for (; (r = intake_read(&intake)) == INTAKE_E_WAIT; n_calls++)
                test_int(intake.decoded, n_calls * limits.receives_max * limits.chunk_size);
        test_int(r, 0);
        test_int(n_calls, buffer_size(&wire) / (limits.receives_max * limits.chunk_size) + 1);
        check_body(&intake, 5000);
        intake_done(&intake);
        close(peer);
        buffer_done(&wire);
}

static void test_an_aborted_request_does_not_run_and_the_connection_stays(void) {
        Buffer wire = WIRE_NULL;
        uint8_t bytes[64];
        Intake intake;
        int peer = connect_intake(&intake, &small);

        wire_begin(&wire, 1, 1, 1);
        wire_record(&wire, 4, 1, L("\x01\x01XZ"));
        wire_record(&wire, 4, 1, "", 0);
        wire_record(&wire, 5, 1, L("part"));
        wire_record(&wire, 2, 1, "", 0);
        wire_whole(&wire, 2, 10, 10);
        send_bytes(peer, &wire, 0, buffer_size(&wire));
        test_int(intake_read(&intake), 0);
        test_int(intake.server.id, 2);
        check_body(&intake, 10);
        test_int(read(peer, bytes, sizeof(bytes)), 16);
        test_int(bytes[1], FCGI_END_REQUEST);
        intake_done(&intake);
        close(peer);
        buffer_done(&wire);
}

static void test_an_end_in_the_middle_is_no_request(void) {
        Buffer wire = WIRE_NULL;

        wire_whole(&wire, 1, 20, 20);
        for (size_t cut = 1; cut < buffer_size(&wire); cut++) {
                Intake intake;
                int peer = connect_intake(&intake, &small);

                send_bytes(peer, &wire, 0, cut);
                close(peer);
                test_int(intake_read(&intake), INTAKE_E_BROKEN);
                test_true(intake.error != NULL);
                intake_done(&intake);
        }
        buffer_done(&wire);
}

static void test_a_file_that_shrinks_is_no_request(void) {
        Buffer wire = WIRE_NULL;
        int fds[2], spool = fd_open_spool(NULL);
        Intake intake;

        wire_whole(&wire, 1, 3000, 100);
        test_int(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        test_int(fd_write_all(spool, buffer_data(&wire), buffer_size(&wire)), 0);
        intake_init(&intake, &small);
        test_int(intake_attach_take_fds(&intake, fds[0], spool, 1), 0);
        test_int(ftruncate(spool, 700), 0);
        test_int(intake_read(&intake), -EIO);
        intake_done(&intake);
        close(fds[1]);
        buffer_done(&wire);
}

static size_t received(int fd) {
        uint8_t bytes[4096];
        ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        return n > 0 ? (size_t)n : 0;
}

static void test_a_reply_is_sent_once_however_often_the_request_travels(void) {
        Intake first, second, third;
        Buffer wire = WIRE_NULL;
        int peer = connect_intake(&first, &small);

        wire_begin(&wire, 1, 1, 1);
        wire_begin(&wire, 2, 1, 1); /* gets CANT_MPX_CONN */
        send_bytes(peer, &wire, 0, buffer_size(&wire));
        test_int(intake_read(&first), INTAKE_E_WAIT);
        test_int(received(peer), FCGI_END_SIZE);
        travel(&first, &second);
        test_int(intake_read(&second), INTAKE_E_WAIT);
        test_int(received(peer), 0);

        buffer_clear(&wire);
        wire_begin(&wire, 3, 1, 1); /* and this one, from the second */
        wire_record(&wire, 4, 1, L("\x01\x01XY"));
        wire_record(&wire, 4, 1, "", 0);
        wire_record(&wire, 5, 1, "", 0);
        send_bytes(peer, &wire, 0, buffer_size(&wire));
        test_int(intake_read(&second), 0);
        test_int(received(peer), FCGI_END_SIZE);
        travel(&second, &third);
        test_int(intake_read(&third), 0);
        test_int(received(peer), 0);
        check_body(&third, 0);
        intake_done(&third);
        close(peer);
        buffer_done(&wire);
}

static void test_what_concerns_no_request_is_forgotten(void) {
        Buffer wire = WIRE_NULL;
        Intake intake;
        int peer = connect_intake(&intake, &small);

        wire_record(&wire, 77, 0, L("?"));
        wire_record(&wire, 2, 9, "", 0);
        wire_begin(&wire, 1, 9, 1);
        send_bytes(peer, &wire, 0, buffer_size(&wire));
        test_int(intake_read(&intake), INTAKE_E_WAIT);
        test_true(intake_is_quiet(&intake));
        test_int(received(peer), FCGI_UNKNOWN_TYPE_SIZE + FCGI_END_SIZE);
        intake_done(&intake);
        close(peer);
        buffer_done(&wire);
}

static void test_much_may_stand_behind_an_abort_in_a_file(void) {
        static uint8_t body[3000];
        Intake first, second;
        Buffer wire = WIRE_NULL;
        int peer = connect_intake(&first, &small);

        wire_begin(&wire, 1, 1, 1);
        wire_record(&wire, 4, 1, L("\x01\x01XZ"));
        wire_record(&wire, 4, 1, "", 0);
        wire_record(&wire, 5, 1, body, sizeof(body));
        send_bytes(peer, &wire, 0, buffer_size(&wire));
        test_int(intake_read(&first), INTAKE_E_WAIT);

        buffer_clear(&wire);
        wire_record(&wire, 2, 1, "", 0);
        for (unsigned int i = 2; i < 6; i++)
                wire_whole(&wire, i, 2500, 400);
        test_int(fd_write_all(first.spool, buffer_data(&wire), buffer_size(&wire)), 0);
        travel(&first, &second);
        for (unsigned int i = 2; i < 6; i++) {
                test_int(intake_read(&second), 0);
                test_int(second.server.id, i);
                check_body(&second, 2500);
                test_int(intake_next(&second), 0);
        }
        test_true(intake_is_quiet(&second));
        intake_done(&second);
        close(peer);
        buffer_done(&wire);
}

/* A connected pair over TCP. */

int main(void) {
        test_run(test_a_request_in_one_piece);
        test_run(test_a_request_cut_at_every_byte);
        test_run(test_half_a_request_travels_at_every_byte);
        test_run(test_pipelined_requests_stay_apart);
        test_run(test_a_body_beyond_the_limit);
        test_run(test_a_read_ends_after_so_many_receives);
        test_run(test_an_aborted_request_does_not_run_and_the_connection_stays);
        test_run(test_an_end_in_the_middle_is_no_request);
        test_run(test_a_file_that_shrinks_is_no_request);
        test_run(test_a_reply_is_sent_once_however_often_the_request_travels);
        test_run(test_what_concerns_no_request_is_forgotten);
        test_run(test_much_may_stand_behind_an_abort_in_a_file);
        return 0;
}
